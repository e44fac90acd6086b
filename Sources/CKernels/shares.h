// What a loss charges the classes besides the label's: the factors a_c of −log p_c. With label smoothing and a class index
// a_c = u_c·w_c; with class probabilities a_c = w_c·((1−ε)·q_c + u_c), where u_c is ε over the number of open classes, and
// 0 of the others.

typedef struct F(shares) {
    const T *q, *weight, *open;  // NULL: the classes' are alike
    T kept, uniform;             // 1 − ε (without q 0) and ε over the number of open classes
} F(shares);
#define SHARES F(shares)

INLINE SHARES F(shares_of)(const CROSS_ENTROPY *a, const T *q) {
    return (SHARES){q, a->weight, a->open, (T)(1 - a->smoothing), (T)a->uniform};
}

// Before the class's weight and after, of n classes from c on; 0 beyond them.
INLINE V F(bare_share)(SHARES s, size_t c, size_t n) {
    V uniform = F(splat)(s.uniform);
    if (s.open) uniform *= F(load_n)(s.open + c, n, 0);
    if (s.q) return n < L ? F(load_n)(s.q + c, n, 0) * s.kept + F(load_part)((const T *)&uniform, n, 0)
                          : F(load)(s.q + c) * s.kept + uniform;
    return n < L ? F(load_part)((const T *)&uniform, n, 0) : uniform;
}
INLINE V F(share)(SHARES s, size_t c, size_t n) {
    V bare = F(bare_share)(s, c, n);
    return s.weight ? bare * F(load_n)(s.weight + c, n, 0) : bare;
}

// What a sweep over a row adds up besides its exponentials, which leave the processor's other units idle.
typedef struct F(tally) {
    SHARES shares;
    V max;
    SUM spread;  // Σ a_c·(m − x_c), where no share is no loss, also at −∞; without q over `uniform`
    SUM total;   // with q, Σ a_c
} F(tally);

INLINE void F(add_terms)(SUM *s, const V *v, size_t count) {
    if (count == 8) F(add8)(s, v);
    else F(add4)(s, v[0], v[1], v[2], v[3]);
}

// `count` vectors of classes from c on, 4 or 8, of n classes in all.
INLINE void F(add_shares)(F(tally) * t, const T *x, size_t c, size_t count, size_t n) {
    SHARES s = t->shares;
    V shares[8], products[8];
    UNROLL for (size_t j = 0; j < count; j++) {
        size_t at = c + j * L, left = n - at;
        shares[j] = products[j] = F(splat)(0);
        if (at >= n) continue;
        V below = t->max - F(load_n)(x + at, left, t->max[0]);
        if (!s.q) {
            products[j] = s.weight ? below * F(load_n)(s.weight + at, left, 0) : below;
            if (s.open) products[j] = F(load_n)(s.open + at, left, 0) == 0 ? (V)(T)0 : products[j];
            continue;
        }
        V bare = F(bare_share)(s, at, left);
        shares[j] = s.weight ? bare * F(load_n)(s.weight + at, left, 0) : bare;
        V product = shares[j] * below;
        products[j] = bare == 0 ? (V)(T)0 : product;
    }
    F(add_terms)(&t->spread, products, count);
    if (s.q) F(add_terms)(&t->total, shares, count);
}

INLINE double F(spread_of)(const F(tally) * t) {
    double spread = F(reduce_add)(F(total)(&t->spread));
    return t->shares.q ? spread : spread * t->shares.uniform;
}

// Σ of the smoothing's shares, the same for every row.
static double F(uniform_total)(const CROSS_ENTROPY *a) {
    SUM sum = {0};
    SHARES s = F(shares_of)(a, NULL);
    for (size_t c = 0; c < a->classes; c += L) F(add)(&sum, F(share)(s, c, a->classes - c));
    return F(reduce_add)(F(total)(&sum));
}
