#!/usr/bin/env python3
"""Writes what the layers' tests compare with, into Tests/SurprisalTests/Goldens.

    activations.jsonl   50-digit values and derivatives of the activations (mpmath)
    layers.jsonl        PyTorch 2.13.0's LayerNorm, and a Sequential of all layers, with gradients, in double

    generate-layer-goldens.py            write
    generate-layer-goldens.py --check    compare with the files as they stand; exit 1 if they differ
"""

import json
import pathlib
import sys

import mpmath
import numpy as np
import torch
from mpmath import mp, mpf

mp.dps = 60
FOLDER = pathlib.Path(__file__).resolve().parent.parent / "Tests" / "SurprisalTests" / "Goldens"


def normal(x):
    return mpmath.erfc(-x / mpmath.sqrt(2)) / 2


def sigmoid(x):
    return 1 / (1 + mpmath.exp(-x))


def inner(x):
    return 2 * mpmath.sqrt(2 / mpmath.pi) * (x + mpf("0.044715") * x ** 3)


def inner_slope(x):
    return 2 * mpmath.sqrt(2 / mpmath.pi) * (1 + 3 * mpf("0.044715") * x ** 2)


ACTIVATIONS = {
    "sigmoid": (sigmoid, lambda x: sigmoid(x) * sigmoid(-x)),
    "silu": (lambda x: x * sigmoid(x), lambda x: sigmoid(x) * (1 + x * sigmoid(-x))),
    "gelu": (lambda x: x * normal(x),
             lambda x: normal(x) + x * mpmath.exp(-x * x / 2) / mpmath.sqrt(2 * mpmath.pi)),
    "gelu-tanh": (lambda x: x * sigmoid(inner(x)),
                  lambda x: sigmoid(inner(x)) * (1 + x * inner_slope(x) * sigmoid(-inner(x)))),
}


def two(value):
    high = float(value)
    return [high, float(value - mpf(high))]


def points():
    """Floats: every binade around 0, and evenly where the functions bend, to beyond where they are 0 or straight."""
    sizes = [2.0 ** e * f for e in range(-30, 0) for f in (1, 1.3)] + [i * 0.21 for i in range(5, 110)]
    sizes += [25.0, 30.5, 36.2, 37.9, 50.25, 80.0, 86.5, 100.5, 300.0, 700.5]
    return [float(np.float32(s * x)) for x in sizes for s in (1, -1)]


def activations():
    for name, (value, slope) in ACTIVATIONS.items():
        x = points()
        yield {"name": name, "x": x, "value": [two(value(mpf(v))) for v in x],
               "derivative": [two(slope(mpf(v))) for v in x]}


def case(name, layer, x, **more):
    x = x.clone().requires_grad_(True)
    y = layer(x)
    upstream = torch.sin(torch.arange(y.numel(), dtype=torch.float64)).reshape(y.shape)
    (y * upstream).sum().backward()
    return {"name": name, "shape": list(x.shape), "input": x.detach().flatten().tolist(),
            "output_shape": list(y.shape), "output": y.detach().flatten().tolist(),
            "upstream": upstream.flatten().tolist(), "gradient": x.grad.flatten().tolist(),
            "names": [n for n, _ in layer.named_parameters()],
            "parameters": [p.detach().flatten().tolist() for p in layer.parameters()],
            "shapes": [list(p.shape) for p in layer.parameters()],
            "gradients": [p.grad.flatten().tolist() for p in layer.parameters()], **more}


def layers():
    torch.manual_seed(5)
    for shape, offset, epsilon in (((3, 5), 0, 1e-5), ((2, 3, 17), 1e6, 1e-5), ((4, 1), 0, 1e-5), ((7, 64), -3, 1e-3),
                                   ((2, 4), 0, 0.0)):
        layer = torch.nn.LayerNorm(shape[-1], eps=epsilon, dtype=torch.float64)
        torch.nn.init.normal_(layer.weight)
        torch.nn.init.normal_(layer.bias)
        yield case(f"layer-norm {shape} offset {offset}", layer, torch.randn(shape, dtype=torch.float64) + offset,
                   epsilon=epsilon)
    nn = torch.nn
    yield case("sequential", nn.Sequential(
        nn.Linear(6, 9), nn.GELU(), nn.LayerNorm(9), nn.Dropout(0.5), nn.Linear(9, 7, bias=False), nn.SiLU(),
        nn.Linear(7, 5), nn.Tanh(), nn.Linear(5, 4), nn.Sigmoid(), nn.Linear(4, 4), nn.GELU("tanh"), nn.Linear(4, 3),
        nn.ReLU()).double().eval(), torch.randn(5, 6, dtype=torch.float64))


def main():
    different = 0
    for file, cases in (("activations", activations()), ("layers", layers())):
        text = "".join(json.dumps(c, separators=(",", ":")) + "\n" for c in cases)
        path = FOLDER / f"{file}.jsonl"
        if "--check" in sys.argv[1:]:
            if not path.exists() or path.read_text() != text:
                print(f"{path.name} is not what {pathlib.Path(__file__).name} writes", file=sys.stderr)
                different = 1
        else:
            path.write_text(text)
    sys.exit(different)


if __name__ == "__main__":
    main()
