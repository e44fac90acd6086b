#!/usr/bin/env python3
"""Writes the safetensors fixtures of SurprisalIOTests and SurprisalCommandTests with the reference implementation.

Needs numpy and safetensors 0.8 or later. The values are formulas that the tests repeat, so nothing
but this script and the files has to agree; running it again gives the same bytes, except for the
order of metadata keys, which is why no fixture has more than one.
"""

from pathlib import Path

import numpy as np
import safetensors
from safetensors.numpy import save_file

FIXTURES = Path(__file__).resolve().parent.parent / "Tests" / "SurprisalIOTests" / "Fixtures"
COMMAND_FIXTURES = FIXTURES.parent.parent / "SurprisalCommandTests" / "Fixtures"

FLOAT_BITS = [
    0x00000000, 0x80000000, 0x3F800000, 0xC0490FDB, 0x00000001, 0x7F7FFFFF,
    0x7F800000, 0xFF800000, 0x7FC00000, 0x7FA12345, 0xFFC54321,
]
DOUBLE_BITS = [
    0x0000000000000000, 0x8000000000000000, 0x400921FB54442D18, 0x0000000000000001,
    0x7FF0000000000000, 0x7FF4000000ABCDEF, 0xFFF8000000000001,
]


def edges(kind):
    info = np.iinfo(kind)
    return np.array([info.min, 0, 1, info.max], dtype=kind)


def every_dtype():
    """One tensor of each type that numpy has, the values at the edges of the type."""
    tensors = {
        "f64": np.array(DOUBLE_BITS, dtype=np.uint64).view(np.float64),
        "f32": np.array(FLOAT_BITS, dtype=np.uint32).view(np.float32),
        "bool": np.array([[True, False, True], [False, False, True]]),
        "c64": np.array([1 + 2j], dtype=np.complex64),
        # Both signs, every exponent, NaN payloads; 257 is coprime to the fields' sizes.
        "f16": np.arange(0, 65536, 257, dtype=np.uint16).view(np.float16),
        "scalar": np.array(2.5, dtype=np.float32),
        "empty": np.zeros((3, 0, 2), dtype=np.float32),
    }
    for kind in ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"):
        tensors[kind] = edges({"i": "int", "u": "uint"}[kind[0]] + str(int(kind[1:])))
    save_file(tensors, FIXTURES / "every-dtype.safetensors", {"origin": "numpy"})


def opaque():
    """Types that numpy lacks, from raw bytes."""
    buffers = []

    def spec(dtype, shape, data):
        buffer = np.frombuffer(data, dtype=np.uint8).copy()
        buffers.append(buffer)
        return safetensors.TensorSpec(
            dtype=dtype, shape=shape, data_ptr=buffer.ctypes.data, data_len=len(data)
        )

    bfloat = np.array([0x3F80, 0x8000, 0x4049, 0x0001, 0xFF80, 0x7FA1], dtype="<u2").tobytes()
    tensors = {
        "bf16": spec("bfloat16", [2, 3], bfloat),
        "e4m3": spec("float8_e4m3fn", [3], bytes([1, 2, 3])),
        "e5m2": spec("float8_e5m2", [1, 2], bytes([4, 5])),
        "e8m0": spec("float8_e8m0fnu", [1], bytes([6])),
        # The last dimension is that of the storage, of two elements a byte.
        "f4": spec("float4_e2m1fn_x2", [2, 2], bytes([7, 8, 9, 10])),
    }
    safetensors.serialize_file(tensors, FIXTURES / "opaque.safetensors")


def names():
    """Names that need escapes in JSON, and the order of equal types."""
    tensors = {
        name: np.array([index], dtype=np.int32)
        for index, name in enumerate(
            [
                "linear2.weight",
                "linear1.weight",
                "",
                'quote " backslash \\',
                "line\nfeed\x01",
                "\u00e9",
                "e\u0301",
                "数",
            ]
        )
    }
    save_file(tensors, FIXTURES / "names.safetensors", {"key \t": "value\u001f/\u007f"})


def nothing():
    save_file({}, FIXTURES / "nothing.safetensors")


def batch():
    """The worked example of the loss command's tests as a batch of `surprisal loss`, labels of 16 bits."""
    tensors = {
        "input": np.array([[1, 2, 3, 0.5], [-1, 0.25, 0, 2], [4, -3, 1.5, 1]], dtype=np.float32),
        "target": np.array([2, 0, 3], dtype=np.int16),
        "weight": np.array([0.5, 2, 1.5, 0.25], dtype=np.float32),
    }
    save_file(tensors, COMMAND_FIXTURES / "batch.safetensors")


if __name__ == "__main__":
    for folder in (FIXTURES, COMMAND_FIXTURES):
        folder.mkdir(parents=True, exist_ok=True)
    every_dtype()
    opaque()
    names()
    nothing()
    batch()
    for fixture in [*FIXTURES.glob("*.safetensors"), *COMMAND_FIXTURES.glob("*.safetensors")]:
        # The reference implementation makes its files private to their owner.
        fixture.chmod(0o644)
