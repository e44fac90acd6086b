"""The golden cases of the losses beyond cross-entropy. Used by generate-goldens.py.

Focal and poly losses PyTorch has not: they are written here as their papers' formulas and differentiated by it.
"""

from golden_losses import WEIGHT_A, WORKED_A
from golden_recording import (
    INF, REDUCTIONS, TYPES, add, case, class_weights, labels, np, probabilities, randn, tensor, text, torch)
import torch.nn.functional as F

SHAPES = [(4,), (3, 4), (5, 17), (2, 5, 3), (2, 3, 2, 2)]


def of_surprisal(file, op, transform, name, dtype, x, target, weight, ignored, reduction, fields):
    """A loss w_y·transform(log p_y) of each label, whose mean is over the weights of those not ignored."""
    index = torch.as_tensor(np.asarray(target)).long()
    fields = {"target": index, "target_shape": list(index.shape), "reduction": reduction, **fields}
    if ignored is not None:
        fields["ignore_index"] = ignored

    def function(input, weight=None):
        kept = index != (-100 if ignored is None else ignored)
        safe = torch.where(kept, index, 0)
        axis = 0 if input.dim() < 2 else 1
        lp = F.log_softmax(input, axis).gather(axis, safe.unsqueeze(axis)).squeeze(axis)
        w = torch.ones_like(lp) if weight is None else weight[safe]
        losses = torch.where(kept, w * transform(lp), 0)
        if reduction == "none":
            return losses
        return losses.sum() if reduction == "sum" else losses.sum() / torch.where(kept, w, 0).sum()
    arrays = {"input": x} | ({} if weight is None else {"weight": weight})
    case(file, f"{op}: {name}", op, dtype, function, arrays, fields)


def surprisal_losses():
    for file, op, parameter, values, transform in (
            ("focal-loss", "focal", "gamma", (0, 0.5, 1, 2, 2.75, 5), lambda lp, g: -((-torch.expm1(lp)) ** g) * lp),
            ("poly-loss", "poly", "epsilon", (0, 1, 6, -0.5), lambda lp, e: -lp + e * -torch.expm1(lp))):
        for dtype in TYPES:
            for value in values:
                value = float(value)
                formula = lambda lp: transform(lp, value)
                for shape in SHAPES:
                    if shape == (5, 17) and value not in (0.5, 2, 6):
                        continue
                    for number, reduction in enumerate(REDUCTIONS):
                        for weighted in (False, True):
                            # Every option beside every other once, on each shape.
                            ignored = (None, -100, 1)[(number + weighted) % 3]
                            name = f"{text(shape)}, {parameter} {value:g}, {reduction}" + ", weight" * weighted
                            name += "" if ignored is None else f", ignoring {ignored}"
                            count = shape[0] if len(shape) == 1 else shape[1]
                            of_surprisal(file, op, formula, name, dtype, randn(name, shape, 2), labels(name, shape, ignored),
                                         class_weights(name, count) if weighted else None, ignored, reduction,
                                         {parameter: value})
                for reduction in REDUCTIONS:
                    of_surprisal(file, op, formula, f"worked example A, {parameter} {value:g}, {reduction}", dtype,
                                 WORKED_A, [2, 0, 3], WEIGHT_A, None, reduction, {parameter: value})


def binary_cross_entropies():
    for dtype in TYPES:
        for shape in ((), (5,), (3, 4), (2, 17), (2, 3, 2, 2)):
            for reduction in REDUCTIONS:
                for weights in ("", "classes", "elements", "one"):
                    for hard in (False, True):
                        if weights == "classes" and len(shape) not in (1, 2):
                            continue
                        size = {"": None, "one": (), "classes": shape[-1:], "elements": shape}[weights]
                        name = f"{text(shape)}, {reduction}" + f", weights of {weights}" * bool(weights) + ", hard" * hard
                        y = np.round(1 / (1 + np.exp(-randn(name + " target", shape))), 3)
                        arrays = {"input": randn(name, shape), "target_probabilities": np.round(y) if hard else y}
                        if size is not None:
                            arrays["weight"] = class_weights(name, size)
                            arrays["pos_weight"] = class_weights(name + " positive", size)
                        case("binary-cross-entropy", f"binary: {name}", "binary_cross_entropy_with_logits", dtype,
                             lambda input, target_probabilities, weight=None, pos_weight=None:
                             F.binary_cross_entropy_with_logits(
                                 input, target_probabilities, weight, reduction=reduction, pos_weight=pos_weight),
                             arrays, {"reduction": reduction}, ("weight", "pos_weight"))
        case("binary-cross-entropy", "binary: large logits", "binary_cross_entropy_with_logits", dtype,
             lambda input, target_probabilities: F.binary_cross_entropy_with_logits(
                 input, target_probabilities, reduction="none"),
             {"input": [0, 1e4, -1e4, 1e4, -1e4, 1e-30], "target_probabilities": [1, 1, 0, 0, 1, 0.5]},
             {"reduction": "none"})


