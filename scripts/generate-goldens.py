#!/usr/bin/env python3
"""Write the golden vectors of the numerical parity tests, from PyTorch 2.13.0+cpu.

    generate-goldens.py            write Tests/SurprisalTests/Goldens/*.jsonl
    generate-goldens.py --check    compute them again; exit 1 if the files differ

One case a line. Tensors are flat and row-major beside their shape; floats are the shortest
decimals that read back to the same number of their own type; "NaN", "Infinity" and
"-Infinity" are strings. A float32 case also holds `exact_...`: the same computation in
float64 on the same float32 inputs. Every number follows from a generator seeded by the
case's name, so cases can be added or removed without moving others. `error` is what PyTorch
refuses the case with; `gradient_error` what it refuses only the derivative with.

`deviation` marks a case where the package means to do better than PyTorch. There
`expected_...`, where it is given, is in float64 what the package has to return:
- ignored-row: as if the ignored row held zeros;
- zero-probability-at-minus-infinity: 0 * (-inf) counted as 0;
- masked-smoothing: with the class mask on, the masked (-inf) classes taken out (with it
  off, the package agrees with `output`);
- zero-probability, negative-probabilities: see golden_categorical.py;
- smoothing-range: none, the value is rejected;
- confident-row: none, compare with `exact_...`. A float32 row counts as confident where
  1 - max p < CONFIDENT: the float32 `output` has lost that part's leading digits.
"""

import pathlib
import sys

# Importing the modules beside this file shall leave nothing in the checkout.
sys.dont_write_bytecode = True

from golden_recording import INF, NAN, TYPES, add, case, cases, draw, np, randn, text, torch
from golden_categorical import categoricals
from golden_losses import (
    WORKED_A, confident, degenerate, errors, index_grid, infinities, more_smoothing, probability_grid, worked_examples)
from golden_further_losses import further_losses
from golden_training import training
import torch.nn.functional as F

VERSION = "2.13.0+cpu"
FOLDER = pathlib.Path(__file__).resolve().parent.parent / "Tests/SurprisalTests/Goldens"


def along(op, name, dtype, x, dim, deviation=None):
    case("log-softmax", f"{op}: {name}", op, dtype, lambda input: getattr(torch, op)(input, dim), {"input": x},
         {"dim": dim}, () if dtype in TYPES else ("input",), deviation=deviation)


def softmaxes():
    rows = [[0, -INF, 1, 2], [-INF] * 4, [0, INF, 1, 2], [0, NAN, 1, 2], [-INF, 0, -INF, -INF], [5, 5, 5, 5]]
    for dtype in TYPES:
        for op in ("log_softmax", "softmax", "logsumexp"):
            for shape in ((), (1,), (5,), (1, 1), (3, 4), (5, 17), (7, 33), (2, 3, 4), (2, 3, 2, 2), (2, 1, 3, 2, 2)):
                for dim in range(-max(len(shape), 1), max(len(shape), 1)):
                    name = f"{text(shape)} along {dim}"
                    x = randn(f"{op} {name}", shape)
                    rough = (op == "log_softmax" and dtype == "float32" and x.ndim and x.shape[dim] > 1
                             and confident(x, dim))
                    along(op, name, dtype, x, dim, "confident-row" if rough else None)
            for name, x, dim in (("4x0 along 1", np.zeros((4, 0)), 1), ("0x3 along 1", np.zeros((0, 3)), 1),
                                 ("special rows", rows, 1), ("special columns", np.transpose(rows), 0),
                                 ("large logits", [[1e4, 0, -1e4], [-1e4, -1e4, -1e4], [3e38, -3e38, 0]], 1),
                                 ("worked example A", WORKED_A, 1)):
                along(op, name, dtype, x, dim)


def linear(name, dtype, x, weight, bias, weight_type=None):
    arrays = {"input": randn(name + " x", x, 1), "weight": randn(name + " w", weight, 0.5)}
    if weight_type is not None:
        arrays["weight"] = torch.tensor(arrays["weight"], dtype=weight_type)
    if bias is not None:
        arrays["bias"] = randn(name + " b", bias, 0.5)
    case("linear", f"linear: {name}", "linear", dtype, F.linear, arrays)


def linears():
    for dtype in TYPES:
        for inner, outer in ((1, 1), (3, 5), (7, 2), (17, 9), (0, 4), (3, 0)):
            for lead in ((), (1,), (4,), (5,), (0,), (2, 3), (2, 0), (2, 1, 3)):
                for bias in (None, (outer,)):
                    name = f"{text((*lead, inner))} to {outer}" + (", bias" if bias else ", no bias")
                    linear(name, dtype, (*lead, inner), (outer, inner), bias)


