"""A contender: a process that answers a line with a line of JSON."""

import json
import os
import select
import signal
import subprocess
import time
from pathlib import Path

from failure import Failure

# Longer than any compilation or the inputs of any row take.
TIME_LIMIT = 900.0
PAUSE = 0.02
SETTLING_LIMIT = 1.0


class Contender:
    def __init__(self, name: str, command: list[str], environment: dict[str, str], folder: Path):
        self.name = name
        self.messages = folder / f"{name}.stderr"
        self.rest = b""
        try:
            with self.messages.open("wb") as messages:
                # In a session of its own, so that Ctrl-C reaches only the one who asks.
                self.process = subprocess.Popen(
                    command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=messages,
                    start_new_session=True)
        except OSError as error:
            raise Failure(f"{name}: {command[0]} does not start: {error.strerror}") from None

    def ask(self, line: str) -> dict:
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise self.died(line) from None
        text = self.read_line(line)
        try:
            answer = json.loads(text)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise Failure(f"{self.name}: answered {line!r} with {text[:200]!r}; expected a line with a JSON object")
        if "error" in answer:
            raise Failure(f"{self.name}: {line!r}: {' '.join(str(answer['error']).split())}")
        return answer

    def number(self, line: str, key: str) -> float:
        answer = self.ask(line)
        if not isinstance(answer.get(key), (int, float)):
            raise Failure(f"{self.name}: answered {line!r} with {answer}; expected a number {key!r}")
        return float(answer[key])

    def read_line(self, asked: str) -> str:
        deadline = time.monotonic() + TIME_LIMIT
        while b"\n" not in self.rest:
            if not select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))[0]:
                raise Failure(f"{self.name}: no answer to {asked!r}; expected one within {TIME_LIMIT:.0f} s")
            read = os.read(self.process.stdout.fileno(), 1 << 16)
            if not read:
                raise self.died(asked)
            self.rest += read
        line, _, self.rest = self.rest.partition(b"\n")
        return line.decode(errors="replace")

    def died(self, asked: str) -> Failure:
        try:
            status = self.process.wait(10)
        except subprocess.TimeoutExpired:
            return Failure(f"{self.name}: closed its output at {asked!r}; expected an answer")
        how = f"ended with status {status}" if status >= 0 else f"was killed by {signal.Signals(-status).name}"
        tail = self.messages.read_text(errors="replace").strip().splitlines()[-8:]
        said = "".join(f"\n    {line}" for line in tail) or " nothing"
        return Failure(f"{self.name}: {how} at {asked!r}; expected an answer. Its standard error ends with:{said}")

    def settle(self) -> None:
        """Waits until its threads sleep: OpenMP's spin for milliseconds after their last work, OpenBLAS's for a tenth
        of a second, and would take processors from whoever is next."""
        deadline, before = time.monotonic() + SETTLING_LIMIT, self.processor_time()
        while time.monotonic() < deadline:
            time.sleep(PAUSE)
            now = self.processor_time()
            if now - before < PAUSE / 20:
                return
            before = now

    def processor_time(self) -> float:
        """Seconds that its threads have run; 0 where the system does not say."""
        total = 0
        for task in Path(f"/proc/{self.process.pid}/task").glob("*/schedstat"):
            try:
                total += int(task.read_text().split()[0])
            except (OSError, ValueError, IndexError):
                pass  # a thread that has ended meanwhile
        return total / 1e9

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
