// Terms of a Kullback–Leibler divergence from log-probabilities x and targets, probabilities q or their logarithms:
// q·(log q − x), in double whatever the type E of the elements is, so that a sum of them is one of exact terms.

#define DIVERGENCE CK_PASTE(ck_divergence, E_SUFFIX)

INLINE V G(load)(const E *p, size_t n, double fill) {
    typedef E elements __attribute__((ext_vector_type(CK_LANES), aligned(sizeof(E)), may_alias));
    if (n >= L) return __builtin_convertvector(*(const elements *)p, V);
    V v = F(splat)(fill);
    for (size_t i = 0; i < L - 1; i++)
        if (i < n) v[i] = p[i];
    return v;
}
INLINE void G(store)(E *p, size_t n, V v) {
    typedef E elements __attribute__((ext_vector_type(CK_LANES), aligned(sizeof(E)), may_alias));
    typedef E values __attribute__((ext_vector_type(CK_LANES)));
    values narrow = __builtin_convertvector(v, values);
    if (n >= L) *(elements *)p = narrow;
    else
        for (size_t i = 0; i < L - 1; i++)
            if (i < n) p[i] = narrow[i];
}

// `count` ≤ 4 vectors from i on, n > 0 elements being left.
INLINE void G(divergences)(const DIVERGENCE *a, size_t i, size_t n, size_t count, int logarithms, SUM *sum) {
    V t[4], q[4], log[4], some[4], x[4];
    UNROLL for (size_t j = 0; j < count; j++) {
        t[j] = G(load)(a->targets + i + j * L, n - j * L, logarithms ? -__builtin_inf() : 0.0);
        q[j] = logarithms ? F(exp_full)(t[j]) : t[j];
        if (a->slopes) G(store)(a->slopes + i + j * L, n - j * L, q[j] * -a->scale);
    }
    if (a->slopes) return;
    VI odd = (VI)0;
    UNROLL for (size_t j = 0; j < count; j++) {
        x[j] = G(load)(a->log_probabilities + i + j * L, n - j * L, 0);
        // Of an impossible target no term needs the logarithm.
        some[j] = q[j] == 0 ? (V)(a->target_slopes ? 0.0 : 1.0) : q[j];
        odd |= ~((some[j] >= 0x1p-1022) & (some[j] < __builtin_inf()));
    }
    if (logarithms) { UNROLL for (size_t j = 0; j < count; j++) log[j] = t[j]; }
    else if (!__builtin_reduce_or(odd)) F(log_of_normals)(some, log, count);
    else { UNROLL for (size_t j = 0; j < count; j++) log[j] = F(log_of)(some[j]); }
    UNROLL for (size_t j = 0; j < count; j++) {
        size_t at = i + j * L, left = n - j * L;
        if (a->target_slopes) {
            V rise = (log[j] + 1) - x[j];
            // e^t falls faster than t.
            if (logarithms) rise = q[j] == 0 ? (V)0.0 : q[j] * rise;
            G(store)(a->target_slopes + at, left, a->scale * rise);
            continue;
        }
        // An impossible target adds 0, but NaN where x is NaN or +∞.
        V none = x[j] == -__builtin_inf() ? (V)0.0 : x[j] - x[j], term = q[j] * (log[j] - x[j]);
        term = q[j] == 0 ? none : term;
        if (a->terms) G(store)(a->terms + at, left, term);
        else F(add)(sum, term);
    }
}

INLINE void G(strip)(const DIVERGENCE *a, size_t strip, int logarithms) {
    size_t i = strip * CK_STRIP, last = i + CK_STRIP < a->count ? i + CK_STRIP : a->count;
    SUM sum = {0};
    for (; i + 4 * L <= last; i += 4 * L) G(divergences)(a, i, 4 * L, 4, logarithms, &sum);
    for (; i < last; i += L) G(divergences)(a, i, last - i, 1, logarithms, &sum);
    if (a->sums) a->sums[strip] = F(combined)(&sum, 1, L);
}

void DIVERGENCE_OF(E_SUFFIX)(const DIVERGENCE *arguments, size_t begin, size_t end) {
    const DIVERGENCE copy = *arguments, *a = &copy;  // as in cross_entropy_rows
    for (size_t strip = begin; strip < end; strip++) {
        if (a->logarithms) G(strip)(a, strip, 1);
        else G(strip)(a, strip, 0);
    }
}
#undef DIVERGENCE
