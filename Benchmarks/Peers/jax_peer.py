"""JAX, every row one jitted function."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jax_losses
from exercise import ADAM_RATE, LEARNING_RATE, WEIGHT_DECAY, Exercise, Form, Row, Unsupported

REFUSALS: tuple[type[Exception], ...] = ()
PARAMETERS = ("linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias")


def start(threads: int) -> None:
    # Its threads follow the environment and the processors that this process may use; there is no other setting.
    jax.config.update("jax_enable_x64", True)
    # Every call is waited for, so that handing it to another thread only costs: 12 µs, not 37 to 90, for log-softmax
    # of 64×100, 11 µs, not 31, for the gradient of 32×10 logits, nothing to speak of for large ones.
    jax.config.update("jax_cpu_enable_async_dispatch", False)


def release() -> None:
    jax.clear_caches()


def forms(row: Row, inputs: dict[str, np.ndarray]) -> list[Form]:
    # 32-bit labels halve what is read of them; its own type of index is as wide.
    t = {name: jnp.asarray(v.astype(np.int32) if v.dtype == np.int64 else v) for name, v in inputs.items()}
    if row.workload in jax_losses.LOSSES:
        names, losses = jax_losses.LOSSES[row.workload]
        return [partial(loss_exercise, row, loss, [t["logits"], *(t[name] for name in names)]) for loss in losses]
    match row.workload, row.pass_:
        case "log-softmax", "forward":
            return [lambda: exercise(jax_losses.log_softmax, [t["logits"]], mean)]
        case "log-softmax", "gradient":
            y = jax.jit(jax_losses.log_softmax)(t["logits"])
            return [lambda: exercise(
                jax_losses.log_softmax_vjp, [y, t["upstream"]], lambda dx: gradient_times(t["logits"], dx))]
        case "log-softmax", "both":
            return [partial(log_softmax_both, t, both)
                    for both in (jax_losses.log_softmax_both, jax_losses.log_softmax_both_by_hand)]
        case "linear", "forward":
            return [lambda: exercise(linear, [t[name] for name in ("x", "weight", "bias")], mean)]
        case "linear", "both":
            arguments = [t[name] for name in ("x", "weight", "bias", "upstream")]
            return [lambda: exercise(linear_both, arguments, lambda results: sum(mean(r) for r in results))]
        case "linear-cross-entropy", _:
            return [partial(linear_cross_entropy, row, loss, [t[name] for name in ("x", "weight", "labels")])
                    for loss in jax_losses.LOSSES["cross-entropy"][1]]
        case "adaptive-log-softmax", _:
            raise Unsupported("the rows of a cluster are as many as the labels say")
        case "step" | "step-graph", "step":
            return [partial(step, t, row.has_relu, loss) for loss in jax_losses.LOSSES["cross-entropy"][1]]
        case "epoch", "step":
            return [partial(epoch, row, t, loss) for loss in jax_losses.LOSSES["cross-entropy"][1]]
    raise Unsupported(f"no form of {row.workload}, pass {row.pass_}")


def exercise(function: Callable, arguments: list[jax.Array], agreement: Callable[[Any], float]) -> Exercise:
    jitted = jax.jit(function)

    def run():
        # On each array, because jax.block_until_ready walks the tree in Python.
        results = jitted(*arguments)
        for result in results if isinstance(results, tuple) else (results,):
            result.block_until_ready()
        return results

    return Exercise(run, agreement)


def loss_exercise(row: Row, loss: Callable, arguments: list[jax.Array]) -> Exercise:
    if row.pass_ == "forward":
        return exercise(loss, arguments, float)
    return exercise(jax.value_and_grad(loss), arguments, lambda results: float(results[0]))


def log_softmax_both(t: dict[str, jax.Array], both: Callable) -> Exercise:
    x = t["logits"]
    return exercise(both, [x, t["upstream"]], lambda results: gradient_times(x, results[1]))


def linear(x: jax.Array, weight: jax.Array, bias: jax.Array) -> jax.Array:
    return x @ weight.T + bias


def linear_both(x, weight, bias, upstream) -> tuple[jax.Array, ...]:
    y, pullback = jax.vjp(linear, x, weight, bias)
    return y, *pullback(upstream)


def linear_cross_entropy(row: Row, loss: Callable, arguments: list[jax.Array]) -> Exercise:
    def head_loss(x, weight, labels):
        return loss(x @ weight.T, labels)

    def both(*arguments):
        value, gradients = jax.value_and_grad(head_loss, argnums=(0, 1))(*arguments)
        return value, *gradients

    made = exercise(head_loss, arguments, float) if row.pass_ == "forward" \
        else exercise(both, arguments, lambda results: float(results[0]))
    made.products = products(row, *arguments[:2])
    return made


def products(row: Row, x: jax.Array, weight: jax.Array) -> Callable[[], Any]:
    """The products of a linear layer's loss."""
    if row.pass_ == "forward":
        return exercise(lambda x, weight: x @ weight.T, [x, weight], mean).run
    made: list[Exercise] = []

    def run():
        if not made:
            # Numbers of the logits' size and sign in the place of their gradient.
            z = jax.jit(lambda x, weight: x @ weight.T)(x, weight)
            made.append(exercise(lambda x, weight, z: (x @ weight.T, z @ weight, z.T @ x), [x, weight, z], mean))
        return made[0].run()

    return run


