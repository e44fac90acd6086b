// Cross-entropy of contiguous rows, loss and gradient in one visit. With p the row's softmax,
//   class index y:       L = (1−ε)·w_y·(−log p_y) + (ε/C)·Σ w_c·(−log p_c)
//                        ∂L/∂x_c = p_c·((1−ε)·w_y + (ε/C)·Σw) − (ε/C)·w_c − (1−ε)·w_y·[c = y]
//   class probabilities: L = Σ a_c·(−log p_c),  a_c = w_c·((1−ε)·q_c + ε/C)
//                        ∂L/∂x_c = p_c·Σa − a_c
// and of either, where wanted, λ·lse² more, whose gradient is p_c·2λ·lse; all of it times the row's weight. (Of classes
// that are not open, C and ε/C leave out: shares.h.)

// Turns stored e into p·factor − share·scale.
INLINE void F(subtract)(T *e, size_t n, F(factor) f, SHARES s, T scale) {
    size_t c = 0;
    if (f.second[0] == 1) {
        for (; c + L <= n; c += L) F(store)(e + c, F(scaled_once)(F(load)(e + c), f) - F(share)(s, c, L) * scale);
    }
    for (; c < n; c += L)
        F(store_n)(e + c, n - c, F(scaled)(F(load_n)(e + c, n - c, 0), f) - F(share)(s, c, n - c) * scale);
}

