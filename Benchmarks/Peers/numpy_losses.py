"""The losses in NumPy, along axis 1: each makes a function that returns the loss, or the loss and the gradient."""

from collections.abc import Callable

import numpy as np

from exercise import IGNORED, SMOOTHING

Inputs = dict[str, np.ndarray]


class Softmax:
    """The exponentials of each row, less its maximum, and their sums, in memory kept between calls."""

    def __init__(self, x: np.ndarray):
        self.x, self.exponentials = x, np.empty_like(x)

    def update(self) -> np.ndarray:
        """The rows' log of the sum of exp."""
        maximum = self.x.max(axis=1, keepdims=True)
        np.subtract(self.x, maximum, out=self.exponentials)
        np.exp(self.exponentials, out=self.exponentials)
        self.sums = self.exponentials.sum(axis=1, keepdims=True)
        return np.log(self.sums) + maximum

    def times(self, factors: np.ndarray) -> np.ndarray:
        """The softmax times a factor per row, in the exponentials' place."""
        return np.multiply(self.exponentials, factors / self.sums, out=self.exponentials)


def cross_entropy(inputs: Inputs, both: bool) -> Callable:
    x, labels = inputs["logits"], np.expand_dims(inputs["labels"], 1)
    softmax, share = Softmax(x), x.dtype.type(1 / labels.size)

    def run():
        loss = (softmax.update() - np.take_along_axis(x, labels, axis=1)).mean()
        if not both:
            return loss
        gradient = softmax.times(share)
        at_labels = np.take_along_axis(gradient, labels, axis=1)
        np.put_along_axis(gradient, labels, at_labels - share, axis=1)
        return loss, gradient

    return run


def cross_entropy_options(inputs: Inputs, both: bool) -> Callable:
    x, weight = inputs["logits"], inputs["weight"]
    softmax, spread = Softmax(x), x.dtype.type(SMOOTHING / x.shape[1])
    keep = x.dtype.type(1 - SMOOTHING)

    def run():
        counted = np.expand_dims(inputs["labels"] != IGNORED, 1)
        labels = np.where(counted, np.expand_dims(inputs["labels"], 1), 0)
        weights = np.where(counted, weight[labels], 0).astype(x.dtype, copy=False)
        total = weights.sum()
        lse = softmax.update()
        smooth = np.where(counted, lse * weight.sum() - (x @ weight)[:, None], 0)
        loss = (keep * weights * (lse - np.take_along_axis(x, labels, axis=1)) + spread * smooth).sum() / total
        if not both:
            return loss
        own, rest = keep * weights / total, counted * (spread / total)
        gradient = softmax.times(own + rest * weight.sum())
        np.subtract(gradient, rest * weight, out=gradient)
        at_labels = np.take_along_axis(gradient, labels, axis=1)
        np.put_along_axis(gradient, labels, at_labels - own, axis=1)
        return loss, gradient

    return run


def cross_entropy_soft(inputs: Inputs, both: bool) -> Callable:
    x, probabilities = inputs["logits"], inputs["probabilities"]
    softmax, share = Softmax(x), x.dtype.type(1 / len(x))
    targets = np.empty_like(x)

    def run():
        lse, sums = softmax.update(), probabilities.sum(axis=1, keepdims=True)
        loss = (lse * sums - np.einsum("ij,ij->i", probabilities, x)[:, None]).mean()
        if not both:
            return loss
        gradient = softmax.times(sums * share)
        np.multiply(probabilities, share, out=targets)
        return loss, np.subtract(gradient, targets, out=gradient)

    return run


LOSSES: dict[str, Callable[[Inputs, bool], Callable]] = {
    "cross-entropy": cross_entropy,
    "cross-entropy-options": cross_entropy_options,
    "cross-entropy-soft": cross_entropy_soft,
    "segmentation": cross_entropy,
}
