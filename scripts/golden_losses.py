"""The golden cases of cross-entropy and NLL. Used by generate-goldens.py."""

from golden_recording import (
    INF, NAN, REDUCTIONS, TYPES, case, class_weights, labels, np, probabilities, randn, target_shape, tensor, text, torch)
import torch.nn.functional as F

CONFIDENT = 1e-3


def confident(x, axis):
    top = torch.softmax(tensor(tensor(x, torch.float32), torch.float64), axis)
    return top.numel() > 0 and bool(((1 - top.amax(axis)) < CONFIDENT).any())


def loss(op, name, dtype, x, target=None, q=None, weight=None, ignore_index=None, eps=None,
         reduction="mean", target_dtype=torch.int64, weight_gradient=False, **more):
    """A case of cross_entropy or nll_loss: index targets in `target`, probabilities in `q`."""
    options, fields = {"reduction": reduction}, {}
    if eps is not None:
        # The same ε for float32, for float64 on its inputs and for a reader of either type.
        options["label_smoothing"] = float(np.float32(eps)) if dtype == "float32" else float(eps)
    if ignore_index is not None:
        options["ignore_index"] = ignore_index
    arrays = {"input": x}
    if weight is not None:
        arrays["weight"] = weight
    if q is not None:
        arrays["target_probabilities"] = q
    else:
        index = torch.as_tensor(np.asarray(target)).to(target_dtype)
        fields = {"target": index.long(), "target_shape": list(index.shape)}
        if target_dtype != torch.int64:
            fields["target_dtype"] = str(target_dtype).removeprefix("torch.")
    if weight_gradient:
        fields["weight_requires_gradient"] = True
    fields.update(options)
    reference = F.cross_entropy if op == "cross_entropy" else F.nll_loss

    def function(input, weight=None, target_probabilities=None):
        goal = index if target_probabilities is None else target_probabilities
        return reference(input, goal, weight, **options)

    x = np.asarray(x, dtype=np.float64)
    axis = 0 if x.ndim < 2 else 1
    if "deviation" not in more and op == "cross_entropy" and dtype == "float32" and not eps:
        finite = np.where(np.isfinite(x), x, -1e4)
        if x.ndim and x.size and confident(finite, axis):
            more["deviation"] = "confident-row"
    constants = ("weight",) if q is None and not weight_gradient else ()
    file = "cross-entropy" if op == "cross_entropy" else "nll-loss"
    case(file, f"{op}: {name}", op, dtype, function, arrays, fields, constants, **more)


# Cross-entropy and NLL: the grid

SHAPES = [(1,), (4,), (10,), (1, 1), (3, 4), (5, 17), (2, 5, 3), (3, 1, 4), (2, 3, 2, 2),
          (2, 3, 2, 2, 2)]
LARGE = [(7, 33), (1, 100), (2, 9, 3, 2)]


def index_grid(op):
    for shape in SHAPES + LARGE:
        count = shape[0] if len(shape) == 1 else shape[1]
        for dtype in TYPES:
            for weighted in (False, True):
                for ignored in (None, -100, min(1, count - 1)):
                    for eps in (None, 0.1) if op == "cross_entropy" else (None,):
                        for reduction in REDUCTIONS:
                            # Every combination on the small shapes; on the large ones those
                            # in which most options meet.
                            if shape in LARGE and (
                                    ignored == -100) + weighted + (reduction != "sum") < 3:
                                continue
                            if shape == (5, 17) and ignored == 1 and not weighted:
                                continue
                            name = ", ".join(
                                [f"index {text(shape)}", reduction] + ["weight"] * weighted
                                + ["no ignored" if ignored is None else f"ignoring {ignored}"]
                                + ([f"smoothing {eps}"] if eps else []))
                            x = randn(name, shape)
                            if op == "nll_loss":
                                x = np.round(np.minimum(-np.abs(x), 0), 4)
                            loss(op, name, dtype, x, labels(name, shape, ignored),
                                 weight=class_weights(name, count) if weighted else None,
                                 ignore_index=ignored, eps=eps, reduction=reduction)


def probability_grid():
    for shape in SHAPES + LARGE[:1]:
        count = shape[0] if len(shape) == 1 else shape[1]
        for dtype in TYPES:
            for weighted in (False, True):
                for eps in (None, 0.1):
                    for reduction in REDUCTIONS:
                        if shape in LARGE and not (weighted and eps and reduction != "sum"):
                            continue
                        name = ", ".join(
                            [f"probabilities {text(shape)}", reduction] + ["weight"] * weighted
                            + ([f"smoothing {eps}"] if eps else []))
                        loss("cross_entropy", name, dtype, randn(name, shape),
                             q=probabilities(name, shape), eps=eps, reduction=reduction,
                             weight=class_weights(name, count) if weighted else None)