static void F(subtract_shares)(const CROSS_ENTROPY *a, T *e, const T *q, double factor, double low, T scale) {
    size_t n = a->classes;
    F(factor) f = F(factor_of)((VD)factor, (VD)low);
    SHARES s = F(shares_of)(a, q);
    // The loop without what it does not need.
    SHARES plain = {NULL, NULL, NULL, s.kept, s.uniform}, weighted = {NULL, s.weight, NULL, s.kept, s.uniform},
           probable = {s.q, NULL, NULL, s.kept, s.uniform}, both = {s.q, s.weight, NULL, s.kept, s.uniform};
    if (s.open) F(subtract)(e, n, f, s, scale);
    else if (s.q && s.weight) F(subtract)(e, n, f, both, scale);
    else if (s.q) F(subtract)(e, n, f, probable, scale);
    else if (s.weight) F(subtract)(e, n, f, weighted, scale);
    else F(subtract)(e, n, f, plain, scale);
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

// A row's sweep, stored where there is a g; a loop of its own for each kind of shares, as one loop that asks vector by vector
// has no registers left. (Zen 1, AVX2: probabilities 7 % faster, weights and smoothing 3, labels alone 1 to 4.)
#define SWEPT(name, SUMS, HAS_Q, HAS_WEIGHT, HAS_OPEN)                                              \
    static __attribute__((noinline)) ROW F(name)(const T *x, T *g, size_t n, T near, F(tally) * sums) { \
        F(tally) tally = *sums, *t = SUMS ? &tally : NULL;                                          \
        if (!HAS_Q) tally.shares.q = NULL;                                                          \
        if (!HAS_WEIGHT) tally.shares.weight = NULL;                                                \
        if (!HAS_OPEN) tally.shares.open = NULL;                                                    \
        ROW row = g ? F(sweep)(x, g, n, near, t) : F(sweep_sums)(x, n, near, t);                    \
        if (SUMS) *sums = tally;                                                                    \
        return row;                                                                                 \
    }
SWEPT(swept, 0, 0, 0, 0)
SWEPT(swept_smoothed, 1, 0, 0, 0)
SWEPT(swept_weighted, 1, 0, 1, 0)
SWEPT(swept_soft, 1, 1, 0, 0)
SWEPT(swept_soft_weighted, 1, 1, 1, 0)
SWEPT(swept_any, 1, 1, 1, 1)
#undef SWEPT

// With what the shares add up.
static ROW F(swept_shares)(const T *x, T *g, size_t n, T near, F(tally) * sums) {
    SHARES s = sums->shares;
    if (s.open) return F(swept_any)(x, g, n, near, sums);
    if (s.q) return s.weight ? F(swept_soft_weighted)(x, g, n, near, sums) : F(swept_soft)(x, g, n, near, sums);
    return s.weight ? F(swept_weighted)(x, g, n, near, sums) : F(swept_smoothed)(x, g, n, near, sums);
}

// What is left to do of a row when its sums are known: from stored e to the gradient.
typedef struct F(rest) {
    T *g;  // NULL: nothing
    const T *q;
    double factor, low;
    T scale;       // of the shares
    size_t apart;  // a class with a gradient of its own, if below the number of classes
    T special;
} F(rest);

INLINE void F(complete)(const CROSS_ENTROPY *a, const F(rest) * r, F(ahead) next) {
    if (!r->g) return;
    if (r->q || a->smoothing > 0) F(subtract_shares)(a, r->g, r->q, r->factor, r->low, r->scale);
    else F(scale_row)(r->g, a->classes, r->factor, r->low, next);
    if (r->apart < a->classes) r->g[r->apart] = r->special;
}

INLINE F(rest) F(label_row)(const CROSS_ENTROPY *a, const T *x, T *g, int32_t y, T weight, double total, T *loss) {
    size_t n = a->classes;
    int smooth = a->smoothing > 0;
    T x_y = x[y];
    T near = smooth ? F(max_of)(x, n) : F(first_look)(x, n);
    F(tally) tally = {.shares = F(shares_of)(a, NULL), .max = F(splat)(near)};
    ROW row = smooth ? F(swept_shares)(x, g, n, near, &tally) : F(swept)(x, g, n, near, &tally);
    double spread = smooth ? F(spread_of)(&tally) : 0;
    F(finished_1) r = F(finish_label_1)(a, weight, row.max, x_y, a->weight ? a->weight[y] : 1, row.top, row.rest,
                                        g ? g[y] : 0, row.log, spread, total);
    *loss = r.loss;
    return (F(rest)){g, NULL, r.factor, r.low, (T)(a->scale * weight), (size_t)y, r.special};
}

INLINE F(rest) F(probability_row)(const CROSS_ENTROPY *a, const T *x, T *g, const T *q, T weight, T *loss) {
    size_t n = a->classes;
    T m = F(max_of)(x, n);
    F(tally) tally = {.shares = F(shares_of)(a, q), .max = F(splat)(m)};
    ROW row = F(swept_shares)(x, g, n, m, &tally);
    // Where it has most of the probability, the largest class's gradient needs the others' sum. (Nowhere when the row is
    // no distribution and NaN throughout.)
    size_t top = g && row.rest < row.top ? F(first_of)(g, n, (T)row.top) : n;
    double share = top < n ? (double)F(share)(tally.shares, top, 1)[0] : __builtin_nan("");
    F(finished_1) r = F(finish_probabilities_1)(
        a, weight, row.max, row.top, row.rest, row.log, F(spread_of)(&tally), F(reduce_add)(F(total)(&tally.total)), share);
    *loss = r.loss;
    return (F(rest)){g, q, r.factor, r.low, (T)(a->scale * weight), top, r.special};
}

static void F(cross_entropy_rows)(const CROSS_ENTROPY *arguments, size_t begin, size_t end) {
    // A copy, which no store can be taken to change: the loops need not read it again, or divide again.
    const CROSS_ENTROPY copy = *arguments, *a = &copy;
    size_t n = a->classes;
    double total = a->labels && a->smoothing > 0 ? F(uniform_total)(arguments) : 0;
    F(rest) waiting = {0};
    for (size_t row = begin; row < end; row++) {
        const T *x = a->logits + row * n;
        T *g = a->gradient ? a->gradient + row * n : NULL;
        T weight = a->row_weights ? a->row_weights[row] : 1;
        F(rest) rest = {0};
        if (a->probabilities && weight != 0) {
            rest = F(probability_row)(a, x, g, a->probabilities + row * n, weight, a->losses + row);
        } else if (a->labels && a->labels[row] >= 0 && weight != 0) {
            rest = F(label_row)(a, x, g, a->labels[row], weight, total, a->losses + row);
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
