#!/usr/bin/env python3
"""Derives the constants of the exponential, logarithm and error function kernels.

Writes Sources/CKernels/coefficients.h: minimax (of the error function: Chebyshev) polynomials whose coefficients are already rounded to the type
that evaluates them, the splits of ln 2 for the range reductions, and, beside each group, the worst error seen
when the whole evaluation is carried out in the target arithmetic and held against 50-digit values.

    derive-coefficients.py            derive, write the header, print what was measured
    derive-coefficients.py --check    derive and compare with the header as it stands; exit 1 if they differ

Needs mpmath and numpy. Every sample is a fixed lattice, so that the same header comes out each time.
"""

import argparse
import pathlib
import sys
from fractions import Fraction

import mpmath
import numpy as np
from mpmath import mp, mpf

mp.dps = 50

HEADER = pathlib.Path(__file__).resolve().parent.parent / "Sources" / "CKernels" / "coefficients.h"

# The reduced argument exceeds ln2/2 by as much as the rounding of t * log2(e) can displace k.
EXP_RADIUS = mpmath.log(2) / 2 * (1 + mpf(2) ** -10)
EXP_F32_DEGREE = 6
# With 2^(j/16) looked up.
EXP16_RADIUS = EXP_RADIUS / 16
EXP16_DEGREE = {"F32": 3, "F64": 6}
EXP_F64_BUDGET = mpf("0.05")  # of the polynomial alone, in units of 2^-53
LOG_BUDGET = mpf("0.1")  # of the polynomial alone, in units of 2^-24 or 2^-53
# (1 + 2z)*exp(z*z)*erfc(z) is nearly a polynomial in (z - K)/(z + K). Up to z: beyond, erfc is 0 in the type.
ERFC = {"F32": (2, 10, 11), "F64": (3, 22, 28)}  # K, degree, largest z
# |k| up to which k * HI and k * MID must be exact products: every k of the type's own exponent range, with room.
EXACT_K_BITS = {"F32": 11, "F64": 13}
PRECISION = {"F32": 24, "F64": 53}
DTYPE = {"F32": np.float32, "F64": np.float64}


# ---------------------------------------------------------------------------------------- minimax approximation

def chebyshev_points(low, high, count):
    """`count` points of [low, high], denser towards both ends, both ends included."""
    return [(low + high) / 2 - (high - low) / 2 * mpmath.cos(mpmath.pi * i / (count - 1)) for i in range(count)]


def minimax(target, basis):
    """Remez exchange on a grid.

    `target[g]` and `basis[k][g]` are the weighted function and the weighted basis functions at the grid points.
    Returns the coefficients that minimise max_g |target[g] - sum_k c[k] basis[k][g]| and that maximum.

    The signs of the levelled error come from the null vector of the reference rather than from assumed
    alternation: once low-order coefficients are fixed, the remaining r^3, r^4, ... change sign at 0 and are no
    longer a Chebyshev system there. The point to leave is chosen by the ratio test of the dual linear program.
    """
    n, points = len(basis), len(target)
    reference = [round((points - 1) * float(1 - mpmath.cos(mpmath.pi * (i + mpf("0.5")) / (n + 1))) / 2)
                 for i in range(n + 1)]
    square = mpmath.matrix(n, n)
    right = mpmath.matrix(n, 1)
    for k in range(n):
        right[k] = -basis[k][reference[0]]
        for i in range(n):
            square[k, i] = basis[k][reference[i + 1]]
    null = [mpf(1)] + list(mpmath.lu_solve(square, right))
    signs = [1 if value >= 0 else -1 for value in null]

    for _ in range(40 * (n + 1)):
        columns = mpmath.matrix(n + 1, n + 1)
        for i, (g, sign) in enumerate(zip(reference, signs)):
            for k in range(n):
                columns[k, i] = sign * basis[k][g]
            columns[n, i] = 1
        solution = mpmath.lu_solve(columns.T, mpmath.matrix([s * target[g] for g, s in zip(reference, signs)]))
        coefficients, level = list(solution)[:n], solution[n]
        error = [target[g] - sum(c * b[g] for c, b in zip(coefficients, basis)) for g in range(points)]
        worst = max(range(points), key=lambda g: abs(error[g]))
        if abs(error[worst]) <= abs(level) * (1 + mpf(10) ** -9):
            return coefficients, abs(error[worst])
        sign = 1 if error[worst] > 0 else -1
        unit = mpmath.matrix([0] * n + [1])
        weights = mpmath.lu_solve(columns, unit)
        entering = mpmath.lu_solve(columns, mpmath.matrix([sign * b[worst] for b in basis] + [1]))
        leaving = min((i for i in range(n + 1) if entering[i] > 0), key=lambda i: weights[i] / entering[i])
        reference[leaving], signs[leaving] = worst, sign
    raise RuntimeError(f"the exchange did not settle for {n} coefficients on {points} points")


