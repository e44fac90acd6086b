// L positions side by side, one in each lane: for an inner class axis, whose positions lie next to
// each other, and for rows of few classes, which are transposed on the way in and out.

// Contiguous rows of at most so many classes go across the lanes: the end of a row costs as much as some hundred
// exponentials, and its last vector is partly empty. Measured, they meet between 8·L and 16·L.
#define FEW (8 * L)

// Classes up to which a block is worked on in a packed copy (64 KB): with inner axes of 2^k elements
// the classes of one position share a cache set and would evict each other. Above, in place.
#define PACKED ((size_t)65536 / CK_BYTES)

// Blocks ahead that are asked for; measured, 1 to 4 are alike.
#define AHEAD 2

// Where a block of n ≤ L positions lies: element (c, lane) at c·stride + lane·step.
typedef struct F(block) {
    size_t n, stride, step;
} F(block);
#define BLOCK F(block)

INLINE V F(get)(BLOCK b, const T *x, size_t c) { return F(load_n)(x + c * b.stride, b.n, 0); }
INLINE void F(put)(BLOCK b, T *x, size_t c, V v) { F(store_n)(x + c * b.stride, b.n, v); }

static const BLOCK F(packed) = {CK_LANES, CK_LANES, 1};

// Lanes beyond n are zero: a harmless row. `reach` is how many numbers may be read from x on.
INLINE void F(pack)(BLOCK b, const T *x, size_t reach, T *packed, size_t classes) {
    if (b.step == 1) {
        // More streams than the processor's prefetcher follows: a later block is asked for here.
        for (size_t c = 0; c < classes; c++) {
            __builtin_prefetch(x + c * b.stride + AHEAD * L);
            F(store)(packed + c * L, F(get)(b, x, c));
        }
        return;
    }
    for (size_t c = 0; c < classes; c += L) {
        size_t count = classes - c < L ? classes - c : L;
        if (4 * count <= L) F(pack_columns)(x + c, b.step, b.n, count, reach - c, packed + c * L, L / 4);
        else if (2 * count <= L) F(pack_columns)(x + c, b.step, b.n, count, reach - c, packed + c * L, L / 2);
        else if (4 * count <= 3 * L) F(pack_columns)(x + c, b.step, b.n, count, reach - c, packed + c * L, 3 * L / 4);
        else F(pack_columns)(x + c, b.step, b.n, count, reach - c, packed + c * L, L);
    }
}

INLINE void F(unpack)(BLOCK b, T *x, const T *packed, size_t classes) {
    if (b.step == 1) {
        for (size_t c = 0; c < classes; c++) {
            __builtin_prefetch(x + c * b.stride + AHEAD * L, 1);
            F(put)(b, x, c, F(load)(packed + c * L));
        }
        return;
    }
    for (size_t c = 0; c < classes; c += L) {
        size_t count = classes - c < L ? classes - c : L;
        if (4 * count <= L) F(unpack_columns)(x + c, b.step, b.n, count, packed + c * L, L / 4);
        else if (2 * count <= L) F(unpack_columns)(x + c, b.step, b.n, count, packed + c * L, L / 2);
        else if (4 * count <= 3 * L) F(unpack_columns)(x + c, b.step, b.n, count, packed + c * L, 3 * L / 4);
        else F(unpack_columns)(x + c, b.step, b.n, count, packed + c * L, L);
    }
}

// The numbers of rows.h's ROW, a row a lane; the logarithm is taken when the sums of several blocks are there.
typedef struct F(lanes) {
    V max;
    VD top, rest;
} F(lanes);
#define LANES F(lanes)

INLINE V F(lane_max)(BLOCK b, const T *x, size_t classes) {
    V m = F(splat)(-F(infinity)());
    for (size_t c = 0; c < classes; c++) m = F(larger)(m, F(get)(b, x, c));
    return m;
}

// The logit and the exponential at each position's label; a label of −1 has neither.
typedef struct F(labelled) {
    VI label;
    V x, e;
} F(labelled);

