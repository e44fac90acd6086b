"""PyTorch through torch.compile: the whole call, gradients and update included, in one graph.

The gradient is taken inside the compiled function with torch.func. Around a compiled loss, autograd.grad costs 90 µs
more on 32×10 logits (122 µs, not 29) and as much on 512×32000 ones. Inductor's default mode, because
max-autotune-no-cudagraphs was never faster by more than the noise: 14.6 ms, not 14.8, for the gradient of 512×32000
logits, 1.39 ms either way for a training step 784→512→10, 69 ms, not 66, for a linear layer 1024×2048→1000.
"""

import numpy as np
import torch
import torch.nn.functional as F

import torch_work as work
from exercise import Exercise, Form, Row, Unsupported

REFUSALS = (torch._dynamo.exc.TorchDynamoException,)


def start(threads: int) -> None:
    torch.set_num_threads(threads)


def release() -> None:
    # Else the rows add up to the limit of recompilations, above which calls fall back to eager.
    torch._dynamo.reset()


def compiled(function):
    return torch.compile(function, fullgraph=True, dynamic=False)


def forms(row: Row, inputs: dict[str, np.ndarray]) -> list[Form]:
    release()
    t = work.tensors(inputs)
    if row.workload in work.LOSSES:
        loss, names = work.LOSSES[row.workload]
        return [lambda: loss_exercise(row, loss, t["logits"], [t[name] for name in names])]
    match row.workload:
        case "log-softmax":
            return [lambda: log_softmax(row, t["logits"], t["upstream"])]
        case "linear":
            return [lambda: linear(row, t)]
        case "step" | "step-graph":
            return [lambda: step(t, row.has_relu)]
        case "linear-cross-entropy":
            return [lambda: linear_cross_entropy(row, t)]
        case "adaptive-log-softmax":
            raise Unsupported("the rows of a cluster are as many as the labels say")
    raise Unsupported(f"no form of {row.workload}, pass {row.pass_}")


def loss_exercise(row: Row, loss, x: torch.Tensor, targets: list[torch.Tensor]) -> Exercise:
    if row.pass_ == "forward":
        forward = compiled(loss)
        return Exercise(lambda: forward(x, *targets), work.item, context=torch.inference_mode)
    both = compiled(torch.func.grad_and_value(loss))
    return Exercise(lambda: both(x, *targets), lambda results: results[1].item())


def log_softmax(row: Row, x: torch.Tensor, upstream: torch.Tensor) -> Exercise:
    if row.pass_ == "forward":
        forward = compiled(work.log_softmax)
        return Exercise(lambda: forward(x), work.mean, context=torch.inference_mode)
    if row.pass_ == "gradient":
        back = compiled(lambda y, upstream: upstream - y.exp() * upstream.sum(1, keepdim=True))
        y = work.log_softmax(x)
        return Exercise(
            lambda: back(y, upstream), lambda gradient: work.gradient_times(x, gradient), context=torch.inference_mode)

    def both(x, upstream):
        y, pullback = torch.func.vjp(work.log_softmax, x)
        return y, pullback(upstream)[0]

    both = compiled(both)
    return Exercise(lambda: both(x, upstream), lambda results: work.gradient_times(x, results[1]))


def linear(row: Row, t: dict[str, torch.Tensor]) -> Exercise:
    arguments = [t[name] for name in ("x", "weight", "bias")]
    if row.pass_ == "forward":
        forward = compiled(F.linear)
        return Exercise(lambda: forward(*arguments), work.mean, context=torch.inference_mode)

    def both(x, weight, bias, upstream):
        y, pullback = torch.func.vjp(F.linear, x, weight, bias)
        return y, *pullback(upstream)

    both, upstream = compiled(both), t["upstream"]
    return Exercise(lambda: both(*arguments, upstream), work.means)


def linear_cross_entropy(row: Row, t: dict[str, torch.Tensor]) -> Exercise:
    x, weight, labels = t["x"], t["weight"], t["labels"]
    # Inductor leaves them to the same library, too.
    products = work.products(row, x, weight)
    if row.pass_ == "forward":
        forward = compiled(work.linear_cross_entropy)
        return Exercise(
            lambda: forward(x, weight, labels), work.item, context=torch.inference_mode, products=products)
    both = compiled(torch.func.grad_and_value(work.linear_cross_entropy, argnums=(0, 1)))
    return Exercise(lambda: both(x, weight, labels), lambda results: results[1].item(), products=products)


def step(t: dict[str, torch.Tensor], relu: bool) -> Exercise:
    parameters = [t[name].clone() for name in work.PARAMETERS]
    x, labels = t["x"], t["labels"]

    def step(parameters, x, labels):
        gradients, loss = torch.func.grad_and_value(work.step_loss)(parameters, x, labels, relu)
        work.update(parameters, gradients)
        return loss

    step = compiled(step)
    return Exercise(lambda: step(parameters, x, labels), work.item)