def round_to(value, kind):
    return float(DTYPE[kind](float(value)))


def rounded_minimax(target, basis, kind):
    """Minimax coefficients of type `kind`.

    Coefficients are rounded from the lowest order up, which is the order of their weight in the error; both
    neighbours in the type are tried, each with the remaining coefficients optimised afresh, and the better stays.
    """
    coefficients, unrounded = minimax(target, basis)
    fixed, residual, best = [], list(target), None
    for k in range(len(basis)):
        nearest = round_to(coefficients[0], kind)
        towards = np.inf if coefficients[0] > nearest else -np.inf
        other = float(np.nextafter(DTYPE[kind](nearest), DTYPE[kind](towards)))
        best = None
        for candidate in (nearest, other):
            left = [r - candidate * b for r, b in zip(residual, basis[k])]
            rest, error = minimax(left, basis[k + 1:]) if k + 1 < len(basis) else ([], max(map(abs, left)))
            if best is None or error < best[0]:
                best = (error, candidate, left, rest)
        _, candidate, residual, coefficients = best
        fixed.append(candidate)
    return fixed, unrounded


def exp_polynomial(kind, degree, radius=EXP_RADIUS):
    """C2 ... C<degree> of exp(r) ~ 1 + r + C2 r^2 + ..., and its relative error (measured on a finer grid)."""
    def sampled(count):
        grid = chebyshev_points(-radius, radius, count)
        exps = [mpmath.exp(r) for r in grid]
        return ([(e - 1 - r) / e for r, e in zip(grid, exps)],
                [[r ** k / e for r, e in zip(grid, exps)] for k in range(2, degree + 1)])
    return fit_and_measure(sampled, degree, kind)


def log_polynomial(kind, terms):
    """L1 ... L<terms> of R(z) ~ (log(1+s) - log(1-s))/s - 2, z = s^2, and the relative error left in log(1+f)."""
    largest = (mpmath.sqrt(2) - 1) / (mpmath.sqrt(2) + 1)

    def sampled(count):
        # Past z = 0, where target and basis vanish together.
        grid = chebyshev_points(mpf(0), largest ** 2, count)[1:]
        exact = [2 * mpmath.atanh(mpmath.sqrt(z)) / mpmath.sqrt(z) - 2 for z in grid]
        # s * (R - exact) over log(1+f) = s * (2 + exact).
        return ([e / (2 + e) for e in exact],
                [[z ** k / (2 + e) for z, e in zip(grid, exact)] for k in range(1, terms + 1)])
    return fit_and_measure(sampled, terms, kind)


def log1p_polynomial(kind, terms):
    """C2 ... C<terms + 1> of log1p(x) ~ x + C2 x^2 + ..., x from 0 to 1, and its relative error."""
    def sampled(count):
        grid = chebyshev_points(mpf(0), mpf(1), count)[1:]
        exact = [mpmath.log1p(x) for x in grid]
        return ([(y - x) / y for x, y in zip(grid, exact)],
                [[x ** k / y for x, y in zip(grid, exact)] for k in range(2, terms + 2)])
    return fit_and_measure(sampled, terms, kind)