def divergences():
    for dtype in TYPES:
        for shape in ((4,), (3, 4), (5, 17), (2, 3, 2, 2)):
            for reduction in (*REDUCTIONS, "batchmean"):
                # A vector is a batch of one here, of as many rows as it has elements there.
                if reduction == "batchmean" and len(shape) == 1:
                    continue
                for log_target in (False, True):
                    name = f"{text(shape)}, {reduction}" + ", log target" * log_target
                    axis = 0 if len(shape) == 1 else 1
                    x = np.round(torch.log_softmax(torch.as_tensor(randn(name, shape)), axis).numpy(), 4)
                    q = np.maximum(probabilities(name, shape), 1e-4)
                    case("kl-divergence", f"kl: {name}", "kl_div", dtype,
                         lambda input, target_probabilities: F.kl_div(
                             input, target_probabilities, reduction=reduction, log_target=log_target),
                         {"input": x, "target_probabilities": np.round(np.log(q), 4) if log_target else q},
                         {"reduction": reduction, "log_target": log_target})
        for log_target in (False, True):
            x, q = [[-1.5, -0.5, -2], [-INF, -0.25, -1.5]], [[0, 0.75, 0.25], [0, 1, 0]]
            log_q = torch.log(torch.tensor(q)).double().numpy()
            case("kl-divergence", "kl: impossible targets" + ", log target" * log_target, "kl_div", dtype,
                 lambda input, target_probabilities: F.kl_div(
                     input, target_probabilities, reduction="none", log_target=log_target),
                 {"input": x, "target_probabilities": log_q if log_target else q},
                 {"reduction": "none", "log_target": log_target}, ("target_probabilities",),
                 deviation="zero-probability-at-minus-infinity",
                 # A finite log-probability and target whose product is 0 stand for the impossible.
                 expected=(lambda input, target_probabilities: F.kl_div(
                     input, target_probabilities, reduction="none", log_target=log_target), {
                         "input": np.maximum(x, -1e3), "target_probabilities": np.maximum(log_q, -1e4) if log_target else q}))


def margins():
    for dtype in TYPES:
        for shape in ((4,), (1,), (3, 4), (5, 17)):
            for p in (1, 2):
                for margin in (1.0, 0.25, -0.5):
                    for number, reduction in enumerate(REDUCTIONS):
                        weighted = number % 2 == p % 2
                        name = f"{text(shape)}, p {p}, margin {margin:g}, {reduction}" + ", weight" * weighted
                        index = torch.as_tensor(np.asarray(labels(name, shape)))
                        case("multi-margin", f"multi-margin: {name}", "multi_margin_loss", dtype,
                             lambda input, weight=None: F.multi_margin_loss(input, index, p, margin, weight, reduction=reduction),
                             {"input": randn(name, shape, 1)} | ({"weight": class_weights(name, shape[-1])} if weighted else {}),
                             {"target": index, "target_shape": list(index.shape), "p": p, "margin": margin,
                              "reduction": reduction}, ("weight",))
        # At the kink, where margin − x_y + x_c is 0, and on both sides of it.
        for p in (1, 2):
            case("multi-margin", f"multi-margin: kinks, p {p}", "multi_margin_loss", dtype,
                 lambda input: F.multi_margin_loss(input, torch.tensor([0, 2]), p, reduction="none"),
                 {"input": [[1, 0, 0.5, -0.5], [2, 2.5, 3, 2]]},
                 {"target": torch.tensor([0, 2]), "target_shape": [2], "p": p, "margin": 1.0, "reduction": "none"})


def adaptive(name, dtype, inputs, classes, cutoffs, rows, head_bias, divisor=4.0):
    """One call with random weights: log-probabilities of the labels and of all classes, prediction, loss and gradients."""
    kind = TYPES[dtype]
    name = f"adaptive: {name}, {dtype}"
    module = torch.nn.AdaptiveLogSoftmaxWithLoss(inputs, classes, cutoffs, divisor, head_bias).to(kind)
    with torch.no_grad():
        for key, parameter in module.named_parameters():
            parameter.copy_(tensor(randn(f"{name} {key}", tuple(parameter.shape), 0.5), kind))
    x = tensor(randn(name, (rows, inputs), 1), kind)
    generator = np.random.RandomState(len(name))
    target = torch.as_tensor(generator.randint(0, classes, rows))

    def run(module, x):
        x = x.detach().clone().requires_grad_()
        output, loss = module(x, target)
        gradients = torch.autograd.grad(loss, [x, *module.parameters()], materialize_grads=True)
        return {"output": output, "loss": loss.reshape(1), "log_probabilities": module.log_prob(x), "gradient": gradients[0],
                "gradients": torch.cat([g.reshape(-1) for g in gradients[1:]])}
    names = [key for key, _ in module.named_parameters()]
    sizes = [list(p.shape) for p in module.parameters()]
    flat = torch.cat([p.detach().reshape(-1) for p in module.parameters()])
    # Of float32 too the results are those in float64 on the same numbers.
    predicted, results = module.predict(x), run(module.double(), x.double())
    add("adaptive-log-softmax", name, {
        "dtype": dtype, "shape": [rows, inputs], "classes": classes, "cutoffs": cutoffs, "divisor": divisor, "head_bias": head_bias,
        "input": x, "target": target, "parameter_names": names, "parameter_shapes": sizes, "parameters": flat,
        "predicted": predicted, **results})


def adaptives():
    for dtype in TYPES:
        for name, *arguments in (
                ("one cluster", 8, 10, [4], 6, False), ("three clusters, bias", 16, 30, [5, 12, 20], 9, True, 2.0),
                ("a class a cluster", 5, 4, [1, 2, 3], 7, False, 1.5), ("one row", 8, 12, [2, 6], 1, True, 2.0)):
            adaptive(name, dtype, *arguments)


def further_losses():
    for group in (surprisal_losses, binary_cross_entropies, divergences, margins, adaptives):
        group()
