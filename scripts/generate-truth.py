#!/usr/bin/env python3
"""Writes the 50-digit truth of single rows of cross-entropy: Tests/SurprisalTests/Goldens/truth.jsonl.

    generate-truth.py            compute and write
    generate-truth.py --check    compare the file as it stands: every case's inputs, and the truth of a seeded
                                 sample of them computed again; exit 1 if they differ

One JSON object a line, one row of logits x_0 ... x_{C-1} and one label y each:

    name, dtype ("float32" | "float64"), classes, label
    either  input                       the logits
    or      seed, offset, spread, set   the recipe of the logits (see `Row.recipe`)
    loss                                log(sum exp x_j) - x_y, in nats
    lse                                 log(sum exp x_j)
    indices                             the classes sampled below
    log_probabilities                   x_j - lse at them
    gradients                           d loss / d x_j at them: p_j, and -(sum of the other p) at the label

A true value is [hi, lo]: the nearest double, subnormals included, and the nearest double of the remainder. A value
that is not finite is ["NaN"], ["Infinity"] or ["-Infinity"], and logits use the same strings.

Needs mpmath and numpy; mpmath is several times faster where gmpy2 is installed.
"""

import argparse
import json
import pathlib
import random
import sys
from collections import Counter
from fractions import Fraction

import mpmath
import numpy as np
from mpmath import mp, mpf

# Ten digits more than are claimed: exp magnifies the rounding of x_j - m by its size, at most -NEGLIGIBLE.
mp.dps = 60

TRUTH = pathlib.Path(__file__).resolve().parent.parent / "Tests" / "SurprisalTests" / "Goldens" / "truth.jsonl"

DTYPES = {"float32": np.float32, "float64": np.float64}
OFFSETS = (0.0, 3.7, 1e4, -1e4, 255.3, -511.9, 600.1)
SPREADS = (1e-3, 1.0, 30.0, 1e3)
SMALL_CLASSES = (1, 2, 3, 5, 10, 16, 17, 21, 33, 64, 100, 257, 1000, 4099)
# Fewer combinations where a row takes seconds.
LARGE_COMBINATIONS = {32000: ((0.0, 1e-3), (0.0, 1.0), (3.7, 30.0), (1e4, 1.0), (-1e4, 1e3), (255.3, 1.0),
                              (-511.9, 30.0), (600.1, 1e-3)),
                      131072: ((0.0, 1e-3), (0.0, 1.0), (3.7, 30.0), (1e4, 1e3), (255.3, 1e-3), (-511.9, 1.0))}
MARGINS = {"float32": (5, 10, 16, 17, 20, 40, 80), "float64": (5, 10, 16, 17, 20, 40, 80, 100, 300, 700)}
MARGIN_CLASSES = (2, 3, 10, 100, 1000, 32000)
MARGIN_OFFSETS = (0.0, 3.7, -2.3, 1e4, 255.3)
GRID_SAMPLES, MARGIN_SAMPLES, SPECIAL_SAMPLES = 8, 5, 12
# exp of anything lower is far below the smallest double, and stays there times any count of classes.
NEGLIGIBLE = -20000


GAMMA, MIX1, MIX2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def splitmix64(seed, count):
    """The first `count` outputs of splitmix64 from the state `seed`."""
    z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(GAMMA)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(MIX1)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(MIX2)
    return z ^ (z >> np.uint64(31))


class Row:
    """The logits of one row, and how the file says them."""

    def __init__(self, dtype, logits, description):
        self.dtype, self.x, self.description = dtype, logits, description
        self._terms = None

    @classmethod
    def explicit(cls, dtype, values):
        x = np.array(values, dtype=np.float64).astype(DTYPES[dtype])
        return cls(dtype, x, {"input": [number(v) for v in x]})

    @classmethod
    def recipe(cls, dtype, classes, seed, offset, spread, overrides=()):
        """v = ((u64 >> 40) * 2^-24) * 2 - 1, exact in both types; x = offset + spread * v, rounded after the
        product and after the sum; `overrides` (index, value) last. `offset` and `spread` are written as rounded
        to the type."""
        T = DTYPES[dtype]
        v = ((splitmix64(seed, classes) >> np.uint64(40)).astype(np.float64) * 2.0 ** -24 * 2 - 1).astype(T)
        x = T(offset) + T(spread) * v
        pairs = [(int(index), T(value)) for index, value in overrides]
        for index, value in pairs:
            x[index] = value
        return cls(dtype, x, {"seed": seed, "offset": float(T(offset)), "spread": float(T(spread)),
                              "set": [[index, number(value)] for index, value in pairs]})

    def overridden(self, overrides):
        d = self.description
        return Row.recipe(self.dtype, len(self.x), d["seed"], d["offset"], d["spread"], overrides)

    @property
    def argmax(self):
        return int(np.argmax(self.x))

    def terms(self):
        """(m, R): the maximum, and the sum of exp(x_j - m) over all classes but the first that attains it."""
        if self._terms is None:
            top = self.argmax
            m = mpf(float(self.x[top]))
            counts = Counter(np.delete(self.x, top).tolist())
            self._terms = m, mpmath.fsum(count * exp(value, m) for value, count in counts.items())
        return self._terms