def fit_and_measure(sampled, size, kind):
    coefficients, unrounded = rounded_minimax(*sampled(32 * (size + 2)), kind)
    target, basis = sampled(1001)
    worst = max(abs(t - sum(c * b[g] for c, b in zip(coefficients, basis))) for g, t in enumerate(target))
    unit = mpf(2) ** PRECISION[kind]
    return coefficients, worst * unit, unrounded * unit


# -------------------------------------------------------------------------------------------- the splits of ln 2

def round_to_bits(value, bits):
    """`value` rounded to `bits` significant bits."""
    exponent = int(mpmath.floor(mpmath.log(abs(value), 2))) + 1 - bits
    return float(mpmath.nint(value / mpf(2) ** exponent) * mpf(2) ** exponent)


def ln2_split(kind):
    bits = PRECISION[kind] - EXACT_K_BITS[kind]
    ln2 = mpmath.log(2)
    high = round_to_bits(ln2, bits)
    mid = round_to_bits(ln2 - high, bits)
    for part in (high, mid):
        for k in (1, 2 ** EXACT_K_BITS[kind] - 1, 2 ** EXACT_K_BITS[kind]):
            product = Fraction(part) * k
            assert Fraction(float(DTYPE[kind](float(product)))) == product, (kind, part, k)
    fused_high = round_to(ln2, kind)
    return {"HI": high, "MID": mid, "LO": round_to(ln2 - high - mid, kind),
            "TAIL": round_to(ln2 - high, kind),
            "FMA_HI": fused_high, "FMA_LO": round_to(ln2 - fused_high, kind)}


# ------------------------------------------------------------------------- the evaluations, in target arithmetic

class Arithmetic:
    """Arithmetic of one type, with a*b+c rounded once (`fused`) or twice."""

    def __init__(self, kind, fused):
        self.kind, self.fused, self.dtype = kind, fused, DTYPE[kind]

    def muladd(self, a, b, c):
        if not self.fused:
            return a * b + c
        a, b, c = np.broadcast_arrays(a, b, c)
        if self.kind == "F32":
            # The product is exact in double; rounding the sum twice can move it by at most 2^-29 ULP.
            return (a.astype(np.float64) * b.astype(np.float64) + c.astype(np.float64)).astype(np.float32)
        return np.array([float(Fraction(x) * Fraction(y) + Fraction(z))
                         for x, y, z in zip(a.tolist(), b.tolist(), c.tolist())])

    def horner(self, coefficients, x):
        """c[0] + x * (c[1] + x * (...))."""
        value = np.full_like(x, coefficients[-1])
        for c in reversed(coefficients[:-1]):
            value = self.muladd(value, x, self.dtype(c))
        return value


def evaluate_exp(a, t, coefficients, ln2, form):
    """(k, p) with exp(t) ~ 2^k * p."""
    T = a.dtype
    k = np.rint(t * T(round_to(1 / mpmath.log(2), a.kind)))
    if a.fused:
        r = a.muladd(-k, T(ln2["FMA_LO"]), a.muladd(-k, T(ln2["FMA_HI"]), t))
    else:
        r = ((t - k * T(ln2["HI"])) - k * T(ln2["MID"])) - k * T(ln2["LO"])
    q = a.horner(coefficients, r)
    if form == "split":
        return k, T(1) + a.muladd(r * r, q, r)
    return k, a.muladd(a.muladd(q, r, T(1)), r, T(1))


