// exp of a vector of T, in the forms that the kernels need, and the logarithms.

#define D double
#define DI int64_t
#define G(name) F(CK_PASTE(name, 1))
#define TO_REAL(k) ((double)(k))
#include "logarithm.h"
#undef D
#undef DI
#undef G
#undef TO_REAL

#define D VD
#define DI VDI
#define G(name) F(CK_PASTE(name, n))
#define TO_REAL(k) __builtin_convertvector(k, VD)
#include "logarithm.h"
#undef D
#undef DI
#undef G
#undef TO_REAL

// Adding this rounds to the nearest integer, which then stands in the low bits.
#define MAGIC ((T)1.5 * (T)((I)1 << CK_MANTISSA))

// exp(t − k·ln 2) for k = the integer nearest to t / ln 2: from √½ to √2.
INLINE V F(exp_reduced)(V t, V k) {
#if CK_FMA
    V r = (t - k * CONSTANT(LN2, FMA_HI)) - k * CONSTANT(LN2, FMA_LO);
#else
    V r = ((t - k * CONSTANT(LN2, HI)) - k * CONSTANT(LN2, MID)) - k * CONSTANT(LN2, LO);
#endif
#if CK_BITS == 32
    V q = CK_EXP_F32_C5 + r * F(splat)(CK_EXP_F32_C6);
    q = CK_EXP_F32_C4 + r * q;
    q = CK_EXP_F32_C3 + r * q;
    q = CK_EXP_F32_C2 + r * q;
#else
    V r2 = r * r;  // pairs of terms: shorter than Horner's chain, as accurate below r²
    V q = CK_EXP_F64_C10 + r * F(splat)(CK_EXP_F64_C11);
    q = (CK_EXP_F64_C8 + r * F(splat)(CK_EXP_F64_C9)) + r2 * q;
    q = (CK_EXP_F64_C6 + r * F(splat)(CK_EXP_F64_C7)) + r2 * q;
    q = (CK_EXP_F64_C4 + r * F(splat)(CK_EXP_F64_C5)) + r2 * q;
    q = (CK_EXP_F64_C2 + r * F(splat)(CK_EXP_F64_C3)) + r2 * q;
#endif
    // Each form is within 1 ULP only on its own side: 0.89 and 0.99 (coefficients.h).
#if CK_FMA
    q = 1 + r * q;
    return 1 + r * q;
#else
    return 1 + (r + (r * r) * q);
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
    return (REFERENCE){size < (V)F(infinity)() ? centre : (V)(T)0, MAGIC + steps * shift, shift * -(T)0.69314718055994531};
}
INLINE REFERENCE F(reference_at)(V near) { return F(reference_in)(near, STEPS); }

#if TABLED
// The mantissas of 2^(j/16) less j·2⁻⁴, which the shifted exponent carries.
static const I F(powers)[16] = CONSTANT(POWERS, 16);
#endif

// e(x); 0 for −∞ and whatever is too small to count, NaN for NaN. (+∞ is left to the caller.)
INLINE V F(exp_at)(REFERENCE at, V x) {
    V t = x - at.centre;
    t = at.floor > t ? at.floor : t;
    V biased = t * (STEPS * LOG2E) + at.magic;
    V k = biased - at.magic;
#if TABLED
    V r = (t - k * (CONSTANT(LN2, FMA_HI) / STEPS)) - k * (CONSTANT(LN2, FMA_LO) / STEPS);
#if CK_BITS == 32
    V q = CK_EXP16_F32_C2 + r * F(splat)(CK_EXP16_F32_C3);
    VI power = (VI)_mm512_permutexvar_epi32((__m512i)biased, _mm512_loadu_si512(F(powers)));
#else
    V q = CK_EXP16_F64_C5 + r * F(splat)(CK_EXP16_F64_C6);
    q = (CK_EXP16_F64_C3 + r * F(splat)(CK_EXP16_F64_C4)) + (r * r) * q;
    q = CK_EXP16_F64_C2 + r * q;
    VI power = (VI)_mm512_permutex2var_epi64(_mm512_loadu_si512(F(powers)), (__m512i)biased,
                                             _mm512_loadu_si512(F(powers) + 8));
#endif
    q = r + (r * r) * q;
    V scaled = (V)(power + ((VI)biased << (CK_MANTISSA - 4)));
    return scaled + scaled * q;
#else
    return F(exp_reduced)(t, k) * (V)((VI)biased << CK_MANTISSA);
#endif
}

// The same by the polynomial alone, from a reference in whole steps: 0.89 ULP instead of 0.99 (double 0.84, 1.07).
INLINE V F(exp_of_few)(REFERENCE at, V x) {
    V t = x - at.centre;
    t = at.floor > t ? at.floor : t;
    V biased = t * LOG2E + at.magic;
    return F(exp_reduced)(t, biased - at.magic) * (V)((VI)biased << CK_MANTISSA);
}

// exp(x) on the whole range: ≤ 1 ULP, subnormal results rounded once more, +∞ above the range.
INLINE V F(exp_full)(V x) {
    V low = CK_BITS == 32 ? (T)-104.5 : (T)-746.0, high = CK_BITS == 32 ? (T)89.0 : (T)710.0;
    V t = low > x ? low : x;
    t = high < t ? high : t;
    V biased = t * LOG2E + MAGIC;
    V k = biased - MAGIC;
    V p = F(exp_reduced)(t, k);
    // Two factors, as 2^k itself may be out of range: the first product is exact.
    V first = (k * (T)0.5 + MAGIC) - MAGIC;
    return p * F(power_of_2)(first) * F(power_of_2)(k - first);
}
