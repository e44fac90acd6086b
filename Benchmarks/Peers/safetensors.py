"""Reads the safetensors files that the engine writes, without a package for it."""

import json
import os
import struct

import numpy as np

TYPES = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8"), "I64": np.dtype("<i8")}


def read(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    with open(path, "rb") as file:
        start = file.read(8)
        if len(start) < 8:
            raise ValueError(f"{path}: {len(start)} bytes; expected a header of at least 8")
        (length,) = struct.unpack("<Q", start)
        header = json.loads(file.read(length))
        tensors = {}
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            if entry["dtype"] not in TYPES:
                raise ValueError(f"{path}: {name} is {entry['dtype']}; expected one of {', '.join(TYPES)}")
            type_, (begin, end) = TYPES[entry["dtype"]], entry["data_offsets"]
            file.seek(8 + length + begin)
            values = np.fromfile(file, type_, (end - begin) // type_.itemsize)
            tensors[name] = values.reshape(entry["shape"])
    return tensors