def evaluate_exp16(a, t, coefficients, ln2):
    """(k, p) with exp(t) ~ 2^k * p, 2^(j/16) looked up; fused."""
    T = a.dtype
    n = np.rint(t * T(16 * round_to(1 / mpmath.log(2), a.kind)))
    r = a.muladd(-n, T(ln2["FMA_LO"] / 16), a.muladd(-n, T(ln2["FMA_HI"] / 16), t))
    q = a.muladd(r * r, a.horner(coefficients, r), r)
    k = np.floor(n / 16)
    power = np.array(sixteenth_powers(a.kind), dtype=T)[(n - 16 * k).astype(int)]
    return k, a.muladd(power, q, power)


def sixteenth_powers(kind):
    return [round_to(mpmath.power(2, mpf(j) / 16), kind) for j in range(16)]


def evaluate_log1p(a, x, coefficients, ln2):
    """log1p(x), x >= 0, in the form of the header's comment."""
    T = a.dtype
    u = T(1) + x
    # u = 2^k * v with v in [sqrt(1/2), sqrt(2)); below sqrt(2) - 1 there is nothing to reduce and f is x itself.
    v, k = np.frexp(u)
    low = v < T(round_to(mpmath.sqrt(mpf("0.5")), a.kind))
    v, k = np.where(low, v + v, v), (k - low).astype(T)
    small = k == 0
    f = np.where(small, x, v - T(1))
    # What rounding 1 + x lost, relative to u; from the larger of the two addends, so that it is exact.
    lost = np.where(x >= 1, T(1) - (u - x), x - (u - T(1))) / u
    lost = np.where(small, T(0), lost)
    s = f / (T(2) + f)
    z = s * s
    R = z * a.horner(coefficients, z)
    half = T(0.5) * f * f
    rest = a.muladd(k, T(ln2["TAIL"]), lost)
    inner = half - a.muladd(s, half + R, rest)
    return np.where(small, f - a.muladd(-s, half + R, half), k * T(ln2["HI"]) - (inner - f)).astype(T)


def evaluate_log1p_of_fractions(a, x, coefficients):
    return a.muladd(x, x * a.horner(coefficients, x), x)


def lattice(count, low, high, seed=0):
    """`count` evenly spread points of [low, high) in irregular order of low bits (a Weyl sequence)."""
    golden = (np.sqrt(5.0) - 1) / 2
    return low + (high - low) * np.mod((np.arange(count) + seed) * golden + 0.5, 1.0)


def ulp(value, kind):
    return np.ldexp(1.0, np.frexp(value)[1] - PRECISION[kind])


def exp_sample(kind, per_cell):
    """Arguments whose reduced value visits every binade down to the type's precision, both signs, for several k."""
    ks = {"F32": [0], "F64": [0, 1, -1, -3, -20, -100, -511, -1021, 700, 1022]}[kind]
    cells = []
    for k in ks:
        for e in range(1, PRECISION[kind] if k == 0 else 16):
            r = np.minimum(lattice(per_cell, 2.0 ** -(e + 1), 2.0 ** -e, seed=e), float(EXP_RADIUS))
            if e == 1:
                # Where the errors are largest.
                r = lattice(24 * per_cell, 0.25, float(mpmath.log(2) / 2), seed=k % 97)
            for sign in (1, -1):
                cells.append(k * float(mpmath.log(2)) + sign * r)
    return np.unique(np.concatenate(cells).astype(DTYPE[kind]))


def every_float(low, high, chunk=1 << 18):
    """Every float of [low, high], 0 < low, in cache-sized pieces, and its negative."""
    first, last = (int(np.float32(v).view(np.uint32)) for v in (low, high))
    for start in range(first, last + 1, chunk):
        piece = np.arange(start, min(start + chunk, last + 1), dtype=np.uint32).view(np.float32)
        yield piece
        yield -piece


def log_sample(kind, per_cell):
    """Arguments in every binade from below the type's precision to 2^40, denser around the reduction's seams."""
    cells = [lattice(per_cell, 2.0 ** e, 2.0 ** (e + 1), seed=e + 100) for e in range(-PRECISION[kind] - 2, 40)]
    cells += [lattice(24 * per_cell, low, high) for low, high in ((0.125, 0.42), (0.40, 0.43), (0.42, 2.0), (1.8, 1.86))]
    return np.unique(np.concatenate(cells).astype(DTYPE[kind]))


