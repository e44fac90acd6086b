"""The rows in PyTorch, written as its users write them; what eager and compiled PyTorch have in common."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from exercise import EPSILON, GAMMA, IGNORED, LEARNING_RATE, SMOOTHING, TEMPERATURE, Z_LOSS, Row

Tensor = torch.Tensor
PARAMETERS = ("linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias")


def tensors(inputs: dict[str, np.ndarray]) -> dict[str, Tensor]:
    # PyTorch has its loss take 64-bit labels; and its own memory is better aligned than NumPy's.
    return {name: torch.tensor(values) for name, values in inputs.items()}


def cross_entropy(x: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(x, labels)


def cross_entropy_options(x: Tensor, labels: Tensor, weight: Tensor) -> Tensor:
    return F.cross_entropy(x, labels, weight=weight, ignore_index=IGNORED, label_smoothing=SMOOTHING)


def linear_cross_entropy(x: Tensor, weight: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(F.linear(x, weight), labels)


def linear_cross_entropy_in_chunks(x: Tensor, weight: Tensor, labels: Tensor, options: Any) -> Tensor:
    return F.linear_cross_entropy(x, weight, labels, options=options)


def products(row: Row, x: Tensor, weight: Tensor, rows: int | None = None) -> Callable[[], Any]:
    """The products of a linear layer's loss, all rows at once or some at a time, into memory that is there."""
    n, rows = len(x), rows or len(x)
    memory: list[Tensor] = []

    def run():
        if not memory:
            memory.extend((x.new_empty(rows, len(weight)), torch.empty_like(x), torch.empty_like(weight)))
        logits, dx, dw = memory
        with torch.inference_mode():
            for start in range(0, n, rows):
                part = x[start:start + rows]
                z = logits[:len(part)]
                torch.mm(part, weight.t(), out=z)
                if row.pass_ == "forward":
                    continue
                torch.mm(z, weight, out=dx[start:start + rows])
                if start == 0:
                    torch.mm(z.t(), part, out=dw)
                else:
                    dw.addmm_(z.t(), part)

    return run


def focal_loss(x: Tensor, labels: Tensor) -> Tensor:
    surprisal = F.cross_entropy(x, labels, reduction="none")
    return ((1 - torch.exp(-surprisal)) ** GAMMA * surprisal).mean()


def poly_loss(x: Tensor, labels: Tensor) -> Tensor:
    surprisal = F.cross_entropy(x, labels, reduction="none")
    return (surprisal + EPSILON * (1 - torch.exp(-surprisal))).mean()


def kl_divergence(x: Tensor, probabilities: Tensor) -> Tensor:
    return F.kl_div(F.log_softmax(x, dim=1), probabilities, reduction="batchmean")


def cross_entropy_z_loss(x: Tensor, labels: Tensor, weight: Tensor) -> Tensor:
    loss = F.cross_entropy(x, labels, weight=weight, label_smoothing=SMOOTHING)
    return loss + Z_LOSS * torch.logsumexp(x, dim=1).square().sum() / weight[labels].sum()


def cross_entropy_temperature(x: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(x / TEMPERATURE, labels)


def adaptive_log_softmax(t: dict[str, Tensor]) -> torch.nn.AdaptiveLogSoftmaxWithLoss:
    parameters = {name: values for name, values in t.items() if name.endswith("weight")}
    sizes = [len(parameters[f"tail.{i}.1.weight"]) for i in range(sum(name.endswith(".1.weight") for name in parameters))]
    ends = [len(parameters["head.weight"]) - len(sizes)]
    for size in sizes:
        ends.append(ends[-1] + size)
    module = torch.nn.AdaptiveLogSoftmaxWithLoss(t["x"].shape[1], ends[-1], ends[:-1])
    module.load_state_dict(parameters)
    return module


LOSSES: dict[str, tuple[Callable[..., Tensor], tuple[str, ...]]] = {
    "cross-entropy": (cross_entropy, ("labels",)),
    "cross-entropy-options": (cross_entropy_options, ("labels", "weight")),
    "cross-entropy-soft": (cross_entropy, ("probabilities",)),
    "cross-entropy-z-loss": (cross_entropy_z_loss, ("labels", "weight")),
    "cross-entropy-temperature": (cross_entropy_temperature, ("labels",)),
    "segmentation": (cross_entropy, ("labels",)),
    "focal-loss": (focal_loss, ("labels",)),
    "poly-loss": (poly_loss, ("labels",)),
    "kl-divergence": (kl_divergence, ("probabilities",)),
    "multi-margin": (F.multi_margin_loss, ("labels",)),
    "binary-cross-entropy": (F.binary_cross_entropy_with_logits, ("targets",)),
}


def log_softmax(x: Tensor) -> Tensor:
    return F.log_softmax(x, dim=1)


def step_loss(parameters: list[Tensor], x: Tensor, labels: Tensor, relu: bool) -> Tensor:
    w1, b1, w2, b2 = parameters
    hidden = F.linear(x, w1, b1)
    return F.cross_entropy(F.linear(F.relu(hidden) if relu else hidden, w2, b2), labels)


def update(parameters: list[Tensor], gradients: tuple[Tensor, ...] | list[Tensor]) -> None:
    # As fast as torch._fused_sgd_ and, on small layers, as a loop; compiled, a loop of sub_ took up to half more.
    torch._foreach_add_(parameters, gradients, alpha=-LEARNING_RATE)


def item(loss: Tensor) -> float:
    return loss.item()


def mean(tensor: Tensor) -> float:
    return tensor.detach().double().mean().item()


def means(results: Any) -> float:
    return sum(mean(result) for result in results)


def gradient_times(x: Tensor, gradient: Tensor) -> float:
    return sum((g.double() @ row.double()).item() for g, row in zip(gradient.detach(), x.detach()))
