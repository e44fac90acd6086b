// Cross-entropy of blocks of L positions.

// Of one class, before its weight and after.
INLINE V F(lane_bare_share)(SHARES s, BLOCK b, size_t c) {
    T uniform = s.open ? s.uniform * s.open[c] : s.uniform;
    return s.q ? F(get)(b, s.q, c) * s.kept + uniform : F(splat)(uniform);
}
INLINE V F(lane_share)(SHARES s, BLOCK b, size_t c) {
    V bare = F(lane_bare_share)(s, b, c);
    return s.weight ? bare * s.weight[c] : bare;
}

// Up to so many classes each is compared with the labels; of more, the labels' own numbers are fetched one by one. (A
// comparison is two instructions with AVX-512, a number fetched four.)
#define COMPARED (CK_ISA == 2 ? 2 * L : L / 2)

// What each lane has at its label; 0 where it has none.
INLINE V F(pick)(BLOCK b, const T *x, VI label, size_t classes) {
    V v = F(splat)(0);
    if (classes <= COMPARED) {
        for (size_t c = 0; c < classes; c++) v = label == (I)c ? F(get)(b, x, c) : v;
        return v;
    }
    UNROLL for (size_t lane = 0; lane < L; lane++) {
        I c = label[lane];
        v[lane] = c < 0 ? 0 : x[(size_t)c * b.stride + lane];
    }
    return v;
}

// Σ share·(m − x) and Σ share, from the logits, before the sweep may replace them.
INLINE void F(lane_shares)(SHARES s, BLOCK b, const T *x, size_t classes, V m, F(target) * t) {
    SUM spread = {0}, total = {0};
    for (size_t c = 0; c < classes; c++) {
        V bare = F(lane_bare_share)(s, b, c), share = F(lane_share)(s, b, c);
        F(add)(&spread, bare == 0 ? (V)(T)0 : share * (m - F(get)(b, x, c)));
        F(add)(&total, share);
    }
    t->spread = F(total)(&spread);
    t->total = F(total)(&total);
}

// Before the sweep, which may replace x. Returns the maxima.
INLINE V F(target_look)(const CROSS_ENTROPY *a, BLOCK b, const T *x, const T *q, F(target) * t, F(labelled) * labelled) {
    V max = F(lane_max)(b, x, a->classes);
    t->spread = t->total = (VD)0.0;
    if (q || a->smoothing > 0) F(lane_shares)(F(shares_of)(a, q), b, x, a->classes, max, t);
    if (!q) {
        F(set_labels)(labelled, t->label);
        F(pick_labels)(labelled, x, 1, b.stride, a->classes > 0 ? b.n : 0);
    }
    return max;
}

// x may lie where e does, which is NULL when no gradient is wanted.
INLINE LANES F(target_sweep)(const CROSS_ENTROPY *a, BLOCK b, const T *x, const T *q, T *e, V max, F(target) * t,
                             const F(labelled) * labelled, F(beside) * w) {
    size_t classes = a->classes;
    REFERENCE at = F(reference_in)(max, 1);
    if (!q) {
        t->x = t->e = F(load)(labelled->v);
        F(exp_of_few)(at, &t->e, &t->e, 1);
    }
    LANES s = F(lane_sweep)(b, x, e, classes, max, at, w);
    if (!q) return s;
    SHARES shares = F(shares_of)(a, q);
    V top = F(narrow)(s.top);
    t->share = F(splat)(F(nan)());
    t->top = (VI)((I)0) - 1;
    for (size_t c = classes; e && c-- > 0;) {
        VI is = F(get)(b, e, c) == top;
        t->share = is ? F(lane_share)(shares, b, c) : t->share;
        t->top = is ? (VI)(I)c : t->top;
    }
    return s;
}

// e times the factor, less the shares where there are any; `once`, a constant, where the factor has no second step.
INLINE void F(scale_lanes)(const CROSS_ENTROPY *a, BLOCK b, const T *q, T *e, const F(target) * t, F(factor) f, VI keep, int once) {
    V scale = a->row_weights ? t->weight * (T)a->scale : F(splat)((T)a->scale);
    SHARES shares = F(shares_of)(a, q);
    int shared = q || a->smoothing > 0;
    for (size_t c = 0; c < a->classes; c++) {
        V v = F(get)(b, e, c);
        v = once ? F(scaled_once)(v, f) : F(scaled)(v, f);
        if (shared) v -= F(lane_share)(shares, b, c) * scale;
        F(put)(b, e, c, (V)((VI)v & keep));
    }
}

