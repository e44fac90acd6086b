// exp of a vector of T, in the forms that the kernels need, and the logarithms.

#include "logarithm.h"

// Adding this rounds to the nearest integer, which then stands in the low bits.
#define MAGIC ((T)1.5 * (T)((I)1 << CK_MANTISSA))

// Exponentials are taken of n ≤ 8 vectors side by side, step by step: each is one long chain of operations, and a
// processor whose schedulers hold less than two chains would wait for every one of them. The compiler puts the chains
// one after the other, to save registers, unless it is kept from it. (Zen 1, AVX2, a row's sum: 16
// cycles a vector instead of 27.)
#define EACH UNROLL for (size_t j = 0; j < n; j++)
#define STEP(statement)                \
    EACH { statement; }                \
    if (n > 1) EACH PIN(q[j]);

// r ← t − k·ln 2 for k = the integer nearest to t / ln 2, and q such that exp(r) = 1 + r + r²·q: from √½ to √2.
INLINE void F(exp_series)(const V *t, const V *k, V *r, V *q, size_t n) {
#if CK_FMA
    EACH r[j] = t[j] - k[j] * CONSTANT(LN2, FMA_HI);
    EACH r[j] = r[j] - k[j] * CONSTANT(LN2, FMA_LO);
#else
    EACH r[j] = ((t[j] - k[j] * CONSTANT(LN2, HI)) - k[j] * CONSTANT(LN2, MID)) - k[j] * CONSTANT(LN2, LO);
#endif
#if CK_BITS == 32
    STEP(q[j] = CK_EXP_F32_C5 + r[j] * F(splat)(CK_EXP_F32_C6))
    STEP(q[j] = CK_EXP_F32_C4 + r[j] * q[j])
    STEP(q[j] = CK_EXP_F32_C3 + r[j] * q[j])
    STEP(q[j] = CK_EXP_F32_C2 + r[j] * q[j])
#else
    V r2[8];
    EACH r2[j] = r[j] * r[j];  // pairs of terms: shorter than Horner's chain, as accurate below r²
    STEP(q[j] = CK_EXP_F64_C10 + r[j] * F(splat)(CK_EXP_F64_C11))
    STEP(q[j] = (CK_EXP_F64_C8 + r[j] * F(splat)(CK_EXP_F64_C9)) + r2[j] * q[j])
    STEP(q[j] = (CK_EXP_F64_C6 + r[j] * F(splat)(CK_EXP_F64_C7)) + r2[j] * q[j])
    STEP(q[j] = (CK_EXP_F64_C4 + r[j] * F(splat)(CK_EXP_F64_C5)) + r2[j] * q[j])
    STEP(q[j] = (CK_EXP_F64_C2 + r[j] * F(splat)(CK_EXP_F64_C3)) + r2[j] * q[j])
#endif
}

// q ← exp(t − k·ln 2)
INLINE void F(exp_reduced)(const V *t, const V *k, V *q, size_t n) {
    V r[8];
    F(exp_series)(t, k, r, q, n);
    // Each form is within 1 ULP only on its own side: 0.89 and 0.99 (coefficients.h).
#if CK_FMA
    STEP(q[j] = 1 + r[j] * q[j])
    STEP(q[j] = 1 + r[j] * q[j])
#else
    STEP(q[j] = 1 + (r[j] + (r[j] * r[j]) * q[j]))
#endif
}

// 2^k for an integer k below the exponent bias; 0 from −bias down.
INLINE V F(power_of_2)(V k) {
    k = k < -(T)CK_EXPONENT_BIAS ? (V)-(T)CK_EXPONENT_BIAS : k;
    return (V)((VI)(k + (MAGIC + CK_EXPONENT_BIAS)) << CK_MANTISSA);
}

// A reference for the exponentials of a row: e(x) = exp(x − centre)·2^shift, never rounded in
// x − centre. The centre is 0 unless the row lies so far out that, near its maximum, x − centre is
// exact by itself (Sterbenz and the spacing of numbers there); the power of two brings the row's
// largest exponentials to about 2^HEADROOM_BELOW, so that those 10³⁸ (10³⁰⁸) times smaller than the
// largest are normal numbers still, and those up to exp(RISE) larger do not overflow.
#if CK_BITS == 32
#define FAR 512
#define HEADROOM_BELOW 30
#define RISE 24
#else
#define FAR 4096
#define HEADROOM_BELOW 500
#define RISE 100
#endif

// With sixteen numbers in a register, 2^(j/16) is looked up, and a polynomial of a sixteenth of the range is left:
// three (double: five) multiply-adds less. Half as many, which AVX2's registers hold, would save one.
#define TABLED (CK_ISA == 2)
#define STEPS (TABLED ? 16 : 1)

