"""PyTorch, operation by operation."""

from functools import partial

import numpy as np
import torch
import torch.nn.functional as F

import torch_work as work
from exercise import ADAM_RATE, WEIGHT_DECAY, Exercise, Form, Row, Unsupported

REFUSALS: tuple[type[Exception], ...] = ()


def start(threads: int) -> None:
    torch.set_num_threads(threads)


def release() -> None:
    pass


def forms(row: Row, inputs: dict[str, np.ndarray]) -> list[Form]:
    t = work.tensors(inputs)
    if row.workload in work.LOSSES:
        loss, names = work.LOSSES[row.workload]
        return [lambda: loss_exercise(row, loss, t["logits"], [t[name] for name in names])]
    match row.workload, row.pass_:
        case "log-softmax", "forward":
            return [lambda: log_softmax_forward(t["logits"], False), lambda: log_softmax_forward(t["logits"], True)]
        case "log-softmax", "gradient":
            return [lambda: log_softmax_gradient(t["logits"], t["upstream"])]
        case "log-softmax", "both":
            return [lambda: log_softmax_both(t["logits"], t["upstream"])]
        case "linear", "forward":
            return [lambda: Exercise(
                lambda: F.linear(t["x"], t["weight"], t["bias"]), work.mean, context=torch.inference_mode)]
        case "linear", "both":
            return [lambda: linear_both(t)]
        case "step" | "step-graph", "step":
            return [lambda: step(t, row.has_relu)]
        case "epoch", "step":
            return [partial(epoch, row, t, "fused"), partial(epoch, row, t, "foreach")]
        case "linear-cross-entropy", _:
            return [partial(linear_cross_entropy, row, work.linear_cross_entropy, t)]
        case "adaptive-log-softmax", _:
            return [partial(adaptive_log_softmax, row, t)]
    raise Unsupported(f"no form of {row.workload}, pass {row.pass_}")


def loss_exercise(row: Row, loss, x: torch.Tensor, targets: list[torch.Tensor]) -> Exercise:
    if row.pass_ == "forward":
        return Exercise(lambda: loss(x, *targets), work.item, context=torch.inference_mode)
    x = x.detach().requires_grad_()

    def run():
        value = loss(x, *targets)
        return value, torch.autograd.grad(value, x)[0]

    return Exercise(run, lambda results: results[0].item())


def log_softmax_forward(x: torch.Tensor, reuses_output: bool) -> Exercise:
    out = torch.empty_like(x) if reuses_output else None
    return Exercise(lambda: torch.log_softmax(x, 1, out=out), work.mean, context=torch.inference_mode)


def log_softmax_gradient(x: torch.Tensor, upstream: torch.Tensor) -> Exercise:
    # What autograd calls, without the graph that it would have to keep between calls.
    y, type_ = work.log_softmax(x), x.dtype
    return Exercise(
        lambda: torch.ops.aten._log_softmax_backward_data(upstream, y, 1, type_),
        lambda gradient: work.gradient_times(x, gradient), context=torch.inference_mode)


def log_softmax_both(x: torch.Tensor, upstream: torch.Tensor) -> Exercise:
    x = x.detach().requires_grad_()

    def run():
        y = work.log_softmax(x)
        return y, torch.autograd.grad(y, x, upstream)[0]

    return Exercise(run, lambda results: work.gradient_times(x, results[1]))


def linear_both(t: dict[str, torch.Tensor]) -> Exercise:
    arguments = [t[name].detach().requires_grad_() for name in ("x", "weight", "bias")]
    upstream = t["upstream"]

    def run():
        y = F.linear(*arguments)
        return y, *torch.autograd.grad(y, arguments, upstream)

    return Exercise(run, work.means)


def linear_cross_entropy(row: Row, loss, t: dict[str, torch.Tensor]) -> Exercise:
    products = work.products(row, t["x"], t["weight"])
    if row.pass_ == "forward":
        return Exercise(
            lambda: loss(t["x"], t["weight"], t["labels"]), work.item, context=torch.inference_mode, products=products)
    x, weight = t["x"].detach().requires_grad_(), t["weight"].detach().requires_grad_()

    def run():
        value = loss(x, weight, t["labels"])
        return value, *torch.autograd.grad(value, (x, weight))

    return Exercise(run, lambda results: results[0].item(), products=products)


def adaptive_log_softmax(row: Row, t: dict[str, torch.Tensor]) -> Exercise:
    module, x, labels = work.adaptive_log_softmax(t), t["x"], t["labels"]
    if row.pass_ == "forward":
        return Exercise(lambda: module(x, labels).loss, work.item, context=torch.inference_mode)
    x = x.detach().requires_grad_()
    tracked = (x, *module.parameters())

    def run():
        loss = module(x, labels).loss
        return loss, *torch.autograd.grad(loss, tracked)

    return Exercise(run, lambda results: results[0].item())


def step(t: dict[str, torch.Tensor], relu: bool) -> Exercise:
    parameters = [t[name].clone().requires_grad_() for name in work.PARAMETERS]
    x, labels = t["x"], t["labels"]

    def run():
        loss = work.step_loss(parameters, x, labels, relu)
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            work.update(parameters, gradients)
        return loss

    return Exercise(run, work.item)


def epoch(row: Row, t: dict[str, torch.Tensor], implementation: str) -> Exercise:
    parameters = [t[name].clone().requires_grad_() for name in work.PARAMETERS]
    optimizer = torch.optim.AdamW(parameters, lr=ADAM_RATE, weight_decay=WEIGHT_DECAY, **{implementation: True})
    # Views, made once.
    batches = list(zip(t["x"].split(row.batch), t["labels"].split(row.batch)))

    def run():
        first = None
        for x, labels in batches:
            loss = work.step_loss(parameters, x, labels, True)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            first = loss if first is None else first
        return first

    return Exercise(run, work.item, name=implementation)
