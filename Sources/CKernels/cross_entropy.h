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

static F(shares) F(shares_of)(const CROSS_ENTROPY *a, const T *x, const T *q, T m) {
    size_t n = a->classes;
    SUM spread = {0}, total = {0};
    for (size_t c = 0; c < n; c += L) {
        V share = F(share)(a, q, c, n - c);
        V product = share * (m - F(load_n)(x + c, n - c, m));
        if (n - c < L) share = F(load_part)((const T *)&share, n - c, 0);
        product = F(unweighted_share)(a, q, c, n - c) == 0 ? (V)(T)0 : product;
        F(add)(&spread, product);
        F(add)(&total, share);
    }
    return (F(shares)){F(reduce_add)(F(total)(&spread)), F(reduce_add)(F(total)(&total))};
}

// Turns stored e into p·factor − share·scale.
INLINE void F(subtract_shares)(const CROSS_ENTROPY *a, T *e, const T *q, double factor, double low) {
    size_t n = a->classes;
    F(factor) f = F(factor_of)((VD)factor, (VD)low);
    for (size_t c = 0; c < n; c += L) {
        V share = F(share)(a, q, c, n - c) * (T)a->scale;
        F(store_n)(e + c, n - c, F(scaled)(F(load_n)(e + c, n - c, 0), f) - share);
    }
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

INLINE void F(label_row)(const CROSS_ENTROPY *a, const T *x, T *g, int32_t y, T *loss) {
    size_t n = a->classes;
    int smooth = a->smoothing > 0;
    T x_y = x[y];
    T near = smooth ? F(max_of)(x, n) : F(first_look)(x, n);
    F(shares) shares = {0};
    if (smooth) shares = F(shares_of)(a, x, NULL, near);
    ROW row = g ? F(sweep)(x, g, n, near) : F(sweep)(x, NULL, n, near);
    F(finished_1) r = F(finish_label_1)(a, row.max, x_y, a->weight ? a->weight[y] : 1, row.top, row.rest,
                                        g ? g[y] : 0, row.log, shares.spread, shares.total);
    *loss = r.loss;
    if (!g) return;
    if (smooth) F(subtract_shares)(a, g, NULL, r.factor, r.low);
    else F(scale_row)(g, n, r.factor, r.low);
    g[y] = r.special;
}

INLINE void F(probability_row)(const CROSS_ENTROPY *a, const T *x, T *g, const T *q, T *loss) {
    size_t n = a->classes;
    T m = F(max_of)(x, n);
    F(shares) shares = F(shares_of)(a, x, q, m);
    ROW row = g ? F(sweep)(x, g, n, m) : F(sweep)(x, NULL, n, m);
    size_t top = n;
    if (g)
        for (top = 0; top < n && !(g[top] == (T)row.top); top++) {}
    double share = top < n ? (double)F(share)(a, q, top, 1)[0] : __builtin_nan("");
    F(finished_1) r = F(finish_probabilities_1)(a, row.top, row.rest, row.log, shares.spread, shares.total, share);
    *loss = r.loss;
    if (!g) return;
    F(subtract_shares)(a, g, q, r.factor, r.low);
    if (top < n) g[top] = r.special;  // otherwise the row is no distribution and NaN throughout
}

static void F(cross_entropy_rows)(const CROSS_ENTROPY *a, size_t begin, size_t end) {
    size_t n = a->classes;
    for (size_t row = begin; row < end; row++) {
        const T *x = a->logits + row * n;
        T *g = a->gradient ? a->gradient + row * n : NULL;
        if (a->probabilities) {
            F(probability_row)(a, x, g, a->probabilities + row * n, a->losses + row);
        } else if (a->labels[row] >= 0) {
            F(label_row)(a, x, g, a->labels[row], a->losses + row);
        } else {
            a->losses[row] = 0;
            if (g) __builtin_memset(g, 0, n * sizeof(T));
        }
    }
}
