"""The comparison as a Markdown table."""

from results import TITLES, Comparison, RowResult, quartiles

HEAPS = {"shipped": "the C library's heap as it is", "tuned": "a heap tuned to keep its memory"}
UNITS = ((1e-6, "ns", 1e9), (1e-3, "µs", 1e6), (1.0, "ms", 1e3), (float("inf"), "s", 1.0))


def digits(x: float) -> str:
    """Three significant ones, without an exponent."""
    return f"{x:.2f}" if x < 9.995 else f"{x:.1f}" if x < 99.95 else f"{x:.0f}"


def time(samples: list[float], bold: bool) -> str:
    q = quartiles(samples)
    unit, scale = next((unit, scale) for limit, unit, scale in UNITS if q["median"] < limit)
    median, lower, upper = (digits(q[key] * scale) for key in ("median", "lowerQuartile", "upperQuartile"))
    text = f"{median} {unit}"
    return f"{f'**{text}**' if bold else text} ({lower}–{upper})"


def ratio(row: RowResult) -> str:
    r = row.ratio()
    return "–" if r is None else f"{digits(r['value'])} ({digits(r['low'])}–{digits(r['high'])})"


def markdown(comparison: Comparison) -> str:
    notes: list[str] = []

    def cell(row: RowResult, name: str) -> str:
        if name in row.samples:
            return time(row.samples[name], name == row.best_peer)
        note = f"{TITLES[name]}: {row.unsupported[name]}"
        if note not in notes:
            notes.append(note)
        return f"–[^{notes.index(note) + 1}]"

    lines = [
        "| workload | shape | type | pass | " + " | ".join(TITLES.values()) + " | × best peer |",
        "|---|---|---|---|" + "--:|" * (len(TITLES) + 1),
    ]
    for row in comparison.rows:
        pass_ = row.row["pass"] + (", input given away" if row.row["consumesInput"] else "")
        head = [row.row["workload"], row.row["shape"], row.row["type"], pass_]
        lines.append("| " + " | ".join([*head, *(cell(row, name) for name in TITLES), ratio(row)]) + " |")
    lines += ["", about(comparison)]
    if notes:
        lines += ["", *(f"[^{number}]: {note}" for number, note in enumerate(notes, 1))]
    return "\n".join(lines) + "\n"


def about(comparison: Comparison) -> str:
    v = comparison.versions
    partial = "Stopped before the last row. " if comparison.is_partial else ""
    return (
        f"{partial}Median of {comparison.rounds} alternating rounds (quartiles); the best peer is bold, NumPy is not "
        f"counted among them; the peers run with {HEAPS[comparison.heap]}; in the last column its median over the engine's (95 % bootstrap interval). "
        f"Surprisal, PyTorch {v['torch']}, JAX {v['jax']}, NumPy {v['numpy']}, scikit-learn {v['scikit-learn']}, Python {v['python']}; "
        f"{comparison.processor}, {comparison.threads} thread{'' if comparison.threads == 1 else 's'}; "
        f"{comparison.date}.")