// Turns stored e into the gradient.
INLINE void F(target_gradient)(const CROSS_ENTROPY *a, BLOCK b, const T *q, T *e, const F(target) * t, F(labelled) * labelled) {
    F(factor) f = F(factor_of)(t->r.factor, t->r.low);
    VI keep = !q ? t->label >= 0 : a->row_weights ? t->weight != 0 : (VI)((I)0) - 1;
    if (F(any_greater)(F(splat)(1), f.second)) F(scale_lanes)(a, b, q, e, t, f, keep, 0);
    else F(scale_lanes)(a, b, q, e, t, f, keep, 1);
    // The class that is written apart.
    if (q) F(set_labels)(labelled, t->top);
    if (a->classes > 0) F(put_labels)(labelled, (V)((VI)t->r.special & keep), e, 1, b.stride, b.n);
}

// A packed block's, to be made on its way out. What counts for nothing is multiplied by 0, unless it is no distribution.
INLINE void F(target_hold)(const CROSS_ENTROPY *a, const T *q, T *e, const F(target) * t, F(labelled) * labelled, F(hauled) * h, size_t b) {
    VI keep = t->label >= 0;
    F(factor) f = F(factor_of)(t->r.factor, t->r.low);
    int finished = q || a->smoothing > 0 || F(any_greater)(F(splat)(1), f.second) || F(any)((f.first != f.first) & ~keep);
    if (finished) F(target_gradient)(a, F(packed), q, e, t, labelled);
    else F(put_labels)(labelled, (V)((VI)t->r.special & keep), e, 1, L, L);
    f.first = (V)((VI)f.first & keep);
#if CK_BITS == 64
    f.low = (V)((VI)f.low & keep);
#endif
    F(hold)(h, b, f, t->label, finished);
}

// n blocks, the positions of which begin at `position`, `left` of them: stage by stage. Where they are a haul's, from `first` on,
// their results wait in `h`.
INLINE void F(target_blocks)(const CROSS_ENTROPY *a, BLOCK b, const T *x, const T *q, T *e, size_t position, size_t left, size_t n,
                             F(hauled) * h, F(beside) * w, size_t first) {
    size_t step = a->classes * L;
    V max[BATCH];
    LANES s[BATCH];
    F(target) t[BATCH];
    F(labelled) labelled[BATCH];
    for (size_t i = 0; i < n; i++) {
        size_t rows = left - i * L < L ? left - i * L : L, at = position + i * L;
        // Field by field: what is not needed is not cleared, a kilobyte a block.
        t[i].label = F(labels_at)(q ? NULL : a->labels + at, q ? 0 : rows);
        if (a->row_weights) {
            t[i].weight = F(load_n)(a->row_weights + at, rows, 0);
            t[i].label = t[i].weight == 0 ? (VI)((I)0) - 1 : t[i].label;
        }
        max[i] = F(target_look)(a, b, x + i * step, q ? q + i * step : NULL, &t[i], &labelled[i]);
    }
    for (size_t i = 0; i < n; i++) {
        if (w) F(turn_to_next)(w);
        s[i] = F(target_sweep)(a, b, x + i * step, q ? q + i * step : NULL, e ? e + i * step : NULL, max[i], &t[i], &labelled[i], w);
    }
    for (size_t i = 0; i < n; i++)
        F(store_n)(a->losses + position + i * L, left - i * L, F(target_finish)(a, s[i], &t[i]));
    for (size_t i = 0; e && i < n; i++) {
        if (h) F(target_hold)(a, q ? q + i * step : NULL, e + i * step, &t[i], &labelled[i], h, first + i);
        else F(target_gradient)(a, b, q ? q + i * step : NULL, e + i * step, &t[i], &labelled[i]);
    }
}

