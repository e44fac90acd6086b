"""The rows in PyTorch, written as its users write them; what eager and compiled PyTorch have in common."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from exercise import IGNORED, LEARNING_RATE, SMOOTHING

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


def linear_cross_entropy_in_chunks(x: Tensor, weight: Tensor, labels: Tensor) -> Tensor:
    from torch.nn.modules.linear_cross_entropy_options import LinearCrossEntropyOptions

    return F.linear_cross_entropy(x, weight, labels, options=LinearCrossEntropyOptions())


LOSSES: dict[str, tuple[Callable[..., Tensor], tuple[str, ...]]] = {
    "cross-entropy": (cross_entropy, ("labels",)),
    "cross-entropy-options": (cross_entropy_options, ("labels", "weight")),
    "cross-entropy-soft": (cross_entropy, ("probabilities",)),
    "segmentation": (cross_entropy, ("labels",)),
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
