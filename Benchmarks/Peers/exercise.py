"""What a peer makes of a row, and what can be asked of it."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

LEARNING_RATE = 0.01
# Of an epoch with AdamW.
ADAM_RATE = 0.001
WEIGHT_DECAY = 0.01
SMOOTHING = 0.1
Z_LOSS = 1e-4
TEMPERATURE = 2.0
GAMMA = 2
EPSILON = 1.0
IGNORED = -100


class Unsupported(Exception):
    """The peer has no form of this row; the text says why."""


@dataclass(frozen=True)
class Row:
    workload: str
    shape: str
    type: str
    pass_: str

    @classmethod
    def parse(cls, identifier: str) -> "Row":
        parts = identifier.split("/")
        if len(parts) != 4:
            raise ValueError(f"row {identifier!r}: expected workload/shape/type/pass")
        # Only the engine can take its input's memory for the gradient; the peers do the same work without.
        return cls(*parts[:3], parts[3].removesuffix("-consumed"))

    @property
    def has_relu(self) -> bool:
        """Whether the training step has a ReLU between its layers: all but the smallest one."""
        return not self.shape.startswith("2→8→3 ")


    @property
    def batch(self) -> int:
        """Rows of a step of an epoch."""
        return int(self.shape.split(" batch ")[1].split()[0])


@dataclass
class Exercise:
    """One form of a row, with its inputs."""

    run: Callable[[], Any]
    """One call; returns once its results are there."""
    agreement: Callable[[Any], float]
    """The number that all contenders must agree on, from the results of the first call."""
    context: Callable[[], AbstractContextManager] = nullcontext
    """Entered once around many calls, as around a loop over batches."""
    name: str = ""
    """Of this form, where a row has several that are worth telling apart."""
    products: Callable[[], Any] | None = None
    """The matrix products of a call and nothing else, in the same shapes, where `has_products` asks for them."""


Form = Callable[[], Exercise]
"""Makes an exercise with state of its own, so that the forms of a row do not disturb each other."""


def has_products(workload: str) -> bool:
    """Whether the row's matrix products are timed by themselves and its memory is measured."""
    return workload == "linear-cross-entropy"


def is_measured(workload: str, pass_: str) -> bool:
    """Whether the peers take part. They have no public way to a loss's gradient without its value or to a layer's
    without its output, so `both` stands for it."""
    return pass_ != "gradient" or workload == "log-softmax"