def exp(value, m):
    difference = mpf(value) - m
    return mpmath.exp(difference) if difference > NEGLIGIBLE else mpf(0)


def number(value):
    value = float(value)
    if np.isnan(value):
        return "NaN"
    return ("Infinity" if value > 0 else "-Infinity") if np.isinf(value) else value


def exactly(value):
    sign, mantissa, exponent, _ = value._mpf_
    fraction = Fraction(int(mantissa)) * Fraction(2) ** exponent
    return -fraction if sign else fraction


def pair(value):
    """[hi, lo] of a true value. Division of integers rounds once, into the subnormals too; float(mpf) does not."""
    if not mpmath.isfinite(value):
        return [number(value)]
    fraction = exactly(value)
    hi = float(fraction)
    return [hi, float(fraction - Fraction(hi))]


def truth(row, label):
    """loss, lse, and functions from a class to its log-probability and gradient."""
    x = row.x
    if np.isnan(x).any():
        return (mpmath.nan, mpmath.nan) + (lambda j: mpmath.nan,) * 2
    if np.isinf(x.max()):
        # All -inf, or a +inf: no distribution, though the logarithm of the sum is still a limit.
        return (mpmath.nan, mpf(float(x.max()))) + (lambda j: mpmath.nan,) * 2
    m, R = row.terms()
    tail, top = mpmath.log1p(R), row.argmax

    def log_probability(j):
        return (mpf(float(x[j])) - m) - tail

    def gradient(j):
        if j != label:
            return exp(float(x[j]), m) / (1 + R)
        others = R if j == top else 1 + (R - exp(float(x[j]), m))
        return -others / (1 + R)

    return -log_probability(label), m + tail, log_probability, gradient


def inputs(name, row, label):
    return {"name": f"{row.dtype}/{name}", "dtype": row.dtype, "classes": len(row.x), "label": label,
            **row.description}


def record(name, row, label, samples):
    classes = len(row.x)
    # First, last, argmax and label always; then others as a stream of their own picks them.
    picked = dict.fromkeys([0, classes - 1, row.argmax, label])
    for u in splitmix64(classes * 1000003 + label, 4 * samples).tolist():
        if len(picked) < samples:
            picked.setdefault(u % classes)
    indices = sorted(picked)
    loss, lse, log_probability, gradient = truth(row, label)
    return {**inputs(name, row, label), "loss": pair(loss), "lse": pair(lse), "indices": indices,
            "log_probabilities": [pair(log_probability(j)) for j in indices],
            "gradients": [pair(gradient(j)) for j in indices]}


def random_label(seed, classes):
    return int(splitmix64(seed ^ 0x5DEECE66D, 1)[0]) % classes


def grid_cases(dtype):
    """Every class count, offset and spread, the label anywhere and the label at the maximum."""
    combinations = [(c, o, s) for c in SMALL_CLASSES for o in OFFSETS for s in SPREADS]
    combinations += [(c, o, s) for c, pairs in LARGE_COMBINATIONS.items() for o, s in pairs]
    for seed, (classes, offset, spread) in enumerate(combinations, 1):
        row = Row.recipe(dtype, classes, seed, offset, spread)
        name = f"grid/{classes}-classes/offset-{offset:g}/spread-{spread:g}"
        label = random_label(seed, classes)
        yield f"{name}/label-anywhere", row, label, GRID_SAMPLES
        if row.argmax != label:
            yield f"{name}/label-argmax", row, row.argmax, GRID_SAMPLES


def margin_cases(dtype):
    """The label ahead of all others by a margin, and the label second by it."""
    T = DTYPES[dtype]
    for classes in MARGIN_CLASSES:
        for offset in MARGIN_OFFSETS:
            seed = 70000 + classes + int(abs(offset))
            base = Row.recipe(dtype, classes, seed, offset, 1.0)
            chosen = random_label(seed, classes)
            others = base.x.copy()
            others[chosen] = -np.inf
            second = int(np.argmax(others))
            for margin in MARGINS[dtype]:
                row = base.overridden([(chosen, others[second] + T(margin))])
                name = f"{classes}-classes/offset-{offset:g}/margin-{margin}"
                yield f"confident/{name}", row, chosen, MARGIN_SAMPLES
                if offset in (0.0, 3.7):
                    yield f"runner-up/{name}", row, second, MARGIN_SAMPLES


