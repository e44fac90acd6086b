"""PyTorch's own fused loss, `linear_cross_entropy` with options: rows in chunks, whose gradients are formed on the way forward.

As it comes, the options choose chunks by a rule tuned for GPUs: 16 rows of 1024×768→32000, which took 6.6 s on two cores of an AMD
EPYC (Zen 1), where 64 rows took 3.4, 128 2.8, 256 2.6, 512 2.4, all rows 2.4 and the loss without options 2.6. So some sizes are
tried, and the worker keeps the fastest on this machine. `acc_policy` made no difference in this precision.
"""

from functools import partial

import numpy as np
import torch
from torch.nn.modules.linear_cross_entropy_options import LinearCrossEntropyOptions

import torch_eager
import torch_work as work
from exercise import Exercise, Form, Row, Unsupported

REFUSALS: tuple[type[Exception], ...] = ()
CHUNKS = (64, 256, 512, 1024)

start, release = torch_eager.start, torch_eager.release


def forms(row: Row, inputs: dict[str, np.ndarray]) -> list[Form]:
    if row.workload != "linear-cross-entropy":
        raise Unsupported("has no other workload than linear-cross-entropy")
    t = work.tensors(inputs)
    options = {"as it comes": LinearCrossEntropyOptions()}
    options |= {f"{n} rows": LinearCrossEntropyOptions(batch_chunk_size=n) for n in CHUNKS if n <= len(t["x"])}
    return [partial(linear_cross_entropy, name, row, chosen, t) for name, chosen in options.items()]


def linear_cross_entropy(name: str, row: Row, options: LinearCrossEntropyOptions, t: dict[str, torch.Tensor]) -> Exercise:
    x, weight = t["x"], t["weight"]
    rows = options._adjust(len(x), x.shape[1], len(weight), x.dtype, x.device).batch_chunk_size
    exercise = torch_eager.linear_cross_entropy(row, partial(work.linear_cross_entropy_in_chunks, options=options), t)
    exercise.name = name
    exercise.products = work.products(row, x, weight, rows)
    return exercise
