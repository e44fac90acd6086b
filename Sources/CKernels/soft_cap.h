// c·tanh(x/c), and its derivative times what comes from above: with E = exp(−2|x/c|),
//   tanh(|x/c|) = (1 − E)/(1 + E)   and   1 − tanh² = 4E/(1 + E)²,
// from E − 1, which keeps its digits where x is small, as E does where x is large.

// E and E − 1 for u = |x/c|.
INLINE void F(decay)(V u, V *e, V *minus_one) {
    // Further out E is 0.
    V low = CK_BITS == 32 ? (T)-104.5 : (T)-746.0, t = -(u + u);
    t = low > t ? low : t;
    V k = (t * LOG2E + MAGIC) - MAGIC, r, q;
    F(exp_series)(&t, &k, &r, &q, 1);
    V p = r + (r * r) * q, power = F(power_of_2)(k);
    *e = power * p + power;
    *minus_one = power * p + (power - 1);
}

static __attribute__((noinline)) void F(soft_cap)(const T *x, T *y, size_t count, T cap) {
    for (size_t i = 0; i < count; i += L) {
        V v = F(load_n)(x + i, count - i, 0), u = v / cap, e, minus_one;
        VI sign = (VI)F(splat)(-(T)0);
        F(decay)((V)((VI)u & ~sign), &e, &minus_one);
        V size = cap * (minus_one / (2 + minus_one));
        F(store_n)(y + i, count - i, (V)(((VI)size & ~sign) | ((VI)v & sign)));
    }
}

// g ← g·(1 − tanh²(x/c)); 0 stays 0, whatever x is.
static __attribute__((noinline)) void F(soft_cap_gradient)(const T *x, T *g, size_t count, T cap) {
    for (size_t i = 0; i < count; i += L) {
        V v = F(load_n)(x + i, count - i, 0), above = F(load_n)(g + i, count - i, 0), u = v / cap, e, minus_one;
        F(decay)(u < 0 ? -u : u, &e, &minus_one);
        V sum = 1 + e, slope = (4 * e) / (sum * sum);
        F(store_n)(g + i, count - i, above == 0 ? above : above * slope);
    }
}

// x/τ, each rounded once.
static void F(divide)(const T *x, T *y, size_t count, T divisor) {
    for (size_t i = 0; i < count; i += L) F(store_n)(y + i, count - i, F(load_n)(x + i, count - i, 0) / divisor);
}

// x times its factor, one each or one for all. Nothing flows where either is 0, as in an ignored row, whatever the other is.
static void F(scale)(T *x, const T *factors, size_t count, int are_many) {
    V factor = F(splat)(*factors);
    for (size_t i = 0; i < count; i += L) {
        V v = F(load_n)(x + i, count - i, 0);
        if (are_many) factor = F(load_n)(factors + i, count - i, 0);
        F(store_n)(x + i, count - i, ((v == 0) | (factor == 0)) ? F(splat)(0) : v * factor);
    }
}
