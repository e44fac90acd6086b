// Cross-entropy of contiguous rows, loss and gradient in one visit. With p the row's softmax,
//   class index y:       L = (1−ε)·w_y·(−log p_y) + (ε/C)·Σ w_c·(−log p_c)
//                        ∂L/∂x_c = p_c·((1−ε)·w_y + (ε/C)·Σw) − (ε/C)·w_c − (1−ε)·w_y·[c = y]
//   class probabilities: L = Σ a_c·(−log p_c),  a_c = w_c·((1−ε)·q_c + ε/C)
//                        ∂L/∂x_c = p_c·Σa − a_c

// The share of class c in the loss that is not the label's, the factor of −log p_c, before the class's
// weight and after.
INLINE V F(probability_share)(const CROSS_ENTROPY *a, V q, int has_q) {
    T uniform = (T)(a->smoothing / (double)a->classes);
    if (!has_q) return F(splat)(uniform);
    return a->smoothing > 0 ? q * (T)(1 - a->smoothing) + uniform : q;
}

INLINE V F(unweighted_share)(const CROSS_ENTROPY *a, const T *q, size_t c, size_t n) {
    return F(probability_share)(a, q ? F(load_n)(q + c, n, 0) : F(splat)(0), q != NULL);
}

INLINE V F(share)(const CROSS_ENTROPY *a, const T *q, size_t c, size_t n) {
    V share = F(unweighted_share)(a, q, c, n);
    return a->weight ? share * F(load_n)(a->weight + c, n, 0) : share;
}

typedef struct F(shares) {
    double spread;  // Σ share_c·(m − x_c), where no probability is no loss, also at −∞
    double total;   // Σ share_c
} F(shares);

// Adds up to four vectors of classes from c on, n > 0 of them left, to sums of spreads and, with `t`, of shares.
INLINE void F(add_shares)(const CROSS_ENTROPY *a, const T *x, const T *q, size_t c, size_t n, V m, SUM *s, SUM *t) {
    V shares[4], products[4];
    UNROLL for (size_t j = 0; j < 4; j++) {
        size_t left = n > j * L ? n - j * L : 0;
        shares[j] = products[j] = F(splat)(0);
        if (left == 0) continue;
        V bare = F(unweighted_share)(a, q, c + j * L, left), share = F(share)(a, q, c + j * L, left);
        V product = share * (m - F(load_n)(x + c + j * L, left, m[0]));
        products[j] = bare == 0 ? (V)(T)0 : product;
        shares[j] = left < L ? F(load_part)((const T *)&share, left, 0) : share;
    }
    F(add4)(s, products[0], products[1], products[2], products[3]);
    if (t) F(add4)(t, shares[0], shares[1], shares[2], shares[3]);
}

// With class indices the shares are every row's, and their sum is known.
INLINE F(shares) F(shares_of)(const CROSS_ENTROPY *a, const T *x, const T *q, T max, double total) {
    size_t n = a->classes, c = 0;
    SUM spread = {0}, sum = {0};
    V m = F(splat)(max);
    for (; c + 4 * L <= n; c += 4 * L) F(add_shares)(a, x, q, c, 4 * L, m, &spread, q ? &sum : NULL);
    if (c < n) F(add_shares)(a, x, q, c, n - c, m, &spread, q ? &sum : NULL);
    return (F(shares)){F(reduce_add)(F(total)(&spread)), q ? F(reduce_add)(F(total)(&sum)) : total};
}

// Σ of the smoothing's shares.
static double F(uniform_total)(const CROSS_ENTROPY *a) {
    SUM sum = {0};
    for (size_t c = 0; c < a->classes; c += L) {
        V share = F(share)(a, NULL, c, a->classes - c);
        F(add)(&sum, a->classes - c < L ? F(load_part)((const T *)&share, a->classes - c, 0) : share);
    }
    return F(reduce_add)(F(total)(&sum));
}

// Turns stored e into p·factor − share·scale.
INLINE void F(subtract_shares)(const CROSS_ENTROPY *a, T *e, const T *q, double factor, double low) {
    size_t n = a->classes;
    F(factor) f = F(factor_of)((VD)factor, (VD)low);
    size_t c = 0;
    for (; c + L <= n; c += L)
        F(store)(e + c, F(scaled)(F(load)(e + c), f) - F(share)(a, q, c, L) * (T)a->scale);
    if (c < n) F(store_part)(e + c, n - c, F(scaled)(F(load_part)(e + c, n - c, 0), f) - F(share)(a, q, c, n - c) * (T)a->scale);
}

