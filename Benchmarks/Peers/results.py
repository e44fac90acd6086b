"""What was measured, and what follows from it."""

from dataclasses import dataclass, field

import numpy as np

ENGINE = "engine"
TITLES = {
    ENGINE: "engine", "torch-eager": "PyTorch eager", "torch-compile": "torch.compile", "jax": "JAX jit",
    "torch-chunked": "PyTorch chunked", "numpy": "NumPy",
    "sklearn": "scikit-learn",
}
# NumPy is shown, but nobody trains with it.
RANKED = ("torch-eager", "torch-compile", "jax", "torch-chunked", "sklearn")
RESAMPLES = 10_000


@dataclass
class RowResult:
    row: dict
    samples: dict[str, list[float]] = field(default_factory=dict)
    """Seconds per call, one for each round."""
    unsupported: dict[str, str] = field(default_factory=dict)
    forms: dict[str, dict[str, float]] = field(default_factory=dict)
    """Of contenders that had several: seconds a call, when one was chosen."""
    products: dict[str, list[float]] = field(default_factory=dict)
    """Seconds of a call's matrix products: within the engine's calls, by themselves of the peers."""
    memory: dict[str, int] = field(default_factory=dict)
    """Bytes that a call takes beyond inputs and results."""
    square_rate: float | None = None
    """Operations per second of the best square product, by the engine's word."""

    def product_rate(self, name: str) -> float:
        return self.row["productOperations"] / float(np.median(self.products[name]))

    @property
    def best_product_rate(self) -> float | None:
        """Of all products seen in this run, anybody's: what the machine has to give."""
        if not self.products:
            return None
        return max(self.square_rate or 0, *(self.product_rate(name) for name in self.products))

    @property
    def most(self) -> float | None:
        """The best peer's time over that of the products alone at the best rate: no implementation that does these products
        can be more times as fast."""
        if self.best_product_rate is None or self.best_peer is None:
            return None
        return float(np.median(self.samples[self.best_peer])) * self.best_product_rate / self.row["productOperations"]

    @property
    def best_peer(self) -> str | None:
        return min((n for n in RANKED if n in self.samples), key=lambda n: np.median(self.samples[n]), default=None)

    def ratio(self) -> dict[str, float] | None:
        """The best peer's median over the engine's, with a 95 % bootstrap interval.

        Rounds are drawn, not samples, because what disturbs one contender of a round disturbs its neighbours; and
        the best peer is chosen anew in each draw, so that the choice is part of the uncertainty.
        """
        if self.best_peer is None:
            return None
        engine = np.array(self.samples[ENGINE])
        peers = np.array([self.samples[name] for name in RANKED if name in self.samples])
        drawn = np.random.default_rng(1948).integers(0, len(engine), (RESAMPLES, len(engine)))
        ratios = np.median(peers[:, drawn], axis=2).min(axis=0) / np.median(engine[drawn], axis=1)
        low, high = np.percentile(ratios, [2.5, 97.5])
        value = np.median(peers, axis=1).min() / np.median(engine)
        return {"value": float(value), "low": float(low), "high": float(high)}

    def json(self) -> dict:
        keys = ("identifier", "workload", "shape", "type", "pass", "number", "consumesInput")
        return {
            **{key: self.row[key] for key in keys},
            "contenders": {name: self.contender(name) for name in self.samples},
            "productOperations": self.row.get("productOperations"),
            "bestProductRate": self.best_product_rate,
            "most": self.most,
            "bestPeer": self.best_peer,
            "ratio": self.ratio(),
        }

    def contender(self, name: str) -> dict:
        found = {**quartiles(self.samples[name]), "samples": self.samples[name]}
        if name in self.products:
            found["products"] = {**quartiles(self.products[name]), "samples": self.products[name]}
        if name in self.memory:
            found["bytesBeyondResults"] = self.memory[name]
        if name in self.forms:
            found["forms"] = self.forms[name]
        return found


def quartiles(samples: list[float]) -> dict[str, float]:
    lower, median, upper = np.percentile(samples, [25, 50, 75])
    return {"median": float(median), "lowerQuartile": float(lower), "upperQuartile": float(upper)}


@dataclass
class Comparison:
    date: str
    processor: str
    threads: int
    versions: dict[str, str]
    rounds: int
    heap: str
    rows: list[RowResult] = field(default_factory=list)
    is_partial: bool = True

    def json(self) -> dict:
        return {
            "format": 1, "date": self.date, "processor": self.processor, "threads": self.threads,
            "versions": self.versions, "rounds": self.rounds, "heap": self.heap,
            "rows": [row.json() for row in self.rows],
            "isPartial": self.is_partial,
        }