def more_smoothing():
    for dtype in TYPES:
        for eps in (0.0, 0.25, 0.9, 1.0):
            for kind in ("index", "probabilities"):
                for weighted in (False, True):
                    name = f"{kind} 3x4, smoothing {eps}" + ", weight" * weighted
                    goal = ({"target": [2, 0, 3]} if kind == "index"
                            else {"q": probabilities(name, (3, 4))})
                    loss("cross_entropy", name, dtype, randn(name, (3, 4)), eps=eps,
                         weight=class_weights(name, 4) if weighted else None, **goal)
        for eps in (-0.1, NAN):
            loss("cross_entropy", f"smoothing {eps}", dtype, WORKED_A, [2, 0, 3], eps=eps,
                 deviation="smoothing-range")
        loss("cross_entropy", "smoothing 1.5", dtype, WORKED_A, [2, 0, 3], eps=1.5)


# The specification's worked examples and the notebook's numbers

WORKED_A = [[1, 2, 3, 0.5], [-1, 0.25, 0, 2], [4, -3, 1.5, 1]]
WEIGHT_A = [0.5, 2, 1.5, 0.25]
WORKED_P = [[0.1, 0.2, 0.6, 0.1], [0.7, 0.1, 0.1, 0.1], [0, 0, 0.25, 0.75]]
WORKED_B = 3 * np.sin(np.arange(24, dtype=np.float64)).reshape(2, 3, 2, 2)
TARGET_B = [[[0, 1], [2, -100]], [[1, 1], [0, 2]]]


def worked_examples():
    for dtype in TYPES:
        for reduction in REDUCTIONS:
            for weight in (None, WEIGHT_A):
                for eps in (None, 0.1):
                    option = ", weight" * bool(weight) + (", smoothing 0.1" if eps else "")
                    common = dict(weight=weight, eps=eps, reduction=reduction)
                    for ignored in (None, 0):
                        loss("cross_entropy", f"worked example A, {reduction}{option}"
                             + ("" if ignored is None else ", ignoring 0"), dtype, WORKED_A,
                             [2, 0, 3], ignore_index=ignored, **common)
                    loss("cross_entropy", f"worked example A, probabilities, {reduction}{option}",
                         dtype, WORKED_A, q=WORKED_P, **common)
                    loss("cross_entropy", f"worked example A, unbatched, {reduction}{option}",
                         dtype, WORKED_A[0], 2, **common)
                    loss("cross_entropy", f"worked example A, unbatched probabilities, "
                         f"{reduction}{option}", dtype, WORKED_A[0], q=WORKED_P[0], **common)
            loss("cross_entropy", f"worked example A, {reduction}, smoothing 1", dtype, WORKED_A,
                 [2, 0, 3], eps=1.0, reduction=reduction)
            for weight in (None, WEIGHT_A):
                loss("cross_entropy", f"worked example A, one-hot probabilities, {reduction}"
                     + ", weight" * bool(weight), dtype, WORKED_A, q=np.eye(4)[[2, 0, 3]],
                     weight=weight, reduction=reduction)
            for weight, eps in ((None, None), ([0.5, 2, 1.5], None), ([0.5, 2, 1.5], 0.2)):
                option = ", weight" * bool(weight) + (", smoothing 0.2" if eps else "")
                loss("cross_entropy", f"worked example B, {reduction}{option}", dtype, WORKED_B,
                     TARGET_B, weight=weight, eps=eps, reduction=reduction)
            soft = torch.softmax(-torch.as_tensor(WORKED_B), 1).numpy()
            loss("cross_entropy", f"worked example B, probabilities, {reduction}, weight, "
                 "smoothing 0.2", dtype, WORKED_B, q=soft, weight=[0.5, 2, 1.5], eps=0.2,
                 reduction=reduction)
    row = [[0.8982, 0.805, 0.6393, 0.9983, 0.5731, 0.0469, 0.556, 0.1476, 0.8404, 0.5544]]
    good = [[2.0, 1.0, 0.1], [0.5, 1.0, 3.1], [0.3, 1.0, 0.1]]
    bad = [[0.1, 1.0, 2.5], [3.1, 1.0, 0.5], [3.1, 0.1, 2.5]]
    loss("cross_entropy", "notebook, ten logits", "float32", row, [1])
    loss("cross_entropy", "notebook, good prediction", "float32", good, [0, 2, 1])
    loss("cross_entropy", "notebook, bad prediction", "float32", bad, [0, 2, 1])


# Degenerate inputs, infinities and NaN, confident rows, errors

