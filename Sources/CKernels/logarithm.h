// log1p and log of D, a double or a vector of doubles, with DI the integers of the same shape; G
// names the functions. Both are fdlibm's form: with s = f/(2+f),
// log(1+f) = f − (f²/2 − s·(f²/2 + R(s²))). A row of floats is finished here as well, with a shorter R.

#define CK_SQRT2 1.4142135623730951

INLINE DI G(bits)(D v) {
    DI i;
    __builtin_memcpy(&i, &v, sizeof v);
    return i;
}
INLINE D G(real)(DI i) {
    D v;
    __builtin_memcpy(&v, &i, sizeof i);
    return v;
}

// log(2^k·(1 + f)) + e, where f is in [√½ − 1, √2 − 1] and e is small.
INLINE D G(log_reduced)(D k, D f, D e) {
    D s = f / (2.0 + f), z = s * s, half = (0.5 * f) * f;
#if CK_BITS == 32
    D r = z * (CK_LOG_F32_L1 + z * (CK_LOG_F32_L2 + z * (D)CK_LOG_F32_L3));
#else
    D w = z * z;  // odd and even terms apart: half the length of the chain
    D odd = CK_LOG_F64_L1 + w * (CK_LOG_F64_L3 + w * (CK_LOG_F64_L5 + w * CK_LOG_F64_L7));
    D even = CK_LOG_F64_L2 + w * (CK_LOG_F64_L4 + w * CK_LOG_F64_L6);
    D r = z * (odd + z * even);
#endif
    return k * CK_LN2_F64_HI - ((half - (s * (half + r) + (k * CK_LN2_F64_TAIL + e))) - f);
}

// The exponent k for which u·2^−k lies in [√½, √2), for normal u.
INLINE DI G(log_exponent)(D u) { return (G(bits)(u) - 0x3fe6a09e667f3bcdLL) >> 52; }

// x ≥ 0 or NaN; +∞ gives +∞.
INLINE D G(log1p)(D x) {
    D u = 1.0 + x;
    DI k = G(log_exponent)(u);
    D f = G(real)(G(bits)(u) - (k << 52)) - 1.0;
    D lost = x < 1.0 ? x - (u - 1.0) : 1.0 - (u - x);
    f = k == 0 ? x : f;
#if CK_BITS == 32
    D e = (D)0.0;  // 2⁻⁵³ is nothing to a float
#else
    D e = k == 0 ? (D)0.0 : lost / u;
#endif
    (void)lost;
    D y = G(log_reduced)(TO_REAL(k), f, e);
    return x < (D)__builtin_inf() ? y : x;
}

// Any x: 0 gives −∞, a negative number NaN.
INLINE D G(log)(D x) {
    D scaled = x < 0x1p-1022 ? x * 0x1p54 : x;
    DI k = G(log_exponent)(scaled);
    D f = G(real)(G(bits)(scaled) - (k << 52)) - 1.0;
    D shift = x < 0x1p-1022 ? (D)-54.0 : (D)0.0;
    D y = G(log_reduced)(TO_REAL(k) + shift, f, (D)0.0);
    y = x < (D)__builtin_inf() ? y : x;
    y = x == 0.0 ? (D)-__builtin_inf() : y;
    return x < 0.0 ? (D)__builtin_nan("") : y;
}

// x / (a + b) for a, b ≥ 0 as a double and, for rows of doubles, the remainder.
INLINE D G(quotient)(D x, D a, D b, D *low) {
    D sum = a + b, part = sum - a;
    D lost = (a - (sum - part)) + (b - part);
    D q = x / sum;
    *low = (D)0.0;
#if CK_BITS == 64
#if CK_FMA
    D product = -(q * sum - x);
#else
    // Dekker's product in halves of 26 bits; q and sum are far from overflow.
    D q1 = q * 134217729.0, s1 = sum * 134217729.0;
    q1 = q1 - (q1 - q);
    s1 = s1 - (s1 - sum);
    D product = x - q1 * s1;
    product = ((product - q1 * (sum - s1)) - (q - q1) * s1) - (q - q1) * (sum - s1);
#endif
    *low = (product - q * lost) / sum;
#endif
    (void)lost;
    return q;
}

// log1p(a / b) for a ≥ 0, b > 0, without the rounding of the quotient.
INLINE D G(log1p_ratio)(D a, D b) {
#if CK_BITS == 64
    D low, q = G(quotient)(a, b, (D)0.0, &low);
    D y = G(log1p)(q);
    return y + low / (1.0 + q);
#else
    // log(all/b) = k·ln 2 + 2·atanh(s), s = (all − t)/(all + t), t = 2^k·b: one division, and none before the
    // logarithm. The first k is that of a linear logarithm, at most one off; it is not negative, as all ≥ b.
    D all = a + b;
    DI k = (DI)((DU)(G(bits)(all) - G(bits)(b) + (1LL << 51)) >> 52);
    D t = G(real)(G(bits)(b) + (k << 52));
    DI up = all > t * CK_SQRT2 ? (DI)1 : (DI)0, down = all * CK_SQRT2 < t ? (DI)1 : (DI)0;
    k += up - down;
    t = G(real)(G(bits)(t) + ((up - down) << 52));
    D s = (k == 0 ? a : all - t) / (all + t), z = s * s;
    D r = z * (CK_LOG_F32_L1 + z * (CK_LOG_F32_L2 + z * (D)CK_LOG_F32_L3));
    return TO_REAL(k) * CK_LN2_F64_HI + (s * (2.0 + r) + TO_REAL(k) * CK_LN2_F64_TAIL);
#endif
}