def worst_ulp(kind, got, estimate, exact):
    """Largest error in ULPs of the true value, and where.

    In double everything is compared with `exact`; in single the 200 worst against a double-precision estimate are.
    """
    places = range(len(got))
    if kind == "F32":
        reference = estimate()
        places = np.argsort(-np.abs(got.astype(np.float64) - reference) / ulp(reference, kind))[:200]
    worst = (mpf(0), 0)
    for i in places:
        true = exact(i)
        worst = max(worst, (abs(mpf(float(got[i])) - true) / mpf(float(ulp(float(true), kind))), int(i)))
    return worst


def measure_exp(kind, fused, form, coefficients, ln2, per_cell):
    arithmetic = Arithmetic(kind, fused)

    def evaluate(t):
        if form == "sixteenths":
            return evaluate_exp16(arithmetic, t, coefficients, ln2)
        return evaluate_exp(arithmetic, t, coefficients, ln2, form)

    t = exp_sample(kind, per_cell)
    count = len(t)
    if kind == "F32":
        # Of everything that is reduced by k != 0 and has a normal result, keep the worst of each piece.
        worst = [t]
        for piece in every_float(np.float32(0.34), np.float32(88.7)):
            piece = piece[piece > np.float32(-87.33)]
            if not len(piece):
                continue
            count += len(piece)
            k, p = evaluate(piece)
            true = np.ldexp(np.exp(piece.astype(np.float64)), -k.astype(np.int32))
            worst.append(piece[[np.argmax(np.abs(p - true) / np.where(true < 1, 0.5, 1.0))]])
        t = np.concatenate(worst)
    k, p = evaluate(t)
    error, at = worst_ulp(kind, p, lambda: np.exp(t.astype(np.float64)) * np.exp2(-k.astype(np.float64)),
                          lambda i: mpmath.ldexp(mpmath.exp(mpf(float(t[i]))), -int(k[i])))
    return float(error), float(t[at]), count


def measure_log(kind, fused, coefficients, ln2, per_cell):
    x = log_sample(kind, per_cell)
    y = evaluate_log1p(Arithmetic(kind, fused), x, coefficients, ln2)
    error, at = worst_ulp(kind, y, lambda: np.log1p(x.astype(np.float64)),
                          lambda i: mpmath.log1p(mpf(float(x[i]))))
    return float(error), float(x[at]), len(x)


def measure_log1p_of_fractions(kind, fused, coefficients, per_cell):
    # Below 2^-24 the result is x.
    x = np.unique(np.concatenate([lattice(8 * per_cell, 2.0 ** -(e + 1), 2.0 ** -e, seed=e) for e in range(24)] +
                                 [lattice(240 * per_cell, 0.5, 1.0), np.ones(1)]).astype(DTYPE[kind]))
    y = evaluate_log1p_of_fractions(Arithmetic(kind, fused), x, coefficients)
    error, at = worst_ulp(kind, y, lambda: np.log1p(x.astype(np.float64)),
                          lambda i: mpmath.log1p(mpf(float(x[i]))))
    return float(error), float(x[at]), len(x)


# ------------------------------------------------------------------------------------------------------ the text

def literal(value, kind):
    """An exact hexadecimal literal of the type, without trailing zeros."""
    mantissa, exponent = float(value).hex().split("p")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}p{exponent}" + ("f" if kind == "F32" else "")


def define(name, value, kind):
    return f"#define {name:<20} {literal(value, kind):<26} /* {value:+.17e} */"


