// log1p and log of doubles, in fdlibm's form: with s = f/(2+f), log(1+f) = f − (f²/2 − s·(f²/2 + R(s²))). A row of floats
// is finished here as well, with a shorter R.

// Below AVX-512 there is no conversion of 64-bit integers: small ones are added to the bits of 1.5·2⁵².
#define TO_REAL(k) ((VD)((k) + 0x4338000000000000LL) - 0x1.8p52)

#define CK_SQRT2 1.4142135623730951

INLINE VDI F(bits)(VD v) {
    VDI i;
    __builtin_memcpy(&i, &v, sizeof v);
    return i;
}
INLINE VD F(real)(VDI i) {
    VD v;
    __builtin_memcpy(&v, &i, sizeof i);
    return v;
}

// log(2^k·(1 + f)) + e, where f is in [√½ − 1, √2 − 1] and e is small.
INLINE VD F(log_reduced)(VD k, VD f, VD e) {
    VD s = f / (2.0 + f), z = s * s, half = (0.5 * f) * f;
#if CK_BITS == 32
    VD r = z * (CK_LOG_F32_L1 + z * (CK_LOG_F32_L2 + z * (VD)CK_LOG_F32_L3));
#else
    VD w = z * z;  // odd and even terms apart: half the length of the chain
    VD odd = CK_LOG_F64_L1 + w * (CK_LOG_F64_L3 + w * (CK_LOG_F64_L5 + w * CK_LOG_F64_L7));
    VD even = CK_LOG_F64_L2 + w * (CK_LOG_F64_L4 + w * CK_LOG_F64_L6);
    VD r = z * (odd + z * even);
#endif
    return k * CK_LN2_F64_HI - ((half - (s * (half + r) + (k * CK_LN2_F64_TAIL + e))) - f);
}

// The exponent k for which u·2^−k lies in [√½, √2), for normal u.
INLINE VDI F(log_exponent)(VD u) { return (F(bits)(u) - 0x3fe6a09e667f3bcdLL) >> 52; }

// x ≥ 0 or NaN; +∞ gives +∞.
INLINE VD F(log1p_of)(VD x) {
    VD u = 1.0 + x;
    VDI k = F(log_exponent)(u);
    VD f = F(real)(F(bits)(u) - (k << 52)) - 1.0;
    VD lost = x < 1.0 ? x - (u - 1.0) : 1.0 - (u - x);
    f = k == 0 ? x : f;
#if CK_BITS == 32
    VD e = (VD)0.0;  // 2⁻⁵³ is nothing to a float
#else
    VD e = k == 0 ? (VD)0.0 : lost / u;
#endif
    (void)lost;
    VD y = F(log_reduced)(TO_REAL(k), f, e);
    return x < (VD)__builtin_inf() ? y : x;
}

// Any x: 0 gives −∞, a negative number NaN.
INLINE VD F(log_of)(VD x) {
    VD scaled = x < 0x1p-1022 ? x * 0x1p54 : x;
    VDI k = F(log_exponent)(scaled);
    VD f = F(real)(F(bits)(scaled) - (k << 52)) - 1.0;
    VD shift = x < 0x1p-1022 ? (VD)-54.0 : (VD)0.0;
    VD y = F(log_reduced)(TO_REAL(k) + shift, f, (VD)0.0);
    y = x < (VD)__builtin_inf() ? y : x;
    y = x == 0.0 ? (VD)-__builtin_inf() : y;
    return x < 0.0 ? (VD)__builtin_nan("") : y;
}

// x / (a + b) for a, b ≥ 0 as a double and, for rows of doubles, the remainder.
INLINE VD F(quotient)(VD x, VD a, VD b, VD *low) {
    VD sum = a + b, part = sum - a;
    VD lost = (a - (sum - part)) + (b - part);
    VD q = x / sum;
    *low = (VD)0.0;
#if CK_BITS == 64
#if CK_FMA
    VD product = -(q * sum - x);
#else
    // Dekker's product in halves of 26 bits; q and sum are far from overflow.
    VD q1 = q * 134217729.0, s1 = sum * 134217729.0;
    q1 = q1 - (q1 - q);
    s1 = s1 - (s1 - sum);
    VD product = x - q1 * s1;
    product = ((product - q1 * (sum - s1)) - (q - q1) * s1) - (q - q1) * (sum - s1);
#endif
    *low = (product - q * lost) / sum;
#endif
    (void)lost;
    return q;
}

// log1p(a / b) for a ≥ 0, b > 0, without the rounding of the quotient.
INLINE VD F(log1p_ratio)(VD a, VD b) {
#if CK_BITS == 64
    VD low, q = F(quotient)(a, b, (VD)0.0, &low);
    VD y = F(log1p_of)(q);
    return y + low / (1.0 + q);
#else
    // log(all/b) = k·ln 2 + 2·atanh(s), s = (all − t)/(all + t), t = 2^k·b: one division, and none before the
    // logarithm. The first k is that of a linear logarithm, at most one off; it is not negative, as all ≥ b.
    VD all = a + b;
    VDI k = (VDI)((VDU)(F(bits)(all) - F(bits)(b) + (1LL << 51)) >> 52);
    VD t = F(real)(F(bits)(b) + (k << 52));
    VDI up = all > t * CK_SQRT2 ? (VDI)1 : (VDI)0, down = all * CK_SQRT2 < t ? (VDI)1 : (VDI)0;
    k += up - down;
    t = F(real)(F(bits)(t) + ((up - down) << 52));
    VD s = (k == 0 ? a : all - t) / (all + t), z = s * s;
    VD r = z * (CK_LOG_F32_L1 + z * (CK_LOG_F32_L2 + z * (VD)CK_LOG_F32_L3));
    return TO_REAL(k) * CK_LN2_F64_HI + (s * (2.0 + r) + TO_REAL(k) * CK_LN2_F64_TAIL);
#endif
}
