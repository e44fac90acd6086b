// What a loss charges the classes besides the label's: the factors a_c of −log p_c. With label smoothing and a class index
// a_c = u_c·w_c; with class probabilities a_c = w_c·((1−ε)·q_c + u_c), where u_c is ε over the number of open classes, and
// 0 of the others.

typedef struct F(shares) {
    const T *q, *weight, *open;  // NULL: the classes' are alike
    T kept, uniform;             // 1 − ε and ε over the number of open classes
} F(shares);
#define SHARES F(shares)

INLINE SHARES F(shares_of)(const CROSS_ENTROPY *a, const T *q) {
    return (SHARES){q, a->weight, a->open, (T)(1 - a->smoothing), (T)a->uniform};
}

// Before the class's weight and after, of n classes from c on; 0 beyond them.
INLINE V F(bare_share)(SHARES s, size_t c, size_t n) {
    V uniform = F(splat)(s.uniform);
    if (s.open) uniform *= F(load_n)(s.open + c, n, 0);
    if (s.q && s.kept == 1) return F(load_n)(s.q + c, n, 0);
    if (s.q) return n < L ? F(load_n)(s.q + c, n, 0) * s.kept + F(load_part)((const T *)&uniform, n, 0)
                          : F(load)(s.q + c) * s.kept + uniform;
    return n < L ? F(load_part)((const T *)&uniform, n, 0) : uniform;
}
INLINE V F(share)(SHARES s, size_t c, size_t n) {
    V bare = F(bare_share)(s, c, n);
    return s.weight ? bare * F(load_n)(s.weight + c, n, 0) : bare;
}

// Without q, twice the sums of the shares before each STRETCH of classes, lane by lane, and after the last: of so few classes that
// the least that a thread is given is some rows, which share them.
#define STRETCH (8 * L)
#define STRETCHES 64
typedef struct F(prefix) {
    double twice[STRETCHES + 1][CK_LANES];
} F(prefix);

// What a sweep over a row adds up besides its exponentials. Each lane counts from the largest logit that it has seen, m: when a
// larger one comes, all its shares so far are as much farther away. No term is negative, so what is nearly 0 keeps its digits,
// and the row need not be read for its maximum first. (Zen 4, two threads: 4096 rows of 1000 take 2 to 9 % less time by weights and
// smoothing, 8 to 10 % by probabilities; 2048 of 5000 and 512 of 32000 8 to 13 %.)
typedef struct F(tally) {
    SHARES shares;
    V max;                     // m, finite to begin with
    SUM spread;                // Σ a_c·(m − x_c), where no share is no loss, also at −∞; without q over `uniform`
    SUM total;                 // with q, Σ a_c
    int rises;                 // 0: m is the row's maximum to begin with
    const F(prefix) * before;  // without q, where m rises
} F(tally);

// From here on m is no less than `highest`; c is a multiple of STRETCH, or the number of classes.
INLINE void F(raise_shares)(F(tally) * t, V highest, size_t c) {
    V max = F(larger)(t->max, highest);
    // Halves, whose difference is finite: where there is no share yet, it is multiplied by 0.
    V half = max * (T)0.5 - t->max * (T)0.5;
    VD total = F(total)(&t->total);
    F(add_product)(&t->spread, half, t->shares.q ? total + total : F(load_doubles)(t->before->twice[(c + STRETCH - 1) / STRETCH]));
    t->max = max;
}

// Four vectors of terms that were added two and two: of floats their sum first, here and now, or all of them are kept until after
// the exponentials.
INLINE void F(add_fours)(SUM *s, const V *v) {
#if CK_BITS == 32
    V sum = (v[0] + v[1]) + (v[2] + v[3]);
    PIN(sum);
    F(add)(s, sum);
#else
    UNROLL for (size_t j = 0; j < 4; j++) F(add)(s, v[j]);
#endif
}

// `count` vectors of classes from c on, 4 or 8, of which `all` are left: a constant where they are whole.
INLINE void F(add_shares)(F(tally) * t, const T *x, size_t c, size_t count, size_t all) {
    SHARES s = t->shares;
    if (!s.q) s.uniform = 1;
    V shares[4], products[4];
    UNROLL for (size_t j = 0; j < 4; j++) shares[j] = products[j] = F(splat)(0);
    UNROLL for (size_t j = 0; j < count; j++) {
        size_t at = c + j * L, left = all - j * L;
        if (j * L >= all) continue;
        V bare = F(bare_share)(s, at, left), below = t->max - F(load_n)(x + at, left, 0);
        if (s.q || s.open || left < L) below = bare == 0 ? (V)(T)0 : below;
        if (s.q || s.weight || s.open) {
            V share = s.weight ? bare * F(load_n)(s.weight + at, left, 0) : bare;
            products[j % 4] = share * below + products[j % 4];
            shares[j % 4] += share;
        } else {
            products[j % 4] += below;
        }
    }
    F(add_fours)(&t->spread, products);
    if (s.q) F(add_fours)(&t->total, shares);
}

// Σ a_c·(max − x_c) of a row of n classes whose maximum this is.
INLINE double F(spread_of)(F(tally) * t, T max, size_t n) {
    if (t->rises) F(raise_shares)(t, F(splat)(max), n);
    double spread = F(reduce_add)(F(total)(&t->spread));
    return t->shares.q ? spread : spread * t->shares.uniform;
}

static void F(sum_shares)(const CROSS_ENTROPY *a, F(prefix) * before) {
    SUM sum = {0};
    SHARES s = F(shares_of)(a, NULL);
    s.uniform = 2;
    for (size_t c = 0; c < a->classes; c += L) {
        if (c % STRETCH == 0) F(store_doubles)(before->twice[c / STRETCH], F(total)(&sum));
        F(add)(&sum, F(share)(s, c, a->classes - c));
    }
    F(store_doubles)(before->twice[(a->classes + STRETCH - 1) / STRETCH], F(total)(&sum));
}

// Σ of the smoothing's shares, the same for every row.
static double F(uniform_total)(const CROSS_ENTROPY *a) {
    SUM sum = {0};
    SHARES s = F(shares_of)(a, NULL);
    for (size_t c = 0; c < a->classes; c += L) F(add)(&sum, F(share)(s, c, a->classes - c));
    return F(reduce_add)(F(total)(&sum));
}