def embeddings():
    for dtype in TYPES:
        for name, table, indices, padding in (
                ("repeated", (5, 3), [1, 4, 1, 1, 0], None), ("none", (5, 3), np.zeros(0, int), None),
                ("2x4", (7, 2), [[0, 6, 2, 2], [6, 1, 6, 5]], None), ("2x0x3", (4, 2), np.zeros((2, 0, 3), int), None),
                ("2x3x2", (9, 4), draw("embedding").randint(0, 9, (2, 3, 2)), None), ("a single one", (3, 5), 2, None),
                ("40 of 3", (3, 2), draw("embedding of 3").randint(0, 3, 40), None), ("no features", (4, 0), [1, 3], None),
                ("padding", (5, 3), [[2, 2, 0], [4, 2, 1]], 2), ("nothing but padding", (2, 3), [0, 0, 0], 0)):
            index = torch.as_tensor(np.asarray(indices))
            fields = {"target": index, "target_shape": list(index.shape)} | ({} if padding is None else {"padding": padding})
            case("embedding", f"embedding: {name}", "embedding", dtype,
                 lambda input: F.embedding(index, input, padding), {"input": randn(f"embedding {name}", table)}, fields)


def reduce(op, name, dtype, x, dim=None, k=None):
    fields = {"dim": dim} | ({"k": k} if k is not None else {})
    arguments = [a for a in (k, dim) if a is not None]
    function = lambda input: getattr(torch, op)(input, *arguments)
    if op == "topk" and dim is not None and k <= np.shape(x)[dim]:
        # Which of several equal values is taken, PyTorch leaves open.
        ordered = np.sort(np.nan_to_num(np.asarray(x, dtype=float), nan=INF), axis=dim)
        places = range(ordered.shape[dim] - 1)
        fields["ties"] = any((ordered.take(i, dim) == ordered.take(i + 1, dim)).any().item() for i in places)
    case("reductions", f"{op}: {name}", op, dtype, function, {"input": x}, fields, exact=op not in ("max", "topk"))


def pair(op, name, dtype, a, b):
    arrays = {"input": randn(f"{op} {name} a", a), "other": randn(f"{op} {name} b", b)}
    case("reductions", f"{op}: {name}", op, dtype, getattr(torch, op), arrays)