def exp_group(kind, coefficients, error, unrounded, ln2, per_cell):
    unit = f"2^-{PRECISION[kind]}"
    sample = "every float of [-87.33, -0.34] and [0.34, 88.7] and a lattice between" if kind == "F32" else "a lattice"
    lines = [f"/* {'float' if kind == 'F32' else 'double'}: exp(r) ~ 1 + r + r^2 * q(r), "
             f"q(r) = C2 + r*(C3 + r*( ... C{len(coefficients) + 1})), |r| <= ln2/2 * (1 + 2^-10).",
             " * Minimised: the relative error of the polynomial, with coefficients of the type.",
             f" * That error is {float(error):.4f} * {unit} ({float(unrounded):.4f} with unrounded coefficients).",
             " * Worst error seen of the whole evaluation (k = rint(t * LOG2E), r by the splits below, Horner), in ULPs of",
             f" * exp(t) where that is a normal number ({sample}):"]
    for fused in (False, True):
        for form, text in (("split", "1 + (r + (r*r)*q)"), ("horner", "1 + r*(1 + r*q)")):
            worst, at, count = measure_exp(kind, fused, form, coefficients, ln2, per_cell)
            row = f" *   {'FMA' if fused else 'no FMA':<6}  {text:<18} {worst:.3f} at t = {at!r} of {count}"
            print(f"exp {kind}:{row[2:]}", file=sys.stderr)
            lines.append(row)
    lines.append(" */")
    return lines + [define(f"CK_EXP_{kind}_C{i}", c, kind) for i, c in enumerate(coefficients, 2)]


def exp16_group(kind, coefficients, error, unrounded, ln2, per_cell):
    worst, at, count = measure_exp(kind, True, "sixteenths", coefficients, ln2, per_cell)
    print(f"exp {kind} in sixteenths: {worst:.3f} at t = {at!r} of {count}", file=sys.stderr)
    bias, bits = (127, 23) if kind == "F32" else (1023, 52)
    integer = np.uint32 if kind == "F32" else np.uint64
    powers = [int(DTYPE[kind](p).view(integer)) - (bias << bits) - (j << (bits - 4))
              for j, p in enumerate(sixteenth_powers(kind))]
    texts = [f"{p}{'' if kind == 'F32' else 'LL'}" for p in powers]
    rows = [", ".join(texts[i:i + 4]) for i in range(0, 16, 4)]
    return [f"/* {'float' if kind == 'F32' else 'double'}: n = rint(t * 16 * LOG2E) = 16*k + j, r by the fused splits of ln 2 over 16,",
            f" * exp(t) ~ 2^k * (P + P*(r + r^2 * q(r))), P = 2^(j/16) rounded, q(r) = C2 + r*(... C{len(coefficients) + 1}),",
            f" * |r| <= ln2/32 * (1 + 2^-10); the polynomial's error is {float(error):.4f} * 2^-{PRECISION[kind]}.",
            f" * Worst error seen of the whole evaluation, in ULPs: {worst:.3f} at t = {at!r} of {count}.",
            f" * POWERS: the bits of P less those of 1 and less j * 2^{bits - 4}, which n << {bits - 4} brings along.",
            " */"] + \
        [define(f"CK_EXP16_{kind}_C{i}", c, kind) for i, c in enumerate(coefficients, 2)] + \
        [f"#define CK_POWERS_{kind}_16 {{ \\"] + \
        [f"    {row}{', ' + chr(92) if i < 3 else ' }'}" for i, row in enumerate(rows)]


def ln2_group(kind, ln2):
    bits = EXACT_K_BITS[kind]
    return [f"/* ln 2 for {'float' if kind == 'F32' else 'double'}. Without FMA: r = ((t - k*HI) - k*MID) - k*LO, "
            f"k*HI and k*MID exact for |k| <= 2^{bits}.",
            " * With FMA: r = fma(-k, FMA_LO, fma(-k, FMA_HI, t)). TAIL = ln 2 - HI in one term, for k*HI + k*TAIL in",
            " * logarithms. LOG2E = 1 / ln 2.",
            " */"] + \
        [define(f"CK_LN2_{kind}_{name}", value, kind) for name, value in ln2.items()] + \
        [define(f"CK_LOG2E_{kind}", round_to(1 / mpmath.log(2), kind), kind)]