def equal_cases(dtype):
    """All logits equal; all but one equal, at differences that are not representable."""
    for classes in (1, 2, 3, 10, 17, 1000, 32000, 131072):
        for offset in (0.0, 3.7, -511.9, 1e4):
            row = Row.recipe(dtype, classes, 1, offset, 0.0)
            yield (f"equal/{classes}-classes/value-{offset:g}", row, random_label(classes, classes),
                   SPECIAL_SAMPLES)
    for classes in (2, 10, 64, 1000, 32000, 131072):
        for largest, rest in ((1 / 3, -11.8), (1 / 3, -29.7), (255.3, 241.9), (3.7, 3.6)):
            top = random_label(classes + 7, classes)
            row = Row.recipe(dtype, classes, 2, rest, 0.0, [(top, largest)])
            name = f"one-above-equals/{classes}-classes/{largest:.4g}-over-{rest:g}"
            yield f"{name}/label-argmax", row, top, SPECIAL_SAMPLES
            yield f"{name}/label-other", row, (top + 1) % classes, SPECIAL_SAMPLES


def tie_cases(dtype):
    """Exact ties for the maximum, and neighbours one ULP apart."""
    T = DTYPES[dtype]
    for classes in (2, 3, 10, 33, 1000):
        for value in (5.3, 1e4, 0.1):
            base = Row.recipe(dtype, classes, 3, value - 3, 1.0)
            first, last = classes // 3, classes - 1
            for kind, a, b in (("tie", T(value), T(value)),
                               ("near-tie-first", T(value), np.nextafter(T(value), T(-np.inf))),
                               ("near-tie-last", np.nextafter(T(value), T(-np.inf)), T(value))):
                row = base.overridden([(first, a), (last, b)])
                for place, label in (("first", first), ("last", last)):
                    yield (f"{kind}/{classes}-classes/value-{value:g}/label-{place}", row, label,
                           SPECIAL_SAMPLES)
    yield "tie/three-of-five", Row.explicit(dtype, [2.5, -1, 2.5, 2.5, 0.3]), 2, SPECIAL_SAMPLES


