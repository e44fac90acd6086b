#!/usr/bin/env python3
"""Writes the README's table of measurements from the JSON of surprisal-bench and of compare-peers with both heaps."""

import argparse
import json
import sys
from pathlib import Path

from results import TITLES
from table import digits

BEGIN, END = "<!-- measured: scripts/update-measurements -->", "<!-- end of measured -->"
# Above this the memory of the logits matters, and the form that gives them away is the one to use.
LARGE_BYTES = 1 << 21
LIMITS = {
    "read": "read", "copy": "copy", "update": "update", "arithmetic": "multiply-add", "matrixProduct": "matrix product"}


def is_shown(row: dict, all_rows: dict[str, dict]) -> bool:
    if row["pass"] == "forward":
        return row["number"] in (1, 2) and row["consumesInput"] is False
    if row["pass"] == "gradient" or (row["workload"] == "log-softmax"):
        return False
    consumed = f"{row['workload']}/{row['shape']}/{row['type']}/both-consumed"
    if consumed in all_rows and all_rows[consumed]["bytes"] >= LARGE_BYTES:
        return row["consumesInput"]
    return not row["consumesInput"]


def identifier(row: dict) -> str:
    return f"{row['workload']}/{row['shape']}/{row['type']}/{row['pass']}{'-consumed' if row['consumesInput'] else ''}"


def time(seconds: float) -> str:
    for limit, unit, scale in ((1e-6, "ns", 1e9), (1e-3, "µs", 1e6), (1.0, "ms", 1e3)):
        if seconds < limit:
            return f"{digits(seconds * scale)} {unit}"
    return f"{digits(seconds)} s"


def interval(ratio: dict | None) -> str:
    # No naive loops where they would take minutes.
    if ratio is None:
        return "–"
    return f"{digits(ratio['value'])} ({digits(ratio['low'])}–{digits(ratio['high'])})"


def peer(rows: dict[str, dict], key: str) -> str:
    row = rows.get(key)
    if row is None or row["ratio"] is None:
        return "–"
    return f"{interval(row['ratio'])} {TITLES[row['bestPeer']]}"


def table(bench: dict, shipped: dict, tuned: dict) -> list[str]:
    rows = {identifier(row): row for row in bench["rows"]}
    peers, tuned_peers = ({row["identifier"]: row for row in found["rows"]} for found in (shipped, tuned))
    names = {"forward": "forward", "both": "forward + gradient", "step": "training step", "fit": "to the optimum"}
    lines = [
        "| # | workload | | engine | × naive loops | × best peer, as shipped | × best peer, heap tuned | of the limit |",
        "| --: | --- | --- | --: | --: | --: | --: | --: |",
    ]
    for key, row in rows.items():
        if not is_shown(row, rows):
            continue
        limit = "–" if row["limit"]["kind"] == "none" else \
            f"{100 * row['limit']['share']:.0f} % of {LIMITS[row['limit']['kind']]}"
        if row.get("products") and row["workload"].startswith("linear-cross-entropy"):
            limit += f", {100 * row['products']['share']:.0f} % of the time in products"
        kind = "" if row["type"] == "Float" else " Double"
        given = ", logits given away" if row["consumesInput"] else ""
        lines.append(
            f"| {row['number']} | {row['workload']} {row['shape']}{kind} | {names[row['pass']]}{given} "
            f"| {time(row['engine']['median'])} | {interval(row.get('ratio'))} | {peer(peers, key)} "
            f"| {peer(tuned_peers, key)} | {limit} |")
    limits, versions = bench["limits"], shipped["versions"]
    return lines + [
        "",
        f"{bench['machine']['processor']}, {limits['threads']} threads, {limits['instructionSet']}, {bench['date']}; "
        f"{bench['machine']['blas'].split(' NO_')[0]}, PyTorch {versions['torch']}, JAX {versions['jax']}. Limits in the "
        f"same run: read {limits['read'] / 1e9:.0f}, copy {limits['copy'] / 1e9:.0f}, update in place "
        f"{limits['update'] / 1e9:.0f} GB/s; multiply-add {limits['float']['allCores'] / 1e9:.0f}, matrix product "
        f"{limits['float']['matrixProduct'] / 1e9:.0f} GFLOP/s. Medians, the peers' of {shipped['rounds']} rounds; 95 % intervals.",
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("bench", "shipped", "tuned", "readme"):
        parser.add_argument(name, type=Path)
    chosen = parser.parse_args()
    text = chosen.readme.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        print(f"{chosen.readme}: expected one line '{BEGIN}' and one '{END}'", file=sys.stderr)
        return 1
    head, rest = text.split(BEGIN)
    found = [json.loads(path.read_text(encoding="utf-8")) for path in (chosen.bench, chosen.shipped, chosen.tuned)]
    chosen.readme.write_text("\n".join([head + BEGIN, *table(*found), END]) + rest.split(END)[1], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