def log_group(kind, coefficients, error, unrounded, ln2, per_cell):
    unit = f"2^-{PRECISION[kind]}"
    lines = [f"/* {'float' if kind == 'F32' else 'double'}: R(z) = z*(L1 + z*(L2 + ... L{len(coefficients)})), "
             "s = f/(2+f), z = s*s, f in [sqrt(1/2)-1, sqrt(2)-1].",
             " * Minimised: |R(z) - D(z)| / (2 + D(z)), D(z) = (log(1+s) - log(1-s))/s - 2 = 2z/3 + 2z^2/5 + ..., which is the",
             " * relative error of log(1+f) = s*(2 + D), with coefficients of the type.",
             f" * That error is {float(error):.4f} * {unit} ({float(unrounded):.4f} with unrounded coefficients).",
             " * Worst error seen of the whole evaluation of log1p(x) for x >= 0, as described above:"]
    for fused in (False, True):
        worst, at, count = measure_log(kind, fused, coefficients, ln2, per_cell)
        row = f" *   {'FMA' if fused else 'no FMA':<6}  {worst:.3f} ULP at x = {at!r} of {count}"
        print(f"log1p {kind}:{row[2:]}", file=sys.stderr)
        lines.append(row)
    lines.append(" */")
    return lines + [define(f"CK_LOG_{kind}_L{i}", c, kind) for i, c in enumerate(coefficients, 1)]


def erfc_group(kind):
    K, degree, largest = ERFC[kind]
    T = DTYPE[kind]

    def scaled(z):
        return (1 + 2 * z) * mpmath.exp(z * z) * mpmath.erfc(z)

    interval = [mpf(-1), mpf(largest - K) / (largest + K)]
    polynomial, error = mpmath.chebyfit(lambda t: scaled(K * (1 + t) / (1 - t)), interval, degree + 1, error=True)
    coefficients = [round_to(c, kind) for c in reversed(polynomial)]
    z = lattice(2000, 0, largest).astype(T)
    got = Arithmetic(kind, False).horner(coefficients, (z - T(K)) / (z + T(K)))
    worst = max(abs(mpf(float(g)) / scaled(mpf(float(x))) - 1) for g, x in zip(got, z)) * mpf(2) ** PRECISION[kind]
    return [f"/* {'float' if kind == 'F32' else 'double'}: erfc(z) = exp(-z*z)/(1 + 2z) * p(t), t = (z - K)/(z + K), "
            f"p(t) = C0 + t*(C1 + ... C{degree}), 0 <= z <= {largest}.",
            " * (M. M. Shepherd, J. G. Laframboise, \"Chebyshev approximation of (1+2x)exp(x^2)erfc x in 0 <= x < oo\",",
            " * Mathematics of Computation 36, 1981.) The Chebyshev polynomial's error, then the worst relative error seen of p",
            f" * by Horner without FMA, of 2000 points: {float(error * mpf(2) ** PRECISION[kind]):.3f} and {float(worst):.3f} * 2^-{PRECISION[kind]}.",
            " */", define(f"CK_ERFC_{kind}_K", K, kind),
            f"#define CK_ERFC_{kind}_P {{ \\"] + \
        [f"    {literal(c, kind)}{', ' + chr(92) if i < degree else ' }'}" for i, c in enumerate(coefficients)]


