// (x − mean)/deviation in double, 0 where x is NaN: the quotient as a division rounds it.
//
// Where the result is a float it takes no division: with r = 1/d correctly rounded, q = fl(n·r) and the remainder n − q·d,
// which a fused multiply-add gives exactly, q + remainder·r is the correctly rounded n/d (Markstein, Computation of
// elementary functions on the IBM RISC System/6000 processor, 1990). The caller sees to it that no deviation is so large or
// small that one of these were out of range where the float is not.

#define BY_RECIPROCALS (CK_BITS == 32 && CK_FMA)

INLINE VD F(load_doubles_n)(const double *p, size_t n, double fill) {
    if (n >= L) return F(load_doubles)(p);
    VD v = (VD)fill;
    for (size_t j = 0; j < n; j++) v[j] = p[j];
    return v;
}

INLINE V F(standardised)(const STANDARDISE *a, V x, size_t column, size_t n) {
    VD d = F(load_doubles_n)(a->deviation + column, n, 1);
    VD above = F(widen)(x) - F(load_doubles_n)(a->mean + column, n, 0), q;
#if BY_RECIPROCALS
    if (a->reciprocal) {
        VD r = F(load_doubles_n)(a->reciprocal + column, n, 1);
        q = above * r;
        VD remainder = above - q * d, better = q + remainder * r;
        q = remainder == remainder ? better : q;  // ∞ − ∞
    } else
#endif
        q = above / d;
    return x == x ? F(narrow)(q) : F(splat)(0);
}

// Of rows begin ..< end.
static void F(standardise)(const STANDARDISE *a, size_t begin, size_t end) {
    size_t n = a->columns;
    for (size_t row = begin; row < end; row++) {
        const T *x = a->x + row * n;
        T *y = a->y + row * n;
        size_t j = 0;
        for (; j + L <= n; j += L) F(store)(y + j, F(standardised)(a, F(load)(x + j), j, L));
        if (j < n) F(store_part)(y + j, n - j, F(standardised)(a, F(load_part)(x + j, n - j, 0), j, n - j));
    }
}
#undef BY_RECIPROCALS
