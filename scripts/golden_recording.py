"""Golden cases: evaluated in PyTorch, encoded and collected. Used by generate-goldens.py."""

import json
import os
import zlib

# One arithmetic on every machine: no processor-specific kernels (but where a script has asked for some), one thread.
os.environ.setdefault("ATEN_CPU_CAPABILITY", "default")
os.environ.update(MKL_CBWR="COMPATIBLE", OMP_NUM_THREADS="1")

import numpy as np
import torch

TYPES = {"float32": torch.float32, "float64": torch.float64}
GRADIENTS = {
    "input": "gradient",
    "target_probabilities": "gradient_target",
    "weight": "gradient_weight",
    "bias": "gradient_bias",
    "other": "gradient_other",
}
REDUCTIONS = ("none", "sum", "mean")
INF, NAN = float("inf"), float("nan")

# What evaluating in float64 does not make anew.
NOT_WIDENED = ("upstream", "gradient_error")

cases = {}


# Encoding

def number(value, spell=repr):
    if value != value:
        return '"NaN"'
    if value in (INF, -INF):
        return '"Infinity"' if value > 0 else '"-Infinity"'
    return spell(value)


def encode(value):
    if isinstance(value, torch.Tensor):
        flat = value.detach().reshape(-1).numpy()
        if not value.is_floating_point():
            return json.dumps([int(v) for v in flat], separators=(",", ":"))
        spell = str if flat.dtype != np.float64 else lambda v: repr(float(v))
        return "[" + ",".join(number(v, spell) for v in flat) + "]"
    if isinstance(value, float):
        return number(value)
    return json.dumps(value, separators=(",", ":"))


def add(file, name, fields):
    lines = cases.setdefault(file, {})
    assert name not in lines, name
    members = {"name": name, **fields}
    lines[name] = "{" + ",".join(f"{json.dumps(k)}:{encode(v)}" for k, v in members.items()) + "}"


# Data

def draw(name):
    return np.random.RandomState(zlib.crc32(name.encode()))


def randn(name, shape, scale=3.0):
    # Four decimals keep the files small; in binary they fill the mantissa all the same.
    return np.round(scale * draw(name).standard_normal(shape), 4)


def class_weights(name, count):
    return np.round(draw(name + " weight").uniform(0.1, 2, count), 3)


def probabilities(name, shape):
    axis = 0 if len(shape) == 1 else 1
    e = np.exp(draw(name + " target").standard_normal(shape))
    return np.round(e / e.sum(axis=axis, keepdims=True), 4)


def target_shape(shape):
    return () if len(shape) == 1 else (shape[0], *shape[2:])


def labels(name, shape, ignored=None):
    """Labels for logits of `shape`; about a third are `ignored`, where there are several."""
    generator = draw(name + " target")
    count = shape[0] if len(shape) == 1 else shape[1]
    target = generator.randint(0, count, target_shape(shape))
    if ignored is not None and target.size > 1:
        chosen = generator.uniform(size=target.shape) < 1 / 3
        chosen.flat[0], chosen.flat[-1] = False, True
        target = np.where(chosen, ignored, target)
    return target


# Evaluating

def described(error):
    return f"{type(error).__name__}: {str(error).splitlines()[0]}"


def tensor(value, dtype):
    return torch.as_tensor(np.asarray(value, dtype=np.float64)).to(dtype)


def evaluate(function, tensors, constants, upstream):
    """The output, the indices if there are any, and the gradients by field."""
    leaves = {k: t.detach().clone().requires_grad_(k not in constants) for k, t in tensors.items()}
    output, indices = function(**leaves), None
    if isinstance(output, tuple):
        output, indices = output
    result = {}
    if output.is_floating_point():
        result["output"] = output
    else:
        indices = output
    wanted = [k for k in leaves if k not in constants]
    if output.requires_grad and wanted:
        if output.dim():
            upstream = upstream(output.shape).to(output.dtype)
            result["upstream"] = upstream
        else:
            upstream = torch.ones_like(output)
        try:
            gradients = torch.autograd.grad(
                output, [leaves[k] for k in wanted], upstream, materialize_grads=True)
        except RuntimeError as error:
            result["gradient_error"] = described(error)
        else:
            result.update((GRADIENTS[k], g) for k, g in zip(wanted, gradients, strict=True))
    return output, indices, result


def case(file, name, op, dtype, function, arrays, fields=None, constants=(), exact=True,
         deviation=None, expected=None):
    """Record one case.

    `arrays` are the floating-point tensors by field; those not among `constants` are
    differentiated. `expected` is a pair: a function and the arrays to call it with in
    float64, giving `expected_...`.
    """
    name = f"{name}, {dtype}"
    kind = getattr(torch, dtype)
    tensors = {k: v if isinstance(v, torch.Tensor) else tensor(v, kind) for k, v in arrays.items()}
    record = {"op": op, "dtype": dtype, "shape": list(tensors["input"].shape)}
    for field, value in tensors.items():
        record[field] = value
        if field != "input":
            prefix = "target" if field == "target_probabilities" else field
            record[f"{prefix}_shape"] = list(value.shape)
    record.update(fields or {})

    def upstream(shape):
        return tensor(randn(name + " upstream", tuple(shape), 1.0), kind)

    try:
        output, indices, result = evaluate(function, tensors, constants, upstream)
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        record["error"] = described(error)
        if deviation:
            record["deviation"] = deviation
        add(file, name, record)
        return
    record["output_shape"] = list(output.shape)
    record.update(result)
    if indices is not None:
        record["indices"] = indices
    wide = {k: t.double() for k, t in tensors.items()}
    if exact and dtype == "float32":
        again = evaluate(function, wide, constants, upstream)[2]
        record.update((f"exact_{k}", v) for k, v in again.items() if k not in NOT_WIDENED)
    if deviation:
        record["deviation"] = deviation
    if expected is not None:
        better, changed = expected
        wide.update((k, tensor(v, torch.float64)) for k, v in changed.items())
        again = evaluate(better, wide, constants, upstream)[2]
        record.update((f"expected_{k}", v) for k, v in again.items() if k not in NOT_WIDENED)
    add(file, name, record)


def text(shape):
    return "x".join(map(str, shape)) if shape else "scalar"
