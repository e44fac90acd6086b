#!/usr/bin/env python3
"""One peer in a process of its own: answers a line on standard input with a line of JSON on standard output.

    prepare IDENTIFIER PATH   reads the inputs, compiles, warms up: {"loss": …} or {"unsupported": reason}
    time SECONDS              calls back to back for that long: {"seconds": per call, "calls": number of them}
    release                   forgets the inputs: {}

Anything that fails is answered with {"error": text}.
"""

import argparse
import gc
import importlib
import json
import math
import os
import sys
import time
from itertools import repeat

import safetensors
from exercise import Exercise, Form, Row, Unsupported

MODULES = {"torch-eager": "torch_eager", "torch-compile": "torch_compile", "jax": "jax_peer", "numpy": "numpy_peer",
           "sklearn": "sklearn_peer"}
# Reading the clock costs about 0.1 µs: below 1 % of a batch.
BATCH_SECONDS = 20e-6
CHOICE_SECONDS = 0.1


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


def fastest(forms: list[Form]) -> tuple[Exercise, float]:
    """The form that this machine runs fastest, warm, and the number to agree on."""
    exercises = [form() for form in forms]
    losses = []
    for exercise in exercises:
        with exercise.context():
            losses.append(exercise.agreement(exercise.run()))
    # In turns and by the shortest time, so that one disturbance does not decide.
    turns = [[timed(exercise, CHOICE_SECONDS)[0] for exercise in exercises] for _ in range(3)]
    best = min(range(len(forms)), key=lambda index: min(turn[index] for turn in turns))
    return exercises[best], losses[best]


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
                    self.exercise, loss = fastest(self.peer.forms(Row.parse(identifier), inputs))
                except (Unsupported, *self.peer.REFUSALS) as reason:
                    return {"unsupported": str(reason).strip().partition("\n")[0]}
                # Collections must not fall into a measurement; nothing above is garbage any more.
                gc.collect()
                gc.freeze()
                return {"loss": loss}
            case "time":
                if self.exercise is None:
                    raise ValueError("time before prepare")
                seconds, calls = timed(self.exercise, float(argument))
                return {"seconds": seconds, "calls": calls}
            case "release":
                self.exercise = None
                self.peer.release()
                gc.unfreeze()
                gc.collect()
                return {}
        raise ValueError(f"command {command!r}; expected prepare, time or release")


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