typedef struct F(reference) {
    V centre, magic, floor;
    int far;  // the centre is not 0
} F(reference);
#define REFERENCE F(reference)

// `near` lies within RISE below the row's maximum; where it is −∞ or NaN, any reference serves.
INLINE REFERENCE F(reference_in)(V near, T steps) {
    V size = near < 0 ? -near : near;
    V centre = size >= FAR ? near : (V)(T)0;
    V offset = size < (V)F(infinity)() ? near - centre : (V)(T)0;
    V k = (offset * LOG2E + MAGIC) - MAGIC;
    V shift = (HEADROOM_BELOW + CK_EXPONENT_BIAS) - k;
    // Below the floor the exponent field would be negative; at it, it is 0 and the result +0.
    centre = size < (V)F(infinity)() ? centre : (V)(T)0;
    return (REFERENCE){centre, MAGIC + steps * shift, shift * -(T)0.69314718055994531, F(any)(centre != 0)};
}
INLINE REFERENCE F(reference_at)(V near) { return F(reference_in)(near, STEPS); }

#if TABLED
// The mantissas of 2^(j/16) less j·2⁻⁴, which the shifted exponent carries.
static const I F(powers)[16] = CONSTANT(POWERS, 16);
#endif

// t ← x − centre, or the floor.
INLINE void F(above_floor)(REFERENCE at, const V *x, V *t, size_t n) {
    EACH t[j] = x[j];
    if (__builtin_expect(at.far, 0)) { EACH t[j] -= at.centre; }
    EACH t[j] = at.floor > t[j] ? at.floor : t[j];
}

// e ← e(x); 0 for −∞ and whatever is too small to count, NaN for NaN. (+∞ is left to the caller.)
INLINE void F(exp_at)(REFERENCE at, const V *x, V *e, size_t n) {
    V t[8], k[8], biased[8], q[8];
    F(above_floor)(at, x, t, n);
    EACH biased[j] = t[j] * (STEPS * LOG2E) + at.magic;
    EACH k[j] = biased[j] - at.magic;
#if TABLED
    V r[8];
    EACH r[j] = (t[j] - k[j] * (CONSTANT(LN2, FMA_HI) / STEPS)) - k[j] * (CONSTANT(LN2, FMA_LO) / STEPS);
#if CK_BITS == 32
    STEP(q[j] = CK_EXP16_F32_C2 + r[j] * F(splat)(CK_EXP16_F32_C3))
    VI power[8];
    EACH power[j] = (VI)_mm512_permutexvar_epi32((__m512i)biased[j], _mm512_loadu_si512(F(powers)));
#else
    STEP(q[j] = CK_EXP16_F64_C5 + r[j] * F(splat)(CK_EXP16_F64_C6))
    STEP(q[j] = (CK_EXP16_F64_C3 + r[j] * F(splat)(CK_EXP16_F64_C4)) + (r[j] * r[j]) * q[j])
    STEP(q[j] = CK_EXP16_F64_C2 + r[j] * q[j])
    VI power[8];
    EACH power[j] = (VI)_mm512_permutex2var_epi64(_mm512_loadu_si512(F(powers)), (__m512i)biased[j],
                                                  _mm512_loadu_si512(F(powers) + 8));
#endif
    STEP(q[j] = r[j] + (r[j] * r[j]) * q[j])
    EACH {
        V scaled = (V)(power[j] + ((VI)biased[j] << (CK_MANTISSA - 4)));
        e[j] = scaled + scaled * q[j];
    }
#else
    F(exp_reduced)(t, k, q, n);
    EACH e[j] = q[j] * (V)((VI)biased[j] << CK_MANTISSA);
#endif
}

// exp(t)·2^shift by the polynomial alone, where `magic` is a reference's in whole steps.
INLINE void F(exp_shifted)(const V *t, const V *magic, V *e, size_t n) {
    V k[8], biased[8], q[8];
    EACH biased[j] = t[j] * LOG2E + magic[j];
    EACH k[j] = biased[j] - magic[j];
    F(exp_reduced)(t, k, q, n);
    EACH e[j] = q[j] * (V)((VI)biased[j] << CK_MANTISSA);
}

// As exp_at, by the polynomial alone, from a reference in whole steps: 0.89 ULP instead of 0.99 (double 0.84, 1.07).
INLINE void F(exp_of_few)(REFERENCE at, const V *x, V *e, size_t n) {
    V t[8], magic[8];
    F(above_floor)(at, x, t, n);
    EACH magic[j] = at.magic;
    F(exp_shifted)(t, magic, e, n);
}

INLINE V F(exp_at_1)(REFERENCE at, V x) {
    F(exp_at)(at, &x, &x, 1);
    return x;
}

