#!/usr/bin/env python3
"""Writes the NPY, NPZ and IDX fixtures of SurprisalIOTests with NumPy and Python's gzip.

Written with NumPy 2.4. The values are formulas that the tests repeat: element k, in row-major order, of every array is
k - 2 where the type has a sign and k otherwise, of truth values k % 2, of floating point (k - 2) / 2.
"""

import gzip
import io
import struct
import zipfile
from pathlib import Path

import numpy as np

FIXTURES = Path(__file__).resolve().parent.parent / "Tests" / "SurprisalIOTests" / "Fixtures"
DTYPES = ["|b1", "|i1", "<i2", ">i2", "<i4", ">i4", "<i8", ">i8", "|u1", "<u2", ">u2", "<u4", ">u4", "<u8", ">u8"]
DTYPES += ["<f2", ">f2", "<f4", ">f4", "<f8", ">f8"]
SHAPES = [(), (5,), (3, 2), (2, 3, 2), (0, 4)]


def values(dtype, shape):
    k = np.arange(int(np.prod(shape)))
    kind = np.dtype(dtype).kind
    k = {"b": k % 2, "i": k - 2, "u": k, "f": (k - 2) / 2}[kind]
    return k.astype(dtype).reshape(shape)


def npy():
    """One file of every dtype, order and shape, in an NPZ so that there is one fixture."""
    with zipfile.ZipFile(FIXTURES / "every-npy.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for dtype in DTYPES:
            for shape in SHAPES:
                for order in "CF":
                    buffer = io.BytesIO()
                    array = np.asarray(values(dtype, shape), order=order)
                    np.lib.format.write_array(buffer, array, version=(1 + len(shape) % 3, 0))
                    name = f"{dtype[1:]}{'big' if dtype[0] == '>' else 'little'}-{order}-{'x'.join(map(str, shape))}"
                    archive.writestr(zipfile.ZipInfo(name + ".npy"), buffer.getvalue(), zipfile.ZIP_DEFLATED)
    np.save(FIXTURES / "matrix.npy", values("<f4", (3, 2)))
    np.save(FIXTURES / "fortran.npy", np.asfortranarray(values("<f8", (3, 2))))


def npz():
    x, y = values("<f4", (4, 3)), np.array([7, 3, 7, -1])
    np.savez(FIXTURES / "stored.npz", features=x, labels=y)
    np.savez_compressed(FIXTURES / "deflated.npz", X=x, y=y.astype(np.float64))
    np.savez(FIXTURES / "unusual.npz", a=x, b=y, c=y)
    with zipfile.ZipFile(FIXTURES / "zip64.npz", "w") as archive:
        for name, array in (("features", x), ("labels", y)):
            with archive.open(name + ".npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array)


def idx():
    def content(code, array, dtype):
        return bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(dtype).tobytes()

    images = (np.arange(24) * 10 % 251).reshape(4, 3, 2)
    (FIXTURES / "images.idx").write_bytes(content(8, images, ">u1"))
    with open(FIXTURES / "images.idx.gz", "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:
        file.write(content(8, images, ">u1"))
    (FIXTURES / "labels.idx").write_bytes(content(8, np.array([3, 0, 3, 9]), ">u1"))
    for name, code, dtype in (("i1", 9, ">i1"), ("i2", 11, ">i2"), ("i4", 12, ">i4"), ("f4", 13, ">f4"), ("f8", 14, ">f8")):
        (FIXTURES / f"{name}.idx").write_bytes(content(code, np.array([[-2, -1, 0], [1, 2, 3]]), dtype))


if __name__ == "__main__":
    FIXTURES.mkdir(parents=True, exist_ok=True)
    npy()
    npz()
    idx()