// With `e`, which is laid out as x and may be x, stores e(x).
INLINE LANES F(lane_sweep)(BLOCK b, const T *x, T *e, size_t classes, F(labelled) * y) {
    LANES s;
    s.max = F(splat)(-F(infinity)());
    VI label = y ? y->label : (VI)((I)0);
    V x_y = F(splat)(0), e_y = F(splat)(0);
    for (size_t c = 0; c < classes; c++) {
        V v = F(get)(b, x, c);
        s.max = F(larger)(s.max, v);
        if (y) x_y = label == (I)c ? v : x_y;
    }
    REFERENCE at = F(reference_in)(s.max, 1);
    V top = F(splat)(0);
    SUM sum = {0};
    for (size_t c = 0; c < classes; c++) {
        // The errors of few exponentials do not average out in their sum, so they are kept smaller.
        V v = F(exp_of_few)(at, F(get)(b, x, c));
        if (e) F(put)(b, e, c, v);
        if (y && e) e_y = label == (I)c ? v : e_y;
        F(add)(&sum, F(smaller)(top, v));
        top = F(larger)(top, v);
    }
    V infinity = F(splat)(F(infinity)());
    s.top = F(widen)(((s.max > -infinity) & (s.max < infinity)) ? top : F(splat)(F(nan)()));
    s.rest = F(total)(&sum);
    if (y) {
        y->x = x_y;
        y->e = e_y;
    }
    return s;
}

// The block of positions that begins at `position`, at most up to `end`, and its first element.
INLINE BLOCK F(block_at)(size_t classes, size_t inner, size_t position, size_t end, size_t *first) {
    size_t n = end - position;
    if (inner == 1) {
        *first = position * classes;
        return (BLOCK){n < L ? n : L, 1, classes};
    }
    size_t i = position % inner;
    if (n > inner - i) n = inner - i;
    *first = (position / inner) * classes * inner + i;
    return (BLOCK){n < L ? n : L, inner, 1};
}

INLINE V F(lane_extreme)(BLOCK b, const T *x, size_t classes) {
    V largest = F(splat)(-F(infinity)());
    for (size_t c = 0; c < classes; c++) {
        V v = F(get)(b, x, c);
        largest = ((v <= largest) | (largest != largest)) ? largest : v;
    }
    return largest;
}

// A block's way from its sums to its results is one long chain of operations that wait for each other, so the
// blocks of a batch go through it stage by stage, side by side: as many as their packed copies keep in half the
// first cache.
#define BATCH 8

INLINE size_t F(batch)(size_t classes) {
    size_t fit = 16384 / (classes * CK_BYTES + 1);
    return fit < 1 ? 1 : fit > BATCH ? BATCH : fit;
}

// A block and its sums.
typedef struct F(cell) {
    size_t position, first;
    BLOCK outside;
    LANES s;
} F(cell);
#define CELL F(cell)

INLINE void F(place)(CELL *c, size_t classes, size_t inner, size_t position, size_t end) {
    c->position = position;
    c->outside = F(block_at)(classes, inner, position, end, &c->first);
}