// exp(x) on the whole range: ≤ 1 ULP, subnormal results rounded once more, +∞ above the range.
INLINE V F(exp_full)(V x) {
    V low = CK_BITS == 32 ? (T)-104.5 : (T)-746.0, high = CK_BITS == 32 ? (T)89.0 : (T)710.0;
    V t = low > x ? low : x;
    t = high < t ? high : t;
    V biased = t * LOG2E + MAGIC;
    V k = biased - MAGIC, p;
    F(exp_reduced)(&t, &k, &p, 1);
    // Two factors, as 2^k itself may be out of range: the first product is exact.
    V first = (k * (T)0.5 + MAGIC) - MAGIC;
    return p * F(power_of_2)(first) * F(power_of_2)(k - first);
}

// exp(x) of x ≤ 0 on the whole range, of n ≤ 8 vectors: ≤ 1 ULP, subnormal results rounded once more.
INLINE void F(exp_of_negatives)(const V *x, V *e, size_t n) {
    V low = CK_BITS == 32 ? (T)-104.5 : (T)-746.0, t[8], k[8], q[8];
    EACH t[j] = low > x[j] ? low : x[j];
    EACH k[j] = (t[j] * LOG2E + MAGIC) - MAGIC;
    F(exp_reduced)(t, k, q, n);
    // 2^k itself may be out of range: with 64 powers of two more it is not, and their product is exact.
    EACH e[j] = q[j] * (V)((VI)(k[j] + (MAGIC + (CK_EXPONENT_BIAS + 64))) << CK_MANTISSA) * (T)0x1p-64;
}

// log1p(x) of x from 0 to 1, of n ≤ 8 vectors: a polynomial, where a division would cost as much.
INLINE void F(log1p_of_fractions)(const V *x, V *y, size_t n) {
#if CK_BITS == 32
    V q[8];
    STEP(q[j] = CK_LOG1P_F32_C9 + x[j] * F(splat)(CK_LOG1P_F32_C10))
    STEP(q[j] = CK_LOG1P_F32_C8 + x[j] * q[j])
    STEP(q[j] = CK_LOG1P_F32_C7 + x[j] * q[j])
    STEP(q[j] = CK_LOG1P_F32_C6 + x[j] * q[j])
    STEP(q[j] = CK_LOG1P_F32_C5 + x[j] * q[j])
    STEP(q[j] = CK_LOG1P_F32_C4 + x[j] * q[j])
    STEP(q[j] = CK_LOG1P_F32_C3 + x[j] * q[j])
    STEP(q[j] = CK_LOG1P_F32_C2 + x[j] * q[j])
    STEP(q[j] = x[j] * q[j])
    EACH y[j] = x[j] + x[j] * q[j];
#else
    EACH y[j] = F(narrow)(F(log1p_of)(F(widen)(x[j])));
#endif
}

#if CK_BITS == 64
// log(x) of normal x > 0, of n ≤ 8 vectors: F(log_of) of them step by step.
INLINE void F(log_of_normals)(const V *x, V *y, size_t n) {
    V k[8], f[8], s[8], z[8], w[8], even[8], q[8];
    EACH {
        // Positive with the bias, so that it is shifted without a sign, which AVX2 has no instruction for.
        VDU raised = (VDU)x[j] + (((VDU)0 + 1023) << 52) - 0x3fe6a09e667f3bcdULL, biased = raised >> 52;
        k[j] = (VD)(biased + 0x4338000000000000ULL) - (0x1.8p52 + 1023);
        f[j] = (VD)((VDU)x[j] + (((VDU)0 + 1023) << 52) - (biased << 52)) - 1.0;
    }
    STEP(q[j] = f[j] / (2.0 + f[j]))
    EACH s[j] = q[j];
    STEP(q[j] = s[j] * s[j])
    EACH z[j] = q[j];
    EACH w[j] = z[j] * z[j];
    STEP(q[j] = CK_LOG_F64_L4 + w[j] * F(splat)(CK_LOG_F64_L6))
    EACH even[j] = CK_LOG_F64_L2 + w[j] * q[j];
    STEP(q[j] = CK_LOG_F64_L5 + w[j] * F(splat)(CK_LOG_F64_L7))
    STEP(q[j] = CK_LOG_F64_L3 + w[j] * q[j])
    STEP(q[j] = CK_LOG_F64_L1 + w[j] * q[j])
    STEP(q[j] = z[j] * (q[j] + z[j] * even[j]))
    EACH {
        V half = (0.5 * f[j]) * f[j];
        y[j] = k[j] * CK_LN2_F64_HI - ((half - (s[j] * (half + q[j]) + k[j] * CK_LN2_F64_TAIL)) - f[j]);
    }
}
#endif
#undef STEP
#undef EACH