def degenerate():
    w3, none = [0.5, 2, 1.5], np.zeros
    for dtype in TYPES:
        for reduction in REDUCTIONS:
            for shape in ((0, 3), (0, 3, 2, 3), (2, 3, 0, 3), (0, 3, 4)):
                for weight, eps in ((None, None), (w3, None), (w3, 0.1)):
                    option = ", weight" * bool(weight) + ", smoothing 0.1" * bool(eps)
                    common = dict(weight=weight, eps=eps, reduction=reduction)
                    name = f"empty {text(shape)}{option}, {reduction}"
                    loss("cross_entropy", name, dtype, none(shape), none(target_shape(shape)), **common)
                    loss("cross_entropy", f"{name}, probabilities", dtype, none(shape), q=none(shape), **common)
                    if not eps:
                        loss("nll_loss", name, dtype, none(shape), none(target_shape(shape)), **common)
            for label, target, weight, eps, first in (
                    ("all ignored", [-100] * 3, None, None, 0), ("all ignored, weight", [-100] * 3, WEIGHT_A, None, 0),
                    ("all ignored, smoothing 0.1", [-100] * 3, None, 0.1, 0),
                    ("total weight 0", [2, 0, 3], [0, 2, 0, 0], None, 0),
                    ("total weight 0, smoothing 0.1", [2, 0, 3], [0, 2, 0, 0], 0.1, 0),
                    ("one zero weight", [2, 0, 3], [0.5, 2, 0, 0.25], None, 0),
                    ("negative weights", [2, 0, 3], [-w for w in WEIGHT_A], None, 0),
                    ("one class", [0, 0, 0], None, None, 1), ("one class, smoothing 0.1", [0, 0, 0], None, 0.1, 1),
                    ("one class, weight", [0, 0, 0], [0.5], None, 1)):
                for op in ("cross_entropy", "nll_loss")[:1 if eps else 2]:
                    x = [row[:first or None] for row in WORKED_A]
                    loss(op, f"{label}, {reduction}", dtype, x, target, weight=weight, eps=eps, reduction=reduction,
                         deviation=None)
            loss("cross_entropy", f"one class, probabilities, {reduction}", dtype, [[1.0], [-2.0]], q=[[1.0], [0.5]],
                 reduction=reduction, deviation=None)
            for op in ("cross_entropy", "nll_loss"):
                loss(op, f"no classes, all ignored, {reduction}", dtype, none((2, 0)), [-100] * 2, reduction=reduction)
                loss(op, f"no classes, label 0, {reduction}", dtype, none((2, 0)), [0, 0], reduction=reduction)
            loss("cross_entropy", f"no classes, probabilities, {reduction}", dtype, none((2, 0)), q=none((2, 0)),
                 reduction=reduction)


def infinities():
    masked = [[0, -INF, 1, 2], [3, -INF, -1, 0.5]]
    for dtype in TYPES:
        for reduction in REDUCTIONS:
            common = dict(dtype=dtype, reduction=reduction)
            for label, x, target in (
                    ("label at -inf", masked, [1, 0]), ("-inf elsewhere", masked, [2, 0]),
                    ("row of -inf", [[-INF] * 4, [1, 2, 3, 4]], [1, 0]),
                    ("one finite logit", [[-INF, 0, -INF, -INF], [1, 2, 3, 4]], [1, 0]),
                    ("+inf", [[0, INF, 1, 2], [1, 2, 3, 4]], [1, 0]), ("NaN", [[0, NAN, 1, 2], [1, 2, 3, 4]], [2, 0]),
                    ("weight 0", [[-INF, 1, 2, 0], [1, 2, 3, 4]], [0, 1])):
                loss("cross_entropy", f"{label}, {reduction}", x=x, target=target, deviation=None,
                     weight=[0, 1, 1, 0.5] if label == "weight 0" else None, **common)
            large = [1e4, 0, -1e4], [3e38, -3e38, 0]
            for x, target in ((large[0], 2), (large[1], 1), (large[0], 0)):
                loss("cross_entropy", f"logits {x}, label {target}, {reduction}", x=[x], target=[target],
                     deviation=None, **common)
            better = lambda input, **rest: F.cross_entropy(
                input, rest.get("target_probabilities"), rest.get("weight"), reduction=reduction)
            for weight in (None, WEIGHT_A):
                loss("cross_entropy", f"probability 0 at -inf, {reduction}" + ", weight" * bool(weight), x=masked,
                     q=[[0.2, 0, 0.3, 0.5], [1, 0, 0, 0]], weight=weight, **common,
                     # exp(-1e4) is 0 too, and its logarithm finite.
                     deviation="zero-probability-at-minus-infinity",
                     expected=(better, {"input": np.maximum(masked, -1e4)}))
                loss("cross_entropy", f"probability above 0 at -inf, {reduction}" + ", weight" * bool(weight), x=masked,
                     q=[[0.2, 0.1, 0.2, 0.5], [0.4, 0.3, 0.2, 0.1]], weight=weight, **common)
            unmasked = [0, 2, 3]

            def without_masked(input, weight=None):
                return F.cross_entropy(input[:, unmasked], torch.tensor([1, 0]), weight=None if weight is None
                                       else weight[unmasked], label_smoothing=0.1, reduction=reduction)
            for weight in (None, WEIGHT_A):
                loss("cross_entropy", f"masked class, smoothing 0.1, {reduction}" + ", weight" * bool(weight), x=masked,
                     target=[2, 0], eps=0.1, weight=weight, deviation="masked-smoothing",
                     expected=(without_masked, {}), **common)
            for bad in (NAN, INF, -INF):
                for op in ("cross_entropy", "nll_loss"):
                    for option in ({}, {"weight": WEIGHT_A}, {"eps": 0.1})[:3 if op == "cross_entropy" else 2]:
                        x, clean = np.array(WORKED_A), np.array(WORKED_A)
                        x[1, 2], clean[1] = bad, 0
                        kept = F.cross_entropy if op == "cross_entropy" else F.nll_loss
                        more = {"label_smoothing": 0.1} if "eps" in option else {}
                        better = lambda input, weight=None: kept(
                            input, torch.tensor([2, -100, 3]), weight, reduction=reduction, **more)
                        loss(op, f"ignored row holding {bad}, {reduction}" + "".join(f", {k}" for k in option), x=x,
                             target=[2, -100, 3], deviation="ignored-row", expected=(better, {"input": clean}),
                             **option, **common)
    for margin in (5, 8, 10, 12, 14, 16, 17, 18):
        for count in (2, 10):
            for reduction in ("none", "mean"):
                x = randn(f"margin {margin} {count}", (2, count), 0.5)
                x[0, 1] = np.delete(x[0], 1).max() + margin
                loss("cross_entropy", f"margin {margin}, {count} classes, {reduction}", "float32", x, [1, 0],
                     reduction=reduction, deviation="confident-row")


