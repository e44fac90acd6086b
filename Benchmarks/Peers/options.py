#!/usr/bin/env python3
"""The options of compare-peers; by itself checks them, before anything is built for them."""

import argparse
import math
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
USAGE_STATUS = 64


class Parser(argparse.ArgumentParser):
    def error(self, message: str):
        print(f"compare-peers: {message}", file=sys.stderr)
        sys.exit(USAGE_STATUS)


def processors() -> list[int]:
    """Those that this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


def rounds(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a whole number from 1")
    return int(text)


def threads(text: str) -> int:
    most = len(processors())
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text!r}; expected 1 to {most}, the processors that this process may use")
    return int(text)


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r}; expected seconds above 0 and up to 3600")
    return value


def output(text: str) -> Path:
    path = Path(text)
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text!r} cannot be written; expected a file in a folder that exists")
    return path


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = Parser(
        prog="compare-peers", allow_abbrev=False,
        description="Measures the workloads in the engine and its peers, in alternating rounds of one run.")
    parser.add_argument("--filter", metavar="TEXT", action="append", default=[],
                        help="only rows with TEXT in their identifier; repeated, with any of the texts")
    parser.add_argument("--rounds", metavar="N", type=rounds, default=15, help="rounds of each row (%(default)s)")
    parser.add_argument("--threads", metavar="N", type=threads, default=min(2, len(processors())),
                        help="threads of each contender (%(default)s)")
    parser.add_argument("--seconds", metavar="S", type=seconds, default=0.15,
                        help="for each contender and round (%(default)s)")
    parser.add_argument("--heap", choices=("shipped", "tuned"), default="shipped",
                        help="of the peers: glibc as it is, or one that keeps its memory (%(default)s); the engine's "
                             "environment is never changed")
    parser.add_argument("--json", metavar="FILE", type=output, help="write the results as JSON")
    parser.add_argument("--markdown", metavar="FILE", type=output, help="write the table there, not to standard output")
    parser.add_argument("--engine", metavar="PATH", type=Path, default=ROOT / ".build/release/surprisal-bench",
                        help="the engine's runner (.build/release/surprisal-bench, built by the script)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    parse(sys.argv[1:])
