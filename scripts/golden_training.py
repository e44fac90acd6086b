"""The golden cases of learning-rate schedules, clipping and averaging. Used by generate-goldens.py.

`rates` are PyTorch's closed form where it has one; `stepped` what its schedulers come to step by step.
"""

import warnings

from golden_recording import INF, NAN, TYPES, add, draw, np, randn, tensor, text, torch
from torch.optim.lr_scheduler import (
    CosineAnnealingLR, ExponentialLR, LinearLR, OneCycleLR, PolynomialLR, ReduceLROnPlateau, SequentialLR, StepLR)

# The calls in the wrong order are meant: no optimiser takes a step here.
warnings.filterwarnings("ignore")


def optimizer(rate):
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate, momentum=0.5)


def schedule(kind, rate, count, make, **fields):
    scheduler = make(optimizer(rate))
    closed, stepped = [], []
    for step in range(count):
        if step:
            scheduler.step()
        stepped.append(scheduler.get_last_lr()[0])
        if hasattr(scheduler, "_get_closed_form_lr"):
            closed.append(float(scheduler._get_closed_form_lr()[0]))
    name = f"{kind}: {rate}, " + ", ".join(f"{k} {v}" for k, v in fields.items())
    double = lambda values: torch.tensor(values, dtype=torch.float64)
    add("schedules", name, {"op": kind, "rate": rate, **fields, "stepped": double(stepped),
                            **({"rates": double(closed)} if closed else {})})


def schedules():
    for rate in (0.1, 3e-4):
        for n, factor in ((1, 0.5), (7, 0.1), (10, 0.9)):
            schedule("step", rate, 50, lambda o: StepLR(o, n, factor), steps=n, factor=factor)
        for factor in (0.9, 0.999, 1.0):
            schedule("exponential", rate, 60, lambda o: ExponentialLR(o, factor), factor=factor)
        for n, end in ((1, 0.0), (10, 0.0), (37, 1e-5)):
            schedule("cosine", rate, 50, lambda o: CosineAnnealingLR(o, n, end), steps=n, end=end)
        for n, power in ((1, 1.0), (20, 1.0), (30, 0.9), (30, 2.0)):
            schedule("polynomial", rate, 40, lambda o: PolynomialLR(o, n, power), steps=n, power=power)
        for n, factor in ((1, 0.5), (5, 1 / 3), (12, 0.001)):
            schedule("warmup exponential", rate, 40, lambda o: SequentialLR(
                o, [LinearLR(o, factor, total_iters=n), ExponentialLR(o, 0.9)], [n]), steps=n, factor=factor)
            schedule("warmup cosine", rate, n + 21, lambda o: SequentialLR(
                o, [LinearLR(o, factor, total_iters=n), CosineAnnealingLR(o, 20, 1e-6)], [n]), steps=n, factor=factor)
        for steps, rise, shape, three in ((10, 0.3, "cos", False), (100, 0.3, "linear", False), (57, 0.25, "cos", True),
                                          (40, 0.5, "linear", True), (30, 0.0, "cos", False), (30, 1.0, "linear", False)):
            schedule("one-cycle", rate, steps, lambda o: OneCycleLR(
                o, rate, steps, pct_start=rise, anneal_strategy=shape, three_phase=three, div_factor=20.0,
                final_div_factor=500.0), steps=steps, rise=rise, shape=shape, three_phase=three)


def plateaus():
    measures = np.round(1 + draw("plateau").standard_normal(60) / 10 + np.exp(-np.arange(60) / 8), 3).tolist()
    measures[20] = NAN
    for mode in ("min", "max"):
        for threshold_mode, threshold in (("rel", 1e-4), ("abs", 0.05)):
            for patience, cooldown, least, change in ((0, 0, 0.0, 1e-8), (2, 3, 1e-3, 1e-8), (3, 0, 0.0, 0.02)):
                o = optimizer(0.5)
                scheduler = ReduceLROnPlateau(
                    o, mode, 0.5, patience, threshold, threshold_mode, cooldown, least, change)
                rates = []
                for measure in measures:
                    scheduler.step(measure)
                    rates.append(o.param_groups[0]["lr"])
                name = f"plateau: {mode}, {threshold_mode}, patience {patience}, cooldown {cooldown}"
                add("schedules", name, {
                    "op": "plateau", "rate": 0.5, "mode": mode, "threshold_mode": threshold_mode, "threshold": threshold,
                    "patience": patience, "cooldown": cooldown, "end": least, "change": change,
                    "measures": torch.tensor(measures, dtype=torch.float64),
                    "rates": torch.tensor(rates, dtype=torch.float64)})


def clipping():
    for dtype, kind in TYPES.items():
        for shape in ((1,), (3, 4), (37,)):
            for special in (None, INF, NAN):
                name = f"clipping {text(shape)}" + ("" if special is None else f" with {special}")
                values = randn(name, shape), randn(name + ", other", (2,))
                if special is not None:
                    values[0].flat[0] = special
                for bound in (0.5, 4.0, 1e3):
                    gradients = [tensor(v, kind) for v in values]
                    parameters = [torch.zeros_like(g) for g in gradients]
                    outputs = []
                    for clip in (torch.nn.utils.clip_grad_norm_, torch.nn.utils.clip_grad_value_):
                        for parameter, gradient in zip(parameters, gradients):
                            parameter.grad = gradient.clone()
                        outputs.append((clip(parameters, bound, foreach=False),
                                        torch.cat([p.grad.reshape(-1) for p in parameters])))
                    add("clipping", f"{name} to {bound}, {dtype}", {
                        "op": "clip", "dtype": dtype, "shape": list(shape), "bound": bound, "input": gradients[0],
                        "other": gradients[1], "norm": outputs[0][0].double().item(), "output": outputs[0][1],
                        "clamped": outputs[1][1]})


def averages():
    for dtype, kind in TYPES.items():
        for decay in (0.5, 0.9, 0.999):
            name = f"average: decay {decay}"
            rows = tensor(randn(name, (6, 9)), kind)
            model = torch.nn.Linear(9, 1, bias=False, dtype=kind)
            model.weight.data.copy_(rows[:1])
            average = torch.optim.swa_utils.AveragedModel(
                model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(decay))
            # The first update of an AveragedModel copies the model.
            average.update_parameters(model)
            outputs = []
            for row in rows[1:]:
                model.weight.data.copy_(row[None])
                average.update_parameters(model)
                outputs.append(average.module.weight.detach().clone())
            add("clipping", f"{name}, {dtype}", {
                "op": "average", "dtype": dtype, "shape": [1, 9], "decay": decay, "input": rows,
                "output": torch.cat(outputs)})


def training():
    schedules()
    plateaus()
    clipping()
    averages()