static void F(normalise_lanes)(const NORMALISE *a, size_t begin, size_t end) {
    T scratch[PACKED * L] __attribute__((aligned(64)));
    size_t classes = a->classes, batch = F(batch)(classes);
    int packed = classes <= PACKED, sums = a->output == CK_LOG_SUM_EXP;
    CELL cells[BATCH];
    for (size_t position = begin; position < end;) {
        size_t n = 0;
        for (; n < batch && position < end; position += cells[n++].outside.n) {
            CELL *c = &cells[n];
            F(place)(c, classes, a->inner, position, end);
            T *work = scratch + n * classes * L;
            if (packed) F(pack)(c->outside, a->x + c->first, (end - position) * classes, work, classes);
            c->s = packed ? F(lane_sweep)(F(packed), work, a->output == CK_SOFTMAX ? work : NULL, classes, NULL)
                          : F(lane_sweep)(c->outside, a->x + c->first, a->output == CK_SOFTMAX ? a->y + c->first : NULL,
                                          classes, NULL);
        }
        for (size_t i = 0; i < n; i++) {
            CELL *c = &cells[i];
            BLOCK at = packed ? F(packed) : c->outside;
            T *work = packed ? scratch + i * classes * L : a->y + c->first;
            const T *x = packed ? work : a->x + c->first;
            if (sums) {
                V lse = F(narrow)(F(widen)(c->s.max) + F(log1p_ratio_n)(c->s.rest, c->s.top));
                F(store_n)(a->y + c->position, c->outside.n, lse == lse ? lse : F(lane_extreme)(at, x, classes));
            } else if (a->output == CK_SOFTMAX) {
                VD low, by = F(quotient_n)((VD)1.0, c->s.top, c->s.rest, &low);
                F(factor) f = F(factor_of)(by, low);
                for (size_t k = 0; k < classes; k++) F(put)(at, work, k, F(scaled)(F(get)(at, work, k), f));
            } else {
                V log = F(narrow)(F(log1p_ratio_n)(c->s.rest, c->s.top));
                for (size_t k = 0; k < classes; k++) F(put)(at, work, k, (F(get)(at, x, k) - c->s.max) - log);
            }
        }
        for (size_t i = 0; packed && !sums && i < n; i++)
            F(unpack)(cells[i].outside, a->y + cells[i].first, scratch + i * classes * L, classes);
    }
}

INLINE V F(lane_share)(const CROSS_ENTROPY *a, BLOCK b, const T *q, size_t c) {
    V share = F(probability_share)(a, q ? F(get)(b, q, c) : F(splat)(0), q != NULL);
    return a->weight ? share * a->weight[c] : share;
}

// Of a block: what its sums do not hold, and what becomes of them.
typedef struct F(target) {
    F(labelled) y;
    VD spread, total;
    V share;  // of class probabilities, that of the class with the largest exponential
    VI top;   // and that class
    F(finished_n) r;
} F(target);

INLINE VI F(labels_at)(const int32_t *labels, size_t n) {
    VI v = (VI)((I)0) - 1;
#if CK_BITS == 32
    if (n >= L) {
        __builtin_memcpy(&v, labels, sizeof v);
        return v < 0 ? (VI)((I)0) - 1 : v;
    }
#endif
    for (size_t lane = 0; lane < L; lane++)
        if (lane < n && labels[lane] >= 0) v[lane] = labels[lane];
    return v;
}

// Σ share·(m − x) and Σ share, from the logits, before the sweep may replace them.
INLINE void F(lane_shares)(const CROSS_ENTROPY *a, BLOCK b, const T *x, const T *q, F(target) * t) {
    SUM spread = {0}, total = {0};
    V m = F(lane_max)(b, x, a->classes);
    for (size_t c = 0; c < a->classes; c++) {
        V bare = F(probability_share)(a, q ? F(get)(b, q, c) : F(splat)(0), q != NULL);
        V share = F(lane_share)(a, b, q, c);
        F(add)(&spread, bare == 0 ? (V)(T)0 : share * (m - F(get)(b, x, c)));
        F(add)(&total, share);
    }
    t->spread = F(total)(&spread);
    t->total = F(total)(&total);
}

// x may lie where e does, which is NULL when no gradient is wanted.
INLINE LANES F(target_sweep)(const CROSS_ENTROPY *a, BLOCK b, const T *x, const T *q, T *e, F(target) * t) {
    size_t classes = a->classes;
    t->spread = t->total = (VD)0.0;
    if (q || a->smoothing > 0) F(lane_shares)(a, b, x, q, t);
    if (!q) return F(lane_sweep)(b, x, e, classes, &t->y);
    LANES s = F(lane_sweep)(b, x, e, classes, NULL);
    V top = F(narrow)(s.top);
    t->share = F(splat)(F(nan)());
    t->top = (VI)((I)0) - 1;
    for (size_t c = classes; e && c-- > 0;) {
        VI is = F(get)(b, e, c) == top;
        t->share = is ? F(lane_share)(a, b, q, c) : t->share;
        t->top = is ? (VI)(I)c : t->top;
    }
    return s;
}