#define D double
#define W T
#define G(name) F(CK_PASTE(name, 1))
#define TO_D(w) ((double)(w))
#define TO_W(d) ((T)(d))
#include "finish.h"
#undef D
#undef W
#undef G
#undef TO_D
#undef TO_W

// What is left to do of a row when its sums are known: from stored e to the gradient.
typedef struct F(rest) {
    T *g;  // NULL: nothing
    const T *q;
    double factor, low;
    size_t apart;  // a class with a gradient of its own, if below the number of classes
    T special;
} F(rest);

INLINE void F(complete)(const CROSS_ENTROPY *a, const F(rest) * r, F(ahead) next) {
    if (!r->g) return;
    if (r->q || a->smoothing > 0) F(subtract_shares)(a, r->g, r->q, r->factor, r->low);
    else F(scale_row)(r->g, a->classes, r->factor, r->low, next);
    if (r->apart < a->classes) r->g[r->apart] = r->special;
}

INLINE F(rest) F(label_row)(const CROSS_ENTROPY *a, const T *x, T *g, int32_t y, double total, T *loss) {
    size_t n = a->classes;
    int smooth = a->smoothing > 0;
    T x_y = x[y];
    T near = smooth ? F(max_of)(x, n) : F(first_look)(x, n);
    F(shares) shares = {0};
    if (smooth) shares = F(shares_of)(a, x, NULL, near, total);
    ROW row = g ? F(sweep)(x, g, n, near) : F(sweep_sums)(x, n, near);
    F(finished_1) r = F(finish_label_1)(a, row.max, x_y, a->weight ? a->weight[y] : 1, row.top, row.rest,
                                        g ? g[y] : 0, row.log, shares.spread, shares.total);
    *loss = r.loss;
    return (F(rest)){g, NULL, r.factor, r.low, (size_t)y, r.special};
}

INLINE F(rest) F(probability_row)(const CROSS_ENTROPY *a, const T *x, T *g, const T *q, T *loss) {
    size_t n = a->classes;
    T m = F(max_of)(x, n);
    F(shares) shares = F(shares_of)(a, x, q, m, 0);
    ROW row = g ? F(sweep)(x, g, n, m) : F(sweep_sums)(x, n, m);
    // Nowhere when the row is no distribution and NaN throughout.
    size_t top = g ? F(first_of)(g, n, (T)row.top) : n;
    double share = top < n ? (double)F(share)(a, q, top, 1)[0] : __builtin_nan("");
    F(finished_1) r = F(finish_probabilities_1)(a, row.top, row.rest, row.log, shares.spread, shares.total, share);
    *loss = r.loss;
    return (F(rest)){g, q, r.factor, r.low, top, r.special};
}

static void F(cross_entropy_rows)(const CROSS_ENTROPY *a, size_t begin, size_t end) {
    size_t n = a->classes;
    double total = a->labels && a->smoothing > 0 ? F(uniform_total)(a) : 0;
    F(rest) waiting = {0};
    for (size_t row = begin; row < end; row++) {
        const T *x = a->logits + row * n;
        T *g = a->gradient ? a->gradient + row * n : NULL;
        F(rest) rest = {0};
        if (a->probabilities) {
            rest = F(probability_row)(a, x, g, a->probabilities + row * n, a->losses + row);
        } else if (a->labels[row] >= 0) {
            rest = F(label_row)(a, x, g, a->labels[row], total, a->losses + row);
        } else {
            a->losses[row] = 0;
            if (g) __builtin_memset(g, 0, n * sizeof(T));
        }
        F(ahead) next = {0};
        if (row + 1 < end) next = (F(ahead)){x + n, g && g != x ? g + n : NULL};
        if (!SIDE_BY_SIDE(n)) {
            F(complete)(a, &rest, next);
        } else {
            F(complete)(a, &waiting, next);
            waiting = rest;
        }
    }
    F(complete)(a, &waiting, (F(ahead)){0});
}
