"""The comparison as a Markdown table."""

from results import ENGINE, TITLES, Comparison, RowResult, quartiles

HEAPS = {"shipped": "the C library's heap as it is", "tuned": "a heap tuned to keep its memory"}
UNITS = ((1e-6, "ns", 1e9), (1e-3, "µs", 1e6), (1.0, "ms", 1e3), (float("inf"), "s", 1.0))


def digits(x: float) -> str:
    """Three significant ones, without an exponent."""
    return f"{x:.2f}" if x < 9.995 else f"{x:.1f}" if x < 99.95 else f"{x:.0f}"


def plain(seconds: float) -> str:
    unit, scale = next((unit, scale) for limit, unit, scale in UNITS if seconds < limit)
    return f"{digits(seconds * scale)} {unit}"


def time(samples: list[float], bold: bool) -> str:
    q = quartiles(samples)
    _, scale = next((unit, scale) for limit, unit, scale in UNITS if q["median"] < limit)
    lower, upper = (digits(q[key] * scale) for key in ("lowerQuartile", "upperQuartile"))
    text = plain(q["median"])
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
    lines += products(comparison)
    return "\n".join(lines) + "\n"


def amount(count: int) -> str:
    for limit, unit, scale in ((1e6, "kB", 1e-3), (1e9, "MB", 1e-6), (float("inf"), "GB", 1e-9)):
        if abs(count) < limit:
            return f"{digits(max(0, count) * scale)} {unit}"
    raise AssertionError


def products(comparison: Comparison) -> list[str]:
    """Where the time of rows of matrix products goes, and their memory."""
    rows = [row for row in comparison.rows if row.products]
    if not rows:
        return []
    lines = [
        "", "Matrix products, and memory beyond inputs and results:", "",
        "| workload | shape | pass | | time | products | of the time | rate | of the best rate | memory | × engine |",
        "|---|---|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    notes = []
    for row in rows:
        head = [row.row["workload"], row.row["shape"], row.row["pass"]]
        for name in (name for name in TITLES if name in row.products):
            total, alone = (quartiles(samples[name])["median"] for samples in (row.samples, row.products))
            memory, engine = row.memory[name], row.memory[ENGINE]
            cells = [
                TITLES[name], time(row.samples[name], name == row.best_peer), time(row.products[name], False),
                f"{100 * alone / total:.0f} %", f"{digits(row.product_rate(name) / 1e9)} GFLOP/s",
                f"{100 * row.product_rate(name) / row.best_product_rate:.0f} %", amount(memory),
                "–" if name == ENGINE or engine <= 0 else digits(max(0, memory) / engine)]
            lines.append("| " + " | ".join(head + cells) + " |")
        if row.most is not None:
            alone = row.row["productOperations"] / row.best_product_rate
            notes.append(
                f"{' '.join(head)}: at the best rate of products seen in this run, {digits(row.best_product_rate / 1e9)} GFLOP/s, they "
                f"alone take {plain(alone)}; {digits(row.most)} times as fast as the best peer is the most there is.")
        for name, forms in row.forms.items():
            notes.append(f"{' '.join(head)}, {TITLES[name]}: " + ", ".join(f"{form} {plain(s)}" for form, s in forms.items()) + ".")
    return lines + [line for note in notes for line in ("", note)]


def about(comparison: Comparison) -> str:
    v = comparison.versions
    partial = "Stopped before the last row. " if comparison.is_partial else ""
    return (
        f"{partial}Median of {comparison.rounds} alternating rounds (quartiles); the best peer is bold, NumPy is not "
        f"counted among them; the peers run with {HEAPS[comparison.heap]}; in the last column its median over the engine's (95 % bootstrap interval). "
        f"Surprisal, PyTorch {v['torch']}, JAX {v['jax']}, NumPy {v['numpy']}, scikit-learn {v['scikit-learn']}, Python {v['python']}; "
        f"{comparison.processor}, {comparison.threads} thread{'' if comparison.threads == 1 else 's'}; "
        f"{comparison.date}.")