INLINE V F(target_finish)(const CROSS_ENTROPY *a, LANES s, F(target) * t) {
    VD log = F(log1p_ratio_n)(s.rest, s.top);
    if (a->probabilities) {
        t->r = F(finish_probabilities_n)(a, s.top, s.rest, log, t->spread, t->total, F(widen)(t->share));
        return t->r.loss;
    }
    V w_y = F(splat)(1);
    if (a->weight)
        for (size_t c = 0; c < a->classes; c++) w_y = t->y.label == (I)c ? (V)a->weight[c] : w_y;
    t->r = F(finish_label_n)(a, s.max, t->y.x, w_y, s.top, s.rest, F(widen)(t->y.e), log, t->spread, t->total);
    return (V)((VI)t->r.loss & (t->y.label >= 0));
}

// Turns stored e into the gradient.
INLINE void F(target_gradient)(const CROSS_ENTROPY *a, BLOCK b, const T *q, T *e, const F(target) * t) {
    F(factor) f = F(factor_of)(t->r.factor, t->r.low);
    // The class that is written apart, and the positions that are kept.
    VI apart = q ? t->top : t->y.label, keep = q ? (VI)((I)0) - 1 : t->y.label >= 0;
    int shared = q || a->smoothing > 0;
    for (size_t c = 0; c < a->classes; c++) {
        V v = F(scaled)(F(get)(b, e, c), f);
        if (shared) v -= F(lane_share)(a, b, q, c) * (T)a->scale;
        v = apart == (I)c ? t->r.special : v;
        F(put)(b, e, c, (V)((VI)v & keep));
    }
}

static void F(cross_entropy_lanes)(const CROSS_ENTROPY *a, size_t begin, size_t end) {
    T scratch[PACKED * L] __attribute__((aligned(64))), targets[PACKED * L] __attribute__((aligned(64)));
    size_t classes = a->classes, batch = F(batch)(classes);
    int packed = classes <= PACKED;
    CELL cells[BATCH];
    F(target) t[BATCH];
    for (size_t position = begin; position < end;) {
        size_t n = 0;
        for (; n < batch && position < end; position += cells[n++].outside.n) {
            CELL *c = &cells[n];
            F(place)(c, classes, a->inner, position, end);
            // Field by field: what is not needed is not cleared, a kilobyte a block.
            t[n].y.label = F(labels_at)(a->labels + position, a->labels ? c->outside.n : 0);
            const T *x = a->logits + c->first, *q = a->probabilities ? a->probabilities + c->first : NULL;
            T *work = scratch + n * classes * L, *goal = targets + n * classes * L;
            size_t reach = (end - position) * classes;
            if (!packed) {
                c->s = F(target_sweep)(a, c->outside, x, q, a->gradient ? a->gradient + c->first : NULL, &t[n]);
                continue;
            }
            F(pack)(c->outside, x, reach, work, classes);
            if (q) F(pack)(c->outside, q, reach, goal, classes);
            if (q) c->s = F(target_sweep)(a, F(packed), work, goal, a->gradient ? work : NULL, &t[n]);
            else c->s = F(target_sweep)(a, F(packed), work, NULL, a->gradient ? work : NULL, &t[n]);
        }
        for (size_t i = 0; i < n; i++)
            F(store_n)(a->losses + cells[i].position, cells[i].outside.n, F(target_finish)(a, cells[i].s, &t[i]));
        for (size_t i = 0; a->gradient && i < n; i++) {
            const CELL *c = &cells[i];
            T *work = scratch + i * classes * L, *g = a->gradient + c->first;
            const T *q = a->probabilities ? a->probabilities + c->first : NULL;
            if (!packed) {
                F(target_gradient)(a, c->outside, q, g, &t[i]);
                continue;
            }
            F(target_gradient)(a, F(packed), q ? targets + i * classes * L : NULL, work, &t[i]);
            F(unpack)(c->outside, g, work, classes);
        }
    }
}
