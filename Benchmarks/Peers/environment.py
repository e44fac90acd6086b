"""What the contenders find in their environment."""

import os
from pathlib import Path


def engine_environment(threads: int) -> dict[str, str]:
    return {**os.environ, "SURPRISAL_THREADS": str(threads)}


def peer_environment(threads: int, cache: Path, heap: str) -> dict[str, str]:
    number = str(threads)
    return {
        **os.environ, **(TUNED_HEAP if heap == "tuned" else {}),
        "OMP_NUM_THREADS": number, "MKL_NUM_THREADS": number, "OPENBLAS_NUM_THREADS": number,
        # XLA sizes its pool by NPROC; it has no flag that does, intra_op_parallelism_threads=1 left it at all
        # processors.
        "NPROC": number, "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=true", "JAX_PLATFORMS": "cpu",
        # Kernels tuned for another processor must not be found.
        "TORCHINDUCTOR_CACHE_DIR": str(cache),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


# glibc gives every block above 32 MB back to the system when it is freed, so that each call touches fresh pages again.
# That is what a user of the peers gets; one who knows sets these variables: with one heap that only grows, results of
# this size reuse their memory, and in huge pages they cost fewer misses of the address cache. Loss and gradient of 512×32000 float logits (65 MB), 2 threads:
#                   as is   one heap   with huge pages
#   PyTorch eager   62 ms     18 ms        14 ms
#   torch.compile   33 ms     16 ms        14 ms
#   JAX jit         27 ms     12 ms        10 ms
TUNED_HEAP = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 45),
    "MALLOC_TOP_PAD_": str(1 << 28),
    "MALLOC_ARENA_MAX": "1",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
