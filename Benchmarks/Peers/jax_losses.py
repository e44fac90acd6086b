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
from jax.scipy.special import xlogy

from exercise import EPSILON, GAMMA, IGNORED, SMOOTHING, TEMPERATURE, Z_LOSS

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


def cross_entropy_z_loss(pick: Callable[[Array, Array], Array]) -> Callable[..., Array]:
    smoothed = cross_entropy_options(pick)

    def loss(x: Array, labels: Array, weight: Array) -> Array:
        return smoothed(x, labels, weight) + Z_LOSS * jnp.square(logsumexp(x, axis=1)).sum() / weight[labels].sum()

    return loss


def cross_entropy_temperature(pick: Callable[[Array, Array], Array]) -> Callable[..., Array]:
    plain = cross_entropy(pick)
    return lambda x, labels: plain(x / TEMPERATURE, labels)


def focal_loss(pick: Callable[[Array, Array], Array]) -> Callable[..., Array]:
    def loss(x: Array, labels: Array) -> Array:
        surprisal = logsumexp(x, axis=1) - pick(x, labels)
        return jnp.mean((1 - jnp.exp(-surprisal)) ** GAMMA * surprisal)

    return loss


def poly_loss(pick: Callable[[Array, Array], Array]) -> Callable[..., Array]:
    def loss(x: Array, labels: Array) -> Array:
        surprisal = logsumexp(x, axis=1) - pick(x, labels)
        return jnp.mean(surprisal + EPSILON * (1 - jnp.exp(-surprisal)))

    return loss


def kl_divergence(x: Array, probabilities: Array) -> Array:
    # Some probabilities are 0.
    return (xlogy(probabilities, probabilities) - probabilities * log_softmax(x)).sum() / len(x)


def multi_margin(pick: Callable[[Array, Array], Array]) -> Callable[..., Array]:
    def loss(x: Array, labels: Array) -> Array:
        # The label's own term is the margin.
        violations = jnp.maximum(1 - jnp.expand_dims(pick(x, labels), 1) + x, 0).sum(axis=1) - 1
        return jnp.mean(violations) / x.shape[1]

    return loss


def binary_cross_entropy(x: Array, targets: Array) -> Array:
    return jnp.mean(jnp.maximum(x, 0) - x * targets + jnp.log1p(jnp.exp(-jnp.abs(x))))


def binary_cross_entropy_logs(x: Array, targets: Array) -> Array:
    return -jnp.mean(targets * jax.nn.log_sigmoid(x) + (1 - targets) * jax.nn.log_sigmoid(-x))


LOSSES: dict[str, tuple[tuple[str, ...], list[Callable[..., Array]]]] = {
    "cross-entropy": (("labels",), [cross_entropy(gathered), cross_entropy(masked)]),
    "cross-entropy-options": (("labels", "weight"), [cross_entropy_options(gathered), cross_entropy_options(masked)]),
    "cross-entropy-soft": (("probabilities",), [cross_entropy_soft, cross_entropy_soft_logs]),
    "cross-entropy-z-loss": (("labels", "weight"), [cross_entropy_z_loss(gathered), cross_entropy_z_loss(masked)]),
    "cross-entropy-temperature": (("labels",), [cross_entropy_temperature(gathered), cross_entropy_temperature(masked)]),
    "segmentation": (("labels",), [cross_entropy(gathered), cross_entropy(masked)]),
    "focal-loss": (("labels",), [focal_loss(gathered), focal_loss(masked)]),
    "poly-loss": (("labels",), [poly_loss(gathered), poly_loss(masked)]),
    "kl-divergence": (("probabilities",), [kl_divergence]),
    "multi-margin": (("labels",), [multi_margin(gathered), multi_margin(masked)]),
    "binary-cross-entropy": (("targets",), [binary_cross_entropy, binary_cross_entropy_logs]),
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
