#!/usr/bin/env python3
"""Measures the same workloads in the engine and in its peers; scripts/compare-peers says how."""

import json
import os
import platform
import re
import signal
import sys
import tempfile
import time
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

import options
import progress
from contender import Contender
from environment import engine_environment, peer_environment
from exercise import has_products, is_measured
from failure import Failure
from results import ENGINE, TITLES, Comparison
from rounds import measure
from table import markdown

INTERRUPTED_STATUS = 130
BUSY = 0.25


def processor() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def busy_processors() -> float:
    """How many processors other programs use at present; 0 where the system does not say."""
    def idle() -> float:
        fields = Path("/proc/stat").read_text().split(maxsplit=6)
        # Idle and waiting for input, summed over the processors.
        return (int(fields[4]) + int(fields[5])) / os.sysconf("SC_CLK_TCK")

    try:
        before, start = idle(), time.monotonic()
        time.sleep(1)
        elapsed = time.monotonic() - start
        return max(0, (os.cpu_count() or 1) - (idle() - before) / elapsed)
    except (OSError, ValueError, IndexError):
        return 0


def warn_if_busy() -> None:
    busy = busy_processors()
    if busy > BUSY:
        # A thread that has to wait for its processor holds up the others at OpenMP's barriers, PyTorch's above all,
        # for time slices of the system: 8 ms, not 5 µs, were seen beside a build.
        print(f"compare-peers: other programs use {busy:.1f} processors; expected an idle machine, times will be too "
              f"long", file=sys.stderr)


def start(chosen, folder: Path, contenders: dict[str, Contender]) -> None:
    """Adds them one by one, so that those started can be stopped when another does not start."""
    if not (chosen.engine.is_file() and os.access(chosen.engine, os.X_OK)):
        raise Failure(f"--engine {chosen.engine}: no program there; expected surprisal-bench")
    for name in TITLES:
        progress.show(f"starting {name}")
        if name == ENGINE:
            command = [str(chosen.engine.absolute()), "serve"]
            environment = engine_environment(chosen.threads)
        else:
            worker = str(Path(__file__).with_name("worker.py"))
            command = [sys.executable, worker, "--peer", name, "--threads", str(chosen.threads)]
            environment = peer_environment(chosen.threads, folder / "inductor", chosen.heap)
        contenders[name] = Contender(name, command, environment, folder)


def rows(engine: Contender, filters: list[str]) -> list[dict]:
    answer = engine.ask("rows")
    try:
        measured = [row for row in answer["rows"] if is_measured(row["workload"], row["pass"])]
        chosen = [row for row in measured if not filters or any(text in row["identifier"] for text in filters)]
    except (KeyError, TypeError):
        raise Failure(f"{ENGINE}: answered 'rows' with {str(answer)[:200]}; expected rows with their fields") from None
    if not chosen:
        raise Failure(f"--filter {' '.join(filters)}: no row has it; expected a part of one such as "
                      f"{measured[0]['identifier'] if measured else 'none'}")
    return chosen


def run(chosen, comparison: Comparison, folder: Path) -> None:
    contenders: dict[str, Contender] = {}
    try:
        start(chosen, folder, contenders)
        todo = rows(contenders[ENGINE], chosen.filter)
        square_rate = None
        if any(has_products(row["workload"]) for row in todo):
            progress.show("the best rate of matrix products")
            square_rate = contenders[ENGINE].number("rate", "rate")
            contenders[ENGINE].settle()
        for number, row in enumerate(todo, 1):
            def say(what: str) -> None:
                progress.show(f"{number}/{len(todo)} {row['identifier']}: {what}")

            result = measure(row, contenders, chosen.rounds, chosen.seconds, folder, say)
            result.square_rate = square_rate
            comparison.rows.append(result)
        comparison.is_partial = False
    finally:
        progress.clear()
        for contender in contenders.values():
            contender.stop()


def write(comparison: Comparison, chosen) -> None:
    table = markdown(comparison)
    text = json.dumps(comparison.json(), indent=1, ensure_ascii=False) + "\n"
    if chosen.json:
        chosen.json.write_text(text, encoding="utf-8")
    if chosen.markdown:
        chosen.markdown.write_text(table, encoding="utf-8")
    else:
        print(table, end="")


def main() -> int:
    chosen = options.parse(sys.argv[1:])
    # Ended otherwise, it shall stop its workers and write what it has, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    warn_if_busy()
    # Inherited by all contenders, which so share the same processors.
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, options.processors()[:chosen.threads])
    comparison = Comparison(
        date=datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), processor=processor(), threads=chosen.threads,
        versions={**{name: version(name) for name in ("torch", "jax", "numpy", "scikit-learn")}, "python": platform.python_version()},
        rounds=chosen.rounds, heap=chosen.heap)
    status = 0
    with tempfile.TemporaryDirectory(prefix="compare-peers-") as folder:
        try:
            run(chosen, comparison, Path(folder))
        except Failure as failure:
            print(f"compare-peers: {failure}", file=sys.stderr)
            status = 1
        except KeyboardInterrupt:
            print("compare-peers: stopped; writing the rows complete so far", file=sys.stderr)
            status = INTERRUPTED_STATUS
    if comparison.rows:
        try:
            write(comparison, chosen)
        except OSError as error:
            print(f"compare-peers: {error.filename}: {error.strerror}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
