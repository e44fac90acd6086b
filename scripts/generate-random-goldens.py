#!/usr/bin/env python3
"""Write the golden vectors of TorchGenerator and of initialisation, from PyTorch 2.13.0+cpu on AVX2.

    generate-random-goldens.py            write Tests/SurprisalTests/Goldens/random.jsonl
    generate-random-goldens.py --check    compute them again; exit 1 if the file differs

PyTorch's code for older processors, which the other goldens are of, rounds uniform and normal numbers otherwise.
One call a line; `sequence` numbers the seeds, and the calls of a sequence follow one another, so that the generator's state
carries on. Bernoulli and exponential numbers are those of other processors than Intel's, where MKL may draw them.
"""

import os
import pathlib
import sys

sys.dont_write_bytecode = True
os.environ["ATEN_CPU_CAPABILITY"] = "avx2"

from golden_recording import TYPES, add, cases, torch
from torch import nn

VERSION = "2.13.0+cpu"
PATH = pathlib.Path(__file__).resolve().parent.parent / "Tests/SurprisalTests/Goldens/random.jsonl"


class Sequence:
    count = 0

    def __init__(self, seed):
        self.seed, self.number, self.calls = seed, Sequence.count, 0
        Sequence.count += 1
        torch.manual_seed(seed)

    def call(self, op, output, **fields):
        self.calls += 1
        add("random", f"seed {self.seed}, call {self.calls}: {op}",
            {"op": op, "sequence": self.number, "seed": self.seed % 2**64, **fields, "output": output})

    def filled(self, op, dtype, shape, fill, **fields):
        self.call(op, fill(torch.empty(shape, dtype=TYPES[dtype])), dtype=dtype, shape=list(shape), **fields)


def draws(seed):
    s = Sequence(seed)
    for dtype, kind in TYPES.items():
        for shape in ((3,), (5, 7)):
            s.filled("uniform", dtype, shape, lambda t: t.uniform_(), low=0.0, high=1.0)
        for low, high in ((-0.37, 0.37), (-1.5, 100.0), (2.0, 2.0)):
            s.filled("uniform", dtype, (20,), lambda t: t.uniform_(low, high), low=low, high=high)
        # Odd counts below 16 leave half a pair, which outlives larger calls; 16, 17 and 37 take the other way.
        for count in (1, 5, 16, 3, 17, 15, 37, 2, 0, 64, 1):
            for mean, deviation in ((0.0, 1.0),) if count % 2 else ((-0.7, 0.3),):
                s.filled("normal", dtype, (count,), lambda t: t.normal_(mean, deviation), mean=mean, deviation=deviation)
        for p in (0.0, 0.3, 1.0):
            s.filled("bernoulli", dtype, (4, 5), lambda t: t.bernoulli_(p), probability=p)
        s.call("dropout", nn.functional.dropout(torch.ones(30, dtype=kind), 0.25), dtype=dtype, shape=[30], probability=0.25)
        weights = torch.tensor([[0.1, 3, 0, 2, 0.7, 1e-3], [5, 4, 3, 2, 1, 0.5]], dtype=kind)
        for count, replacement in ((1, False), (1, True), (4, False), (12, True)):
            fields = {"dtype": dtype, "shape": [2, 6], "input": weights, "count": count, "replacement": replacement}
            s.call("multinomial", torch.multinomial(weights, count, replacement), **fields)
        s.call("multinomial", torch.multinomial(weights[0], 5, False), dtype=dtype, shape=[6], input=weights[0], count=5,
               replacement=False)
    for limit in (1, 10, 2**28 - 1, 2**28, 2**40, 2**52):
        s.call("integers", torch.randint(limit, (9,)), limit=limit, count=9)
    for count in (0, 1, 2, 5, 40):
        s.call("permutation", torch.randperm(count), count=count)
    # Past the twister's 624 numbers.
    s.filled("uniform", "float32", (700,), lambda t: t.uniform_(), low=0.0, high=1.0)


def layers(seed):
    s = Sequence(seed)
    for dtype, kind in TYPES.items():
        for inputs, outputs in ((1, 1), (30, 4), (3, 7), (0, 2)):
            layer = nn.Linear(inputs, outputs, dtype=kind)
            s.call("linear", layer.weight, dtype=dtype, shape=[outputs, inputs], bias=layer.bias)
        for shape in ((4, 6), (6, 3), (3, 2, 5)):
            fields = {"dtype": dtype, "shape": shape}
            for kind_of in ("relu", "tanh", "selu", "linear"):
                s.filled("kaiming_uniform", fill=lambda t: nn.init.kaiming_uniform_(t, nonlinearity=kind_of),
                         nonlinearity=kind_of, **fields)
            s.filled("kaiming_uniform", fill=lambda t: nn.init.kaiming_uniform_(t, 0.2, "fan_out"), slope=0.2,
                     nonlinearity="leaky_relu", fan="fan_out", **fields)
            s.filled("kaiming_normal", fill=lambda t: nn.init.kaiming_normal_(t, nonlinearity="relu"),
                     nonlinearity="relu", **fields)
            s.filled("xavier_uniform", fill=lambda t: nn.init.xavier_uniform_(t, 1.5), gain=1.5, **fields)
            s.filled("xavier_normal", fill=lambda t: nn.init.xavier_normal_(t), gain=1.0, **fields)
            s.filled("orthogonal", fill=lambda t: nn.init.orthogonal_(t, 2.0), gain=2.0, **fields)
        for mean, deviation, low, high in ((0.0, 1.0, -2.0, 2.0), (0.1, 0.02, 0.0, 0.15), (0.0, 1.0, 1.0, 2.0),
                                           (-3.0, 0.5, -2.0, 5.0)):
            s.filled("truncated_normal", dtype, (5, 8), lambda t: nn.init.trunc_normal_(t, mean, deviation, low, high),
                     mean=mean, deviation=deviation, low=low, high=high)
        embedding = nn.Embedding(6, 4, padding_idx=2, dtype=kind)
        s.call("embedding", embedding.weight, dtype=dtype, shape=[6, 4], padding=2)


def main(arguments):
    if arguments not in ([], ["--check"]):
        sys.exit(__doc__)
    if torch.__version__ != VERSION:
        sys.exit(f"these goldens are of PyTorch {VERSION}, this is {torch.__version__}")
    if torch.backends.cpu.get_cpu_capability() != "AVX2":
        sys.exit("these goldens are of a processor with AVX2")
    for seed in (0, 1, 42, 2**32 - 1, 2**32 + 5, -1):
        draws(seed)
    for seed in (7, 2026):
        layers(seed)
    content = "\n".join(cases["random"].values()) + "\n"
    if arguments:
        return 0 if PATH.exists() and PATH.read_text(encoding="utf-8") == content else 1
    PATH.write_text(content, encoding="utf-8")
    print(f"{PATH.name}: {len(cases['random'])} cases, {len(content)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
