"""What was measured, and what follows from it."""

from dataclasses import dataclass, field

import numpy as np

ENGINE = "engine"
TITLES = {
    ENGINE: "engine", "torch-eager": "PyTorch eager", "torch-compile": "torch.compile", "jax": "JAX jit",
    "numpy": "NumPy",
    "sklearn": "scikit-learn",
}
# NumPy is shown, but nobody trains with it.
RANKED = ("torch-eager", "torch-compile", "jax", "sklearn")
RESAMPLES = 10_000


@dataclass
class RowResult:
    row: dict
    samples: dict[str, list[float]] = field(default_factory=dict)
    """Seconds per call, one for each round."""
    unsupported: dict[str, str] = field(default_factory=dict)

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
            "contenders": {name: {**quartiles(s), "samples": s} for name, s in self.samples.items()},
            "bestPeer": self.best_peer,
            "ratio": self.ratio(),
        }


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
