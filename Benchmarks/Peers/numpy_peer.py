"""NumPy, every array of the size of the logits allocated once and passed as `out`."""

import numpy as np

import numpy_losses
from exercise import LEARNING_RATE, Exercise, Form, Row, Unsupported

REFUSALS: tuple[type[Exception], ...] = ()
PARAMETERS = ("linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias")


def start(threads: int) -> None:
    # Only its matrix products know threads; OpenBLAS reads their number from the environment.
    pass


def release() -> None:
    pass


def forms(row: Row, inputs: dict[str, np.ndarray]) -> list[Form]:
    if row.workload in numpy_losses.LOSSES:
        return [lambda: loss_exercise(row, inputs)]
    match row.workload:
        case "log-softmax":
            return [lambda: log_softmax(row, inputs["logits"], inputs["upstream"])]
        case "linear":
            return [lambda: linear(row, inputs)]
        case "step" | "step-graph":
            return [lambda: step(row, inputs)]
    raise Unsupported(f"no form of {row.workload}")


def loss_exercise(row: Row, inputs: dict[str, np.ndarray]) -> Exercise:
    both = row.pass_ == "both"
    loss = numpy_losses.LOSSES[row.workload](inputs, both)
    return Exercise(loss, lambda results: float(results[0] if both else results))


def log_softmax(row: Row, x: np.ndarray, upstream: np.ndarray) -> Exercise:
    y, dx = np.empty_like(x), np.empty_like(x)

    def forward():
        np.subtract(x, x.max(axis=1, keepdims=True), out=y)
        np.exp(y, out=dx)
        return np.subtract(y, np.log(dx.sum(axis=1, keepdims=True)), out=y)

    def back():
        np.exp(y, out=dx)
        np.multiply(dx, upstream.sum(axis=1, keepdims=True), out=dx)
        return np.subtract(upstream, dx, out=dx)

    def both():
        return forward(), back()

    if row.pass_ == "forward":
        return Exercise(forward, mean)
    if row.pass_ == "gradient":
        forward()
        return Exercise(back, lambda dx: gradient_times(x, dx))
    return Exercise(both, lambda results: gradient_times(x, results[1]))


def linear(row: Row, inputs: dict[str, np.ndarray]) -> Exercise:
    x, weight, bias, upstream = (inputs[name] for name in ("x", "weight", "bias", "upstream"))
    y = np.empty_like(upstream)
    dx, dw, db = np.empty_like(x), np.empty_like(weight), np.empty_like(bias)

    def forward():
        np.matmul(x, weight.T, out=y)
        return np.add(y, bias, out=y)

    def both():
        forward()
        np.matmul(upstream, weight, out=dx)
        np.matmul(upstream.T, x, out=dw)
        np.sum(upstream, axis=0, out=db)
        return y, dx, dw, db

    if row.pass_ == "forward":
        return Exercise(forward, mean)
    return Exercise(both, lambda results: sum(mean(result) for result in results))


def step(row: Row, inputs: dict[str, np.ndarray]) -> Exercise:
    x, labels = inputs["x"], inputs["labels"]
    w1, b1, w2, b2 = parameters = [inputs[name].copy() for name in PARAMETERS]
    gradients = dw1, db1, dw2, db2 = [np.empty_like(parameter) for parameter in parameters]
    hidden, logits = np.empty((len(x), len(b1)), x.dtype), np.empty((len(x), len(b2)), x.dtype)
    dhidden = np.empty_like(hidden)
    loss = numpy_losses.cross_entropy({"logits": logits, "labels": labels}, True)

    def run():
        np.matmul(x, w1.T, out=hidden)
        np.add(hidden, b1, out=hidden)
        if row.has_relu:
            np.maximum(hidden, 0, out=hidden)
        np.matmul(hidden, w2.T, out=logits)
        np.add(logits, b2, out=logits)
        value, dlogits = loss()
        np.matmul(dlogits.T, hidden, out=dw2)
        np.sum(dlogits, axis=0, out=db2)
        np.matmul(dlogits, w2, out=dhidden)
        if row.has_relu:
            np.multiply(dhidden, hidden > 0, out=dhidden)
        np.matmul(dhidden.T, x, out=dw1)
        np.sum(dhidden, axis=0, out=db1)
        for parameter, gradient in zip(parameters, gradients):
            np.multiply(gradient, LEARNING_RATE, out=gradient)
            np.subtract(parameter, gradient, out=parameter)
        return value

    return Exercise(run, float)


def mean(values: np.ndarray) -> float:
    return float(values.mean(dtype=np.float64))


def gradient_times(x: np.ndarray, gradient: np.ndarray) -> float:
    return float(np.einsum("ij,ij->", gradient, x, dtype=np.float64))
