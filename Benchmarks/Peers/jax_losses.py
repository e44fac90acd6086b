"""The losses in JAX, along axis 1.

Two forms of each loss of labels, of which the worker keeps the faster on this machine: XLA on the CPU differentiates
a gather into a scatter, a loop of its own, while a mask is fused with the pass over the logits. For 10 classes the
mask is as fast or a little faster; for 32000 the gather takes 8.5 ms for the gradient of 512 rows, not 14.5. Through
log_softmax that is 20 ms.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.nn import logsumexp

from exercise import IGNORED, SMOOTHING

Array = jax.Array


def gathered(x: Array, labels: Array) -> Array:
    return jnp.take_along_axis(x, jnp.expand_dims(labels, 1), axis=1).squeeze(1)


def masked(x: Array, labels: Array) -> Array:
    classes = jnp.arange(x.shape[1], dtype=labels.dtype).reshape(1, -1, *(1,) * (x.ndim - 2))
    return jnp.where(classes == jnp.expand_dims(labels, 1), x, 0).sum(axis=1)


def cross_entropy(pick: Callable[[Array, Array], Array]) -> Callable[..., Array]:
    return lambda x, labels: jnp.mean(logsumexp(x, axis=1) - pick(x, labels))


def cross_entropy_options(pick: Callable[[Array, Array], Array]) -> Callable[..., Array]:
    def loss(x: Array, labels: Array, weight: Array) -> Array:
        counted = labels != IGNORED
        labels = jnp.where(counted, labels, 0)
        weights = jnp.where(counted, weight[labels], 0)
        lse = logsumexp(x, axis=1)
        smooth = jnp.where(counted, lse * weight.sum() - x @ weight, 0)
        losses = (1 - SMOOTHING) * weights * (lse - pick(x, labels)) + SMOOTHING / x.shape[1] * smooth
        return losses.sum() / weights.sum()

    return loss


def cross_entropy_soft(x: Array, probabilities: Array) -> Array:
    return jnp.mean(logsumexp(x, axis=1) * probabilities.sum(axis=1) - (probabilities * x).sum(axis=1))


def cross_entropy_soft_logs(x: Array, probabilities: Array) -> Array:
    return -jnp.mean((probabilities * log_softmax(x)).sum(axis=1))


LOSSES: dict[str, tuple[tuple[str, ...], list[Callable[..., Array]]]] = {
    "cross-entropy": (("labels",), [cross_entropy(gathered), cross_entropy(masked)]),
    "cross-entropy-options": (("labels", "weight"), [cross_entropy_options(gathered), cross_entropy_options(masked)]),
    "cross-entropy-soft": (("probabilities",), [cross_entropy_soft, cross_entropy_soft_logs]),
    "segmentation": (("labels",), [cross_entropy(gathered), cross_entropy(masked)]),
}


def log_softmax(x: Array) -> Array:
    return jax.nn.log_softmax(x, axis=1)


def log_softmax_vjp(y: Array, upstream: Array) -> Array:
    return upstream - jnp.exp(y) * upstream.sum(axis=1, keepdims=True)


def log_softmax_both(x: Array, upstream: Array) -> tuple[Array, Array]:
    y, pullback = jax.vjp(log_softmax, x)
    return y, pullback(upstream)[0]


def log_softmax_both_by_hand(x: Array, upstream: Array) -> tuple[Array, Array]:
    y = log_softmax(x)
    return y, log_softmax_vjp(y, upstream)