def log1p_group(kind, coefficients, error, unrounded, per_cell):
    lines = [f"/* {'float' if kind == 'F32' else 'double'}: log1p(x) ~ x + x * (x * q(x)), q(x) = C2 + x*(C3 + ... "
             f"C{len(coefficients) + 1}), x in [0, 1].",
             " * Minimised: the relative error of the polynomial, with coefficients of the type.",
             f" * That error is {float(error):.4f} * 2^-{PRECISION[kind]} ({float(unrounded):.4f} with unrounded coefficients).",
             " * Worst error seen of the whole evaluation, the last step and Horner's fused under FMA:"]
    for fused in (False, True):
        worst, at, count = measure_log1p_of_fractions(kind, fused, coefficients, per_cell)
        row = f" *   {'FMA' if fused else 'no FMA':<6}  {worst:.3f} ULP at x = {at!r} of {count}"
        print(f"log1p {kind} of [0, 1]:{row[2:]}", file=sys.stderr)
        lines.append(row)
    lines.append(" */")
    return lines + [define(f"CK_LOG1P_{kind}_C{i}", c, kind) for i, c in enumerate(coefficients, 2)]


LOG_FORM = """\
/* log1p(x) for x >= 0.
 *   u = 1 + x = 2^k * v, v in [sqrt(1/2), sqrt(2)).
 *   k == 0: f = x (not v - 1), log1p(x) = f - (f*f/2 - s*(f*f/2 + R(z))).
 *   k != 0: f = v - 1; e = (x >= 1 ? 1 - (u - x) : x - (u - 1)) / u is what rounding u lost;
 *           log1p(x) = k*HI - ((f*f/2 - (s*(f*f/2 + R(z)) + (k*TAIL + e))) - f).
 *   "FMA" fuses the Horner steps, k*TAIL + e, s*(f*f/2 + R) + that sum, and f*f/2 - s*(f*f/2 + R); f*f/2 is
 *   (0.5*f)*f, and its use as a term is not fused.
 */"""


def smallest_within(budget, derive, sizes):
    for size in sizes:
        result = derive(size)
        if result[1] <= budget:
            return result
    raise RuntimeError(f"no size of {list(sizes)} stays within {budget}")


def header_text():
    ln2 = {kind: ln2_split(kind) for kind in DTYPE}
    exp = {"F32": exp_polynomial("F32", EXP_F32_DEGREE),
           "F64": smallest_within(EXP_F64_BUDGET, lambda degree: exp_polynomial("F64", degree), range(11, 14))}
    log = {kind: smallest_within(LOG_BUDGET, lambda terms, kind=kind: log_polynomial(kind, terms), range(2, 10))
           for kind in DTYPE}
    parts = ["/* Written by scripts/derive-coefficients.py; its --check compares. The errors are measured there, in emulated",
             " * arithmetic: compile the evaluations with contraction off and fuse by hand where FMA is meant.",
             " */", "#ifndef CK_COEFFICIENTS_H", "#define CK_COEFFICIENTS_H"]
    for kind, per_cell in (("F32", 4000), ("F64", 64)):
        parts += ["", *exp_group(kind, *exp[kind], ln2[kind], per_cell), "",
                  *exp16_group(kind, *exp_polynomial(kind, EXP16_DEGREE[kind], EXP16_RADIUS), ln2[kind], per_cell), "",
                  *ln2_group(kind, ln2[kind])]
    parts += ["", LOG_FORM]
    for kind, per_cell in (("F32", 4000), ("F64", 100)):
        parts += ["", *log_group(kind, *log[kind], ln2[kind], per_cell)]
    for kind in DTYPE:
        parts += ["", *erfc_group(kind)]
    log1p = smallest_within(LOG_BUDGET, lambda terms: log1p_polynomial("F32", terms), range(8, 12))
    parts += ["", *log1p_group("F32", *log1p, 4000)]
    return "\n".join(parts + ["", "#endif", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with the header as it stands")
    arguments = parser.parse_args()
    text = header_text()
    if arguments.check:
        standing = HEADER.read_text() if HEADER.exists() else ""
        if text != standing:
            sys.exit(f"{HEADER.name} is not what {pathlib.Path(__file__).name} derives; run it without --check")
        print(f"{HEADER.name}: as derived", file=sys.stderr)
        return
    HEADER.parent.mkdir(parents=True, exist_ok=True)
    HEADER.write_text(text)


if __name__ == "__main__":
    main()