def reductions():
    special = [NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 88.0, -100.0, 1e-30]
    ties = [[1, 3, 3, 2], [5, 5, 5, 5], [NAN, 9, NAN, 1], [-INF, -INF, -INF, -INF], [-0.0, 0.0, -1, INF]]
    for dtype in TYPES:
        for shape in ((1,), (6,), (1, 1), (3, 4), (5, 17), (2, 3, 4), (2, 3, 2, 2)):
            x = randn(f"reduce {text(shape)}", shape)
            for dim in (None, *range(-len(shape), len(shape))):
                place = text(shape) + ("" if dim is None else f" along {dim}")
                for op in ("sum", "mean") + (() if dim is None else ("max", "argmax")):
                    reduce(op, place, dtype, x, dim)
                    if op in ("max", "argmax"):
                        reduce(op, place + ", ties", dtype, np.round(x / 3), dim)
                for k in () if dim is None else sorted({1, (shape[dim] + 1) // 2, shape[dim]}):
                    reduce("topk", f"{place}, k {k}", dtype, x, dim, k)
            for op in ("relu", "exp", "log"):
                reduce(op, text(shape), dtype, np.abs(x) if op == "log" else x)
            for op in ("add", "sub", "mul", "div"):
                pair(op, text(shape), dtype, shape, shape)
        for op in ("max", "argmax"):
            reduce(op, "ties and NaN", dtype, ties, 1)
        for k in (1, 2, 4):
            reduce("topk", f"ties and NaN, k {k}", dtype, ties, 1, k)
        for op in ("relu", "exp", "log", "sum", "mean"):
            reduce(op, "special values", dtype, special)
            reduce(op, "empty", dtype, np.zeros((0,)))
        for n, k, m in ((1, 1, 1), (3, 4, 2), (5, 17, 7), (0, 3, 2), (3, 0, 2), (3, 2, 0)):
            pair("matmul", f"{n}x{k} by {k}x{m}", dtype, (n, k), (k, m))


def sgd():
    for dtype in TYPES:
        for shape in ((1,), (5,), (3, 4), (2, 3, 2)):
            for rate in (0.01, 0.1, 1.0):
                for momentum in (0.0, 0.5, 0.9):
                    name = f"sgd: {text(shape)}, rate {rate}, momentum {momentum}, 4 steps"
                    gradients = randn(name + " gradients", (4, *shape), 1)
                    rounded = [float(np.float32(v)) if dtype == "float32" else v for v in (rate, momentum)]

                    def steps(input, gradients):
                        parameter, trace = input.detach().clone(), []
                        optimizer = torch.optim.SGD([parameter], lr=rounded[0], momentum=rounded[1], foreach=False)
                        for parameter.grad in gradients:
                            optimizer.step()
                            trace.append(parameter.detach().clone())
                        return torch.stack(trace)
                    case("sgd", name, "sgd", dtype, steps, {"input": randn(name, shape, 1), "gradients": gradients},
                         {"learning_rate": rounded[0], "momentum": rounded[1], "steps": 4}, ("input", "gradients"))


def adam():
    for dtype in TYPES:
        for shape in ((1,), (5,), (3, 4), (37,)):
            for kind, decay in (("none", 0.0), ("decoupled", 0.1), ("l2", 0.1)):
                name = f"adam: {text(shape)}, weight decay {kind}, 4 steps"
                gradients = randn(name + " gradients", (4, *shape), 1)

                def steps(input, gradients):
                    parameter, trace = input.detach().clone(), []
                    make = torch.optim.AdamW if kind == "decoupled" else torch.optim.Adam
                    optimizer = make([parameter], lr=0.0625, betas=(0.875, 0.9375), weight_decay=decay, foreach=False)
                    for parameter.grad in gradients:
                        optimizer.step()
                        trace.append(parameter.detach().clone())
                    return torch.stack(trace)
                case("adam", name, "adam", dtype, steps, {"input": randn(name, shape, 1), "gradients": gradients},
                     {"learning_rate": 0.0625, "weight_decay": decay, "decay": kind, "steps": 4}, ("input", "gradients"))


def nesterov():
    for dtype in TYPES:
        for shape in ((5,), (3, 4)):
            name = f"sgd: {text(shape)}, nesterov, weight decay, 4 steps"
            gradients = randn(name + " gradients", (4, *shape), 1)

            def steps(input, gradients):
                parameter, trace = input.detach().clone(), []
                optimizer = torch.optim.SGD(
                    [parameter], lr=0.125, momentum=0.75, weight_decay=0.0625, nesterov=True, foreach=False)
                for parameter.grad in gradients:
                    optimizer.step()
                    trace.append(parameter.detach().clone())
                return torch.stack(trace)
            case("sgd", name, "sgd", dtype, steps, {"input": randn(name, shape, 1), "gradients": gradients},
                 {"learning_rate": 0.125, "momentum": 0.75, "weight_decay": 0.0625, "nesterov": True, "steps": 4},
                 ("input", "gradients"))


def printed(name, dtype, values=None, shape=None, scale=None):
    kind = getattr(torch, dtype)
    shape = np.shape(values) if shape is None else shape
    if scale is not None:
        value = (torch.arange(int(np.prod(shape)), dtype=kind) * scale).reshape(shape)
    else:
        value = torch.as_tensor(np.asarray(values)).to(kind).reshape(shape)
    data = {"input": value} if scale is None else {"arange": scale}
    add("printing", f"{name}, {dtype}", {"op": "print", "dtype": dtype, "shape": list(shape), **data, "text": str(value)})


def printing():
    small = [(), (1,), (3,), (2, 3), (1, 1), (2, 2, 3), (2, 1, 2, 2)]
    rows = {
        "whole numbers": [1, 2, 3], "whole and 0": [0, -1, 10], "halves": [0.5, 1.5, -2.5], "NaN": [NAN, 1, 2.5],
        "inf": [INF, -INF, 1], "NaN and whole": [NAN, 1, 200], "only NaN and inf": [NAN, INF, -INF], "-0": [-0.0, 0.0],
        "zeros": [0, 0, 0], "ratio 1000": [0.001, 1.0], "ratio above 1000": [0.00099, 1.0], "1e-4": [1e-4, 0.01],
        "below 1e-4": [0.99e-4, 0.01], "1e8": [1e8, 1], "above 1e8": [1.1e8, 1e8], "whole ratio 1000": [1, 1000],
        "whole ratio 1001": [1, 1001], "above 1000 with half": [1.5, 1501], "tiny": [1e-30, 2e-30], "large": [1e30, -2e30],
        "scientific with NaN": [NAN, 1e-6, 1.0], "scientific with inf": [-INF, 1e-6, 1.0], "scientific and 0": [0, 1e-6, 1],
        "rounding up": [0.99995, 9.99995], "ties": [0.00005, 0.12345, 2.00005], "sum 5.3101": [5.3101], "long": [0.25] * 30,
        "long whole": list(range(40)), "wide": [123.4567, -9.5, 1000.25], "99999.5": [99999.5], "one negative": [-1.5, 2]}
    for dtype in ("float32", "float64"):
        for shape in small:
            printed(f"random {text(shape)}", dtype, randn(f"print {shape}", shape))
            printed(f"whole {text(shape)}", dtype, np.round(randn(f"print {shape}", shape)))
        for name, row in rows.items():
            printed(name, dtype, row)
        for value in (5.3101, 3.0, -0.0, 1e-5, 123456789.0, 1.5e9, NAN, INF, -INF, 0.41337862610816956):
            printed(f"scalar {value}", dtype, value)
        printed("columns of unequal width", dtype, [[1.5, 200.25], [-3, 0.125]])
        printed("notebook log-probabilities", dtype, [[-1.3639, -0.34139, -3.3949], [-5.947, -2.6188e-3, -13.211]])
    for dtype in ("float32", "float64", "int64"):
        for shape in ((0,), (0, 3), (2, 0, 3)):
            printed(f"empty {text(shape)}", dtype, np.zeros(shape))
        for shape in ((1000,), (1001,), (7, 150), (2, 501), (300, 4), (40, 5, 6), (3, 20, 20), (9, 8, 5, 4)):
            for scale in (1,) if dtype == "int64" else (1, 0.25, 0.001, 1e-7):
                printed(f"arange {text(shape)} by {scale}", dtype, shape=shape, scale=scale)
    for name, value in (("scalar", 7), ("row", [1, -20, 300]), ("labels", [0, 2, 1]), ("matrix", [[1, 2], [-3, 40]]),
                        ("long", list(range(60))), ("3-D", np.arange(12).reshape(2, 3, 2)), ("large", [10**15, -1])):
        printed(f"integers {name}", "int64", value)


def operation_errors():
    for dtype in TYPES:
        other = "float64" if dtype == "float32" else "float32"
        for op in ("log_softmax", "softmax", "logsumexp"):
            for dim in (2, -3):
                along(op, f"axis {dim} of a matrix", dtype, WORKED_A, dim)
        for name, x, weight, bias in (
                ("4x10 by 8x9", (4, 10), (8, 9), (8,)), ("bias of 7 for 8", (4, 10), (8, 10), (7,)),
                ("0-D input", (), (8, 10), None), ("3-D weight", (4, 10), (2, 8, 10), None)):
            linear(name, dtype, x, weight, bias)
        for bias in (None, (8,)):
            linear(f"weight of {other}" + ", bias" * bool(bias), dtype, (4, 9), (8, 9), bias, TYPES[other])
        for op in ("max", "argmax"):
            reduce(op, "no classes", dtype, np.zeros((2, 0)), dim=1)
        reduce("topk", "k 5 of 4", dtype, WORKED_A, dim=1, k=5)
        for a, b in (((2, 3), (4, 2)), ((3, 4), (3, 4))):
            pair("matmul", f"{text(a)} by {text(b)}", dtype, a, b)
        pair("add", "2x3 and 2x4", dtype, (2, 3), (2, 4))
    for op in ("log_softmax", "softmax"):
        along(op, "integers", "int64", torch.tensor([[1, 2, 3]]), 1)


def main(arguments):
    if arguments not in ([], ["--check"]):
        sys.exit(__doc__)
    if torch.__version__ != VERSION:
        sys.exit(f"these goldens are of PyTorch {VERSION}, this is {torch.__version__}")
    torch.set_num_threads(1)
    torch.set_printoptions(profile="default")
    for op in ("cross_entropy", "nll_loss"):
        index_grid(op)
    for group in (probability_grid, more_smoothing, worked_examples, degenerate, infinities, errors, operation_errors,
                  softmaxes, linears, embeddings, reductions, sgd, nesterov, adam, printing, further_losses, categoricals, training):
        group()
    different = 0
    for file, lines in cases.items():
        path, content = FOLDER / f"{file}.jsonl", "\n".join(lines.values()) + "\n"
        if not arguments:
            FOLDER.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != content:
            old = set(path.read_text(encoding="utf-8").splitlines()) if path.exists() else set()
            first = next((n for n, line in lines.items() if line not in old), "a case that is no longer made")
            print(f"{path.name} differs, first at: {first}")
            different += 1
        print(f"{path.name}: {len(lines)} cases, {len(content)} bytes")
    print(f"{sum(map(len, cases.values()))} cases")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