def step(t: dict[str, jax.Array], relu: bool, loss: Callable) -> Exercise:
    def step_loss(parameters, x, labels):
        w1, b1, w2, b2 = parameters
        hidden = linear(x, w1, b1)
        return loss(linear(jax.nn.relu(hidden) if relu else hidden, w2, b2), labels)

    # Donated, so that the new parameters take the old ones' place.
    @partial(jax.jit, donate_argnums=0)
    def step(parameters, x, labels):
        value, gradients = jax.value_and_grad(step_loss)(parameters, x, labels)
        return value, [p - LEARNING_RATE * g for p, g in zip(parameters, gradients)]

    parameters = [t[name].copy() for name in PARAMETERS]
    x, labels = t["x"], t["labels"]

    def run():
        nonlocal parameters
        value, parameters = step(parameters, x, labels)
        return value.block_until_ready()

    return Exercise(run, float)


def epoch(row: Row, t: dict[str, jax.Array], loss: Callable) -> Exercise:
    """All batches in one jitted call: whole ones in a scan, the last by itself."""
    def step_loss(parameters, x, labels):
        w1, b1, w2, b2 = parameters
        return loss(linear(jax.nn.relu(linear(x, w1, b1)), w2, b2), labels)

    def step(state, batch):
        parameters, first, second, count = state
        value, gradients = jax.value_and_grad(step_loss)(parameters, *batch)
        count = count + 1
        rate = ADAM_RATE / (1 - jnp.float32(0.9) ** count)
        root = jnp.sqrt(1 - jnp.float32(0.999) ** count)
        first = [m + jnp.float32(0.1) * (g - m) for m, g in zip(first, gradients)]
        second = [jnp.float32(0.999) * v + jnp.float32(0.001) * g * g for v, g in zip(second, gradients)]
        parameters = [p * jnp.float32(1 - ADAM_RATE * WEIGHT_DECAY) - rate * m / (jnp.sqrt(v) / root + jnp.float32(1e-8))
                      for p, m, v in zip(parameters, first, second)]
        return (parameters, first, second, count), value

    @partial(jax.jit, donate_argnums=0)
    def run_epoch(state, x, labels, last_x, last_labels):
        state, values = jax.lax.scan(step, state, (x, labels))
        if len(last_labels):
            state, _ = step(state, (last_x, last_labels))
        return state, values[0]

    parameters = [t[name].copy() for name in PARAMETERS]
    state = (parameters, [jnp.zeros_like(p) for p in parameters], [jnp.zeros_like(p) for p in parameters], jnp.float32(0))
    whole = len(t["labels"]) // row.batch * row.batch
    x, labels = t["x"], t["labels"]
    parts = (x[:whole].reshape(-1, row.batch, x.shape[1]), labels[:whole].reshape(-1, row.batch), x[whole:], labels[whole:])

    def run():
        nonlocal state
        state, value = run_epoch(state, *parts)
        return value.block_until_ready()

    return Exercise(run, float)


def mean(values: jax.Array) -> float:
    return float(np.mean(np.asarray(values), dtype=np.float64))


def gradient_times(x: jax.Array, gradient: jax.Array) -> float:
    return float(np.einsum("ij,ij->", np.asarray(gradient), np.asarray(x), dtype=np.float64))