def errors():
    zeros, w4 = np.zeros, WEIGHT_A
    for dtype in TYPES:
        other = "float64" if dtype == "float32" else "float32"
        for op in ("cross_entropy", "nll_loss"):
            for y in (4, -1, -101):
                loss(op, f"label {y} of 4", dtype, WORKED_A, [2, y, 3])
                loss(op, f"label {y} of 4, K-dimensional", dtype, zeros((1, 4, 2, 1)), [[[y], [0]]])
            for label, x, y in (
                    ("3 rows, 4 labels", (3, 4), (4,)), ("matrix and one label", (3, 4), ()), ("column", (3, 4), (3, 1)),
                    ("unbatched, one label", (4,), (1,)), ("unbatched, 4 labels", (5,), (4,)),
                    ("3-D", (2, 3, 5), (2, 4)), ("5-D", (2, 3, 2, 2, 2), (2, 2, 2, 3)), ("0-D input", (), (1,)),
                    ("4-D", (2, 3, 5, 5), (2, 5, 4)), ("4-D, 1-D target", (2, 3, 5, 5), (2,))):
                loss(op, f"shapes, {label}", dtype, zeros(x), zeros(y), deviation=None)
            for kind in (torch.int32, torch.int16, torch.int8, torch.bool, torch.uint16, torch.uint8, torch.float32,
                         torch.float64):
                loss(op, f"target of {kind}", dtype, WORKED_A, [1, 0, 1], target_dtype=kind)
            loss(op, "target of uint8, K-dimensional", dtype, zeros((2, 3, 2, 2)), zeros((2, 2, 2)), target_dtype=torch.uint8)
            loss(op, "target of uint8, ignoring 255", dtype, WORKED_A, [2, 255, 3], ignore_index=255, target_dtype=torch.uint8)
            loss(op, "2 weights of 4", dtype, WORKED_A, [2, 0, 3], weight=[1, 2])
            loss(op, "2 weights of 3, K-dimensional", dtype, zeros((2, 3, 2, 2)), zeros((2, 2, 2)), weight=[1, 2])
            loss(op, f"weight of {other}", dtype, WORKED_A, [2, 0, 3], weight=torch.tensor(w4, dtype=TYPES[other]))
            loss(op, "weight differentiated", dtype, WORKED_A, [2, 0, 3], weight=w4, weight_gradient=True)
            loss(op, "reduction avg", dtype, WORKED_A, [2, 0, 3], reduction="avg")
        loss("cross_entropy", "integer target of the input's shape", dtype, WORKED_A, zeros((3, 4)))
        loss("cross_entropy", "0-D integer target of a 0-D input", dtype, 1.0, 0)
        loss("cross_entropy", "2 weights of 4, probabilities", dtype, WORKED_A, q=WORKED_P, weight=[1, 2])
        loss("cross_entropy", "ignoring 1, probabilities", dtype, WORKED_A, q=WORKED_P, ignore_index=1)
        loss("cross_entropy", "ignoring -1, probabilities", dtype, WORKED_A, q=WORKED_P, ignore_index=-1)