def infinite_cases(dtype):
    """Impossible classes (-inf), and rows that have no distribution."""
    inf = np.inf
    explicit = (
        ("other-impossible", [0, -inf, 1, 2], 2), ("label-impossible", [0, -inf, 1, 2], 1),
        ("argmax-label-beside-impossible", [-inf, 0.7, 18.9, -inf, -inf], 2),
        ("only-one-possible/label-it", [-inf, 3.7, -inf, -inf], 1),
        ("only-one-possible/label-another", [-inf, 3.7, -inf, -inf], 3),
        ("none-possible", [-inf, -inf, -inf], 1), ("none-possible/one-class", [-inf], 0),
        ("plus-infinity/label-it", [0, inf, 1], 1), ("plus-infinity/label-another", [0, inf, 1], 2),
        ("nan/label-it", [0, np.nan, 1], 1), ("nan/label-another", [0, np.nan, 1], 0),
        ("nan-and-infinities", [np.nan, inf, -inf, 4], 3))
    for name, values, label in explicit:
        yield f"infinite/{name}", Row.explicit(dtype, values), label, SPECIAL_SAMPLES
    for classes in (17, 257, 4099):
        holes = [(j, -inf) for j in range(0, classes, max(1, classes // 8))]
        row = Row.recipe(dtype, classes, 4, 3.7, 30.0, holes)
        yield f"infinite/holes/{classes}-classes/label-argmax", row, row.argmax, SPECIAL_SAMPLES
        yield f"infinite/holes/{classes}-classes/label-impossible", row, holes[1][0], SPECIAL_SAMPLES
        yield f"infinite/holes/{classes}-classes/label-possible", row, 1, SPECIAL_SAMPLES


def ordered_cases(dtype):
    """Ascending and descending rows, in which every or no element is a new maximum."""
    for classes in (2, 5, 16, 17, 21, 33, 64):
        for step in (0.37, 3.1, 11.3):
            ascending = [j * step - 7.1 for j in range(classes)]
            for order, values in (("ascending", ascending), ("descending", ascending[::-1])):
                for place, label in (("first", 0), ("middle", classes // 2), ("last", classes - 1)):
                    if place != "middle" or (step == 0.37 and classes > 2):
                        yield (f"{order}/{classes}-classes/step-{step}/label-{place}",
                               Row.explicit(dtype, values), label, MARGIN_SAMPLES)


def extreme_cases(dtype):
    """Values that masks use, values near the ends of the type, and probabilities that leave its normal range."""
    cases = [("mask-1e9", [0.3, -1e9, 1.7, -1e9, 2.2], (2, 1, 4)), ("mask-3e38", [0.3, -3e38, 1.7, -3e38, 2.2], (4, 3)),
             ("mask-1e9-all-but-one", [-1e9, -1e9, 18.3, -1e9], (2, 0)), ("mask-1e9-all", [-1e9, -1e9, -1e9], (1,)),
             ("huge-3e38", [3e38, -3e38], (0, 1)), ("huge-3e38-tie", [3e38, 1.0, 3e38], (0, 1, 2)),
             ("huge-negative-3e38", [-3e38, -3e38, -2.9e38], (0, 2)), ("1e4-apart", [1e4, 0, -1e4], (0, 1, 2)),
             ("tiny", [1e-38, -1e-38, 3e-45, 0], (0, 3)),
             ("float32-underflow", [0, -87.3, -87.4, -88.1, -95.7, -103.2, -103.9, -104.1, -110.3], (0, 1, 5, 8)),
             ("float32-underflow-alone", [0, -95.7], (0, 1)), ("float32-underflow-last", [0, -103.7], (0, 1)),
             ("float32-underflow-past", [0, -104.5], (0, 1))]
    if dtype == "float64":
        cases += [("huge-1e300", [1e300, -1e300, 0], (0, 1, 2)), ("huge-1e300-tie", [1e300, 1e300], (0, 1)),
                  ("tiny-1e-310", [1e-310, -1e-310, 0], (0, 1)),
                  ("float64-underflow", [0, -708.3, -708.5, -720.1, -744.3, -745.1, -745.2, -760.9], (0, 1, 4, 7)),
                  ("float64-underflow-alone", [0, -720.1], (0, 1)), ("float64-underflow-last", [0, -744.9], (0, 1)),
                  ("float64-underflow-past", [0, -745.5], (0, 1))]
    for name, values, labels in cases:
        row = Row.explicit(dtype, values)
        for label in labels:
            yield f"extreme/{name}/label-{label}", row, label, SPECIAL_SAMPLES


FAMILIES = (grid_cases, margin_cases, equal_cases, tie_cases, infinite_cases, ordered_cases, extreme_cases)
# About one case in ten, the same ones each time; the seed itself means nothing.
CHECK_SEED, CHECKED_SHARE = 20240607, 0.1


def cases():
    """The arguments of `record` for every case, in the file's order. Rows are drawn, nothing is computed of them."""
    names = set()
    for family in FAMILIES:
        for dtype in DTYPES:
            for name, row, label, samples in family(dtype):
                if (dtype, name) in names:
                    raise ValueError(f"two {dtype} cases are called {name}")
                names.add((dtype, name))
                yield name, row, label, samples


def line(case):
    return json.dumps(case, allow_nan=False, separators=(",", ":"))


def check():
    """Stops with the first case of the file that is not as this script would write it."""
    if not TRUTH.exists():
        sys.exit(f"{TRUTH.name} is missing; run without --check to write it")
    standing = TRUTH.read_text().splitlines()
    chance, count, computed = random.Random(CHECK_SEED), 0, 0
    for name, row, label, samples in cases():
        if count == len(standing):
            sys.exit(f"{TRUTH.name} ends after {count} lines; {row.dtype}/{name} is missing")
        found = json.loads(standing[count])
        count += 1
        expected = inputs(name, row, label)
        if line({key: found.get(key) for key in expected}) != line(expected):
            sys.exit(f"{TRUTH.name}:{count}: the inputs of {found.get('name')} are not those of {row.dtype}/{name}")
        if chance.random() < CHECKED_SHARE:
            computed += 1
            truth_now = record(name, row, label, samples)
            for key in sorted(found.keys() | truth_now.keys()):
                if key not in found or key not in truth_now or line(found[key]) != line(truth_now[key]):
                    sys.exit(f"{TRUTH.name}:{count}: {key} of {row.dtype}/{name} is {found.get(key)}, "
                             f"expected {truth_now.get(key)}")
    if count != len(standing):
        sys.exit(f"{TRUTH.name} has {len(standing)} lines, expected {count}")
    print(f"{TRUTH.name}: the inputs of {count} cases and the truth of {computed} are as computed", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare the file as it stands")
    if parser.parse_args().check:
        check()
        return
    lines = [line(record(*case)) + "\n" for case in cases()]
    TRUTH.parent.mkdir(parents=True, exist_ok=True)
    TRUTH.write_text("".join(lines))
    print(f"{TRUTH.name}: {len(lines)} cases", file=sys.stderr)


if __name__ == "__main__":
    main()
