#!/usr/bin/env python3
"""One peer in a process of its own: answers a line on standard input with a line of JSON on standard output.

    prepare IDENTIFIER PATH   reads the inputs, compiles, warms up: {"loss": …, "forms": {name: seconds a
                              call}, "form": name of the fastest} or {"unsupported": reason}
    time SECONDS              calls back to back for that long: {"seconds": per call, "calls": number of them}
    products SECONDS          the same of the matrix products of a call alone
    memory                    {"bytes": by which a call raises the memory in use, less its results'}
    release                   forgets the inputs: {}

Anything that fails is answered with {"error": text}.
"""

import argparse
import ctypes
import gc
import importlib
import json
import math
import os
import re
import sys
import time
from itertools import repeat
from pathlib import Path

import safetensors
from exercise import Exercise, Form, Row, Unsupported

MODULES = {"torch-eager": "torch_eager", "torch-compile": "torch_compile", "jax": "jax_peer", "numpy": "numpy_peer",
           "sklearn": "sklearn_peer", "torch-chunked": "torch_chunked"}
# Reading the clock costs about 0.1 µs: below 1 % of a batch.
BATCH_SECONDS = 20e-6
CHOICE_SECONDS = 0.1
# A form whose first call took that long, and twice as long as another's, is out of the race.
LONG_SECONDS = 1.0


def timed(exercise: Exercise, seconds: float) -> tuple[float, int]:
    """The time of one call, and the number of calls."""
    with exercise.context():
        run, clock = exercise.run, time.perf_counter
        calls, batch = 0, 1
        start = clock()
        while True:
            for _ in repeat(None, batch):
                run()
            calls += batch
            elapsed = clock() - start
            if elapsed >= seconds:
                return elapsed / calls, calls
            batch = max(1, math.ceil(BATCH_SECONDS * calls / elapsed))


def fastest(forms: list[Form]) -> tuple[Exercise, float, dict[str, float]]:
    """The form that this machine runs fastest, warm, the number to agree on, and how long forms with a name took."""
    exercises = [form() for form in forms]
    losses, times = [], []
    for exercise in exercises:
        with exercise.context():
            start = time.perf_counter()
            losses.append(exercise.agreement(exercise.run()))
            times.append(time.perf_counter() - start)
    out = max(LONG_SECONDS, 2 * min(times))
    racing = [index for index, first in enumerate(times) if first <= out]
    # In turns and by the shortest time, so that one disturbance does not decide; the first calls may have compiled.
    for index in racing:
        times[index] = math.inf
    for _ in range(3 if out == LONG_SECONDS else 1):
        for index in racing:
            times[index] = min(times[index], timed(exercises[index], CHOICE_SECONDS)[0])
    best = min(racing, key=lambda index: times[index])
    return exercises[best], losses[best], {e.name: t for e, t in zip(exercises, times) if e.name}


def rise(exercise: Exercise) -> int:
    """Bytes by which a call raises the resident memory of this process, less those of what it returns: what it takes beyond
    inputs and results. Nothing that earlier calls left in the heap counts as there."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    # From now on the highest is that of this call (Linux).
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    with exercise.context():
        results = exercise.run()
    return resident("VmHWM") - before - size(results)


def resident(name: str) -> int:
    found = re.search(rf"^{name}:\s*(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    if not found:
        raise ValueError(f"/proc/self/status has no {name}; expected one, as Linux has")
    return int(found[1]) * 1024


def size(results: object) -> int:
    if isinstance(results, (tuple, list)):
        return sum(size(result) for result in results)
    return getattr(results, "nbytes", 0)


class Worker:
    def __init__(self, peer: str, threads: int):
        self.peer = importlib.import_module(MODULES[peer])
        self.peer.start(threads)
        self.exercise: Exercise | None = None

    def answer(self, line: str) -> dict:
        command, _, argument = line.partition(" ")
        match command:
            case "prepare":
                self.exercise = None
                identifier, _, path = argument.rpartition(" ")
                inputs = safetensors.read(path)
                try:
                    self.exercise, loss, forms = fastest(self.peer.forms(Row.parse(identifier), inputs))
                except (Unsupported, *self.peer.REFUSALS) as reason:
                    return {"unsupported": str(reason).strip().partition("\n")[0]}
                # Collections must not fall into a measurement; nothing above is garbage any more.
                gc.collect()
                gc.freeze()
                return {"loss": loss, "forms": forms, "form": self.exercise.name}
            case "time":
                if self.exercise is None:
                    raise ValueError("time before prepare")
                seconds, calls = timed(self.exercise, float(argument))
                return {"seconds": seconds, "calls": calls}
            case "products":
                if self.exercise is None or self.exercise.products is None:
                    raise ValueError("products before prepare, or of a form without them")
                seconds, calls = timed(Exercise(self.exercise.products, float), float(argument))
                return {"seconds": seconds, "calls": calls}
            case "memory":
                if self.exercise is None:
                    raise ValueError("memory before prepare")
                return {"bytes": rise(self.exercise)}
            case "release":
                self.exercise = None
                self.peer.release()
                gc.unfreeze()
                gc.collect()
                return {}
        raise ValueError(f"command {command!r}; expected prepare, time, products, memory or release")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", choices=list(MODULES), required=True)
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()
    # What libraries print must not end up between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    worker = Worker(options.peer, options.threads)
    for line in sys.stdin:
        try:
            answer = worker.answer(line.rstrip("\n"))
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