INLINE void F(target_haul)(const void *arguments, F(hauled) * h, size_t position, F(beside) * w) {
    const CROSS_ENTROPY *a = arguments;
    size_t batch = F(batch)(a->classes), count = F(blocks_of)(h->run);
    for (size_t first = 0; first < count; first += batch) {
        size_t n = count - first < batch ? count - first : batch, done = first * L;
        T *x = h->x + done * a->classes, *e = a->gradient ? x : NULL;
        const T *q = h->q ? h->q + done * a->classes : NULL;
        if (q) F(target_blocks)(a, F(packed), x, q, e, position + done, h->run.n - done, n, h, w, first);
        else F(target_blocks)(a, F(packed), x, NULL, e, position + done, h->run.n - done, n, h, w, first);
    }
}

INLINE void F(target_planes)(const CROSS_ENTROPY *a, size_t begin, size_t end) {
    F(planes) p = {a->classes, a->inner, a->logits, a->probabilities, a->gradient, a->place != CK_CACHED, 0};
    F(over_planes)(a, &p, begin, end, F(target_haul));
}

// Rows of few classes, packed.
INLINE void F(target_rows)(const CROSS_ENTROPY *a, size_t begin, size_t end) {
    T scratch[PACKED * L] __attribute__((aligned(64))), targets[PACKED * L] __attribute__((aligned(64)));
    size_t classes = a->classes, batch = F(batch)(classes);
    RUN run;
    for (size_t position = begin; position < end; position += run.n) {
        run = F(run_at)(classes, 1, position, end, batch);
        size_t reach = (end - position) * classes, n = F(blocks_of)(run);
        F(pack)(run, a->logits + run.first, reach, classes, 1, scratch);
        if (a->probabilities) F(pack)(run, a->probabilities + run.first, reach, classes, 1, targets);
        T *e = a->gradient ? scratch : NULL;
        if (a->probabilities) F(target_blocks)(a, F(packed), scratch, targets, e, position, run.n, n, NULL, NULL, 0);
        else F(target_blocks)(a, F(packed), scratch, NULL, e, position, run.n, n, NULL, NULL, 0);
        if (e) F(unpack)(run, a->gradient + run.first, classes, scratch);
    }
}

// Where they lie: more classes than are packed, or none.
INLINE void F(target_apart)(const CROSS_ENTROPY *a, size_t begin, size_t end) {
    RUN run;
    for (size_t position = begin; position < end; position += run.n) {
        run = F(run_at)(a->classes, a->inner, position, end, 1);
        F(target_blocks)(a, (BLOCK){run.n, a->inner}, a->logits + run.first, a->probabilities ? a->probabilities + run.first : NULL,
                         a->gradient ? a->gradient + run.first : NULL, position, run.n, 1, NULL, NULL, 0);
    }
}

// Plain: class indices, without row weights, λ and classes that are not open, as the compiler then knows. Functions of their own,
// as one of all of them is compiled worse. (Zen 4, 21 classes beside each other, loss and gradient: 30 cycles a vector, then 28.)
#define LANES_OF(name, way, PLAIN)                                                                                       \
    static __attribute__((noinline)) void F(name)(const CROSS_ENTROPY *arguments, size_t begin, size_t end) {            \
        CROSS_ENTROPY copy = *arguments; /* as in cross_entropy_rows */                                                  \
        if (PLAIN) {                                                                                                     \
            copy.probabilities = copy.row_weights = copy.open = NULL;                                                    \
            copy.z_loss = 0;                                                                                             \
        }                                                                                                                \
        F(way)(&copy, begin, end);                                                                                       \
    }
LANES_OF(cross_entropy_planes, target_planes, 1)
LANES_OF(cross_entropy_planes_with_any, target_planes, 0)
LANES_OF(cross_entropy_packed, target_rows, 1)
LANES_OF(cross_entropy_packed_with_any, target_rows, 0)
LANES_OF(cross_entropy_apart, target_apart, 0)
#undef LANES_OF

static void F(cross_entropy_lanes)(const CROSS_ENTROPY *a, size_t begin, size_t end) {
    int plain = !a->probabilities && !a->row_weights && !a->open && a->z_loss == 0;
    if (!IS_PACKED(a->classes)) F(cross_entropy_apart)(a, begin, end);
    else if (a->inner > 1) (plain ? F(cross_entropy_planes) : F(cross_entropy_planes_with_any))(a, begin, end);
    else (plain ? F(cross_entropy_packed) : F(cross_entropy_packed_with_any))(a, begin, end);
}
