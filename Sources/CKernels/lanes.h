// L positions side by side, one in each lane: for an inner class axis, whose positions lie next to
// each other, and for rows of few classes, which are transposed on the way in and out.

// Contiguous rows of at most so many classes go across the lanes: a row that fills less than a few
// vectors spends its time on their ends.
#define FEW (CK_BITS == 32 ? 2 * L : 4 * L)

// Classes up to which a block is worked on in a packed copy (64 KB): with inner axes of 2^k elements
// the classes of one position share a cache set and would evict each other. Above, in place.
#define PACKED ((size_t)65536 / CK_BYTES)

// Where a block of n ≤ L positions lies: element (c, lane) at c·stride + lane·step.
typedef struct F(block) {
    size_t n, stride, step;
} F(block);
#define BLOCK F(block)

INLINE V F(get)(BLOCK b, const T *x, size_t c) { return F(load_n)(x + c * b.stride, b.n, 0); }
INLINE void F(put)(BLOCK b, T *x, size_t c, V v) { F(store_n)(x + c * b.stride, b.n, v); }

static const BLOCK F(packed) = {CK_BYTES * 8 / CK_BITS, CK_BYTES * 8 / CK_BITS, 1};

// Lanes beyond n are zero: a harmless row.
INLINE void F(pack)(BLOCK b, const T *x, T *packed, size_t classes) {
    for (size_t c = 0; c < classes; c++) {
        if (b.step == 1) {
            F(store)(packed + c * L, F(get)(b, x, c));
            continue;
        }
        for (size_t lane = 0; lane < L; lane++)
            packed[c * L + lane] = lane < b.n ? x[c * b.stride + lane * b.step] : 0;
    }
}

INLINE void F(unpack)(BLOCK b, T *x, const T *packed, size_t classes) {
    if (b.step == 1) {
        for (size_t c = 0; c < classes; c++) F(put)(b, x, c, F(load)(packed + c * L));
        return;
    }
    for (size_t lane = 0; lane < b.n; lane++)
        for (size_t c = 0; c < classes; c++) x[c * b.stride + lane * b.step] = packed[c * L + lane];
}

// The numbers of rows.h's ROW, a row a lane.
typedef struct F(lanes) {
    V max;
    VD top, rest, log;
} F(lanes);
#define LANES F(lanes)

INLINE V F(lane_max)(BLOCK b, const T *x, size_t classes) {
    V m = F(splat)(-F(infinity)());
    for (size_t c = 0; c < classes; c++) m = F(larger)(m, F(get)(b, x, c));
    return m;
}

// With `e`, which is laid out as x and may be x, stores e(x).
INLINE LANES F(lane_sweep)(BLOCK b, const T *x, T *e, size_t classes) {
    LANES s = {.max = F(lane_max)(b, x, classes)};
    REFERENCE at = F(reference_at)(s.max);
    V top = F(splat)(0);
    SUM sum = {0};
    for (size_t c = 0; c < classes; c++) {
        V value = F(exp_at)(at, F(get)(b, x, c));
        if (e) F(put)(b, e, c, value);
        F(add)(&sum, F(smaller)(top, value));
        top = F(larger)(top, value);
    }
    V infinity = F(splat)(F(infinity)());
    V proper = ((s.max > -infinity) & (s.max < infinity)) ? (V)(T)0 : F(splat)(F(nan)());
    s.top = F(widen)(top);
    s.rest = F(total)(&sum) + F(widen)(proper);
    s.log = F(log1p_ratio_n)(s.rest, s.top);
    return s;
}

// The block of positions that begins at `position`, at most up to `end`, and its first element.
INLINE BLOCK F(block_at)(size_t classes, size_t inner, size_t position, size_t end, size_t *first) {
    size_t i = position % inner, n = end - position;
    if (inner == 1) {
        *first = position * classes;
        return (BLOCK){n < L ? n : L, 1, classes};
    }
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

static void F(normalise_lanes)(const NORMALISE *a, size_t begin, size_t end) {
    T scratch[PACKED * L] __attribute__((aligned(64)));
    size_t classes = a->classes, first;
    for (size_t position = begin; position < end;) {
        BLOCK outside = F(block_at)(classes, a->inner, position, end, &first), block = outside;
        const T *x = a->x + first;
        T *y = a->output == CK_LOG_SUM_EXP ? a->y + position : a->y + first, *work = y;
        if (classes <= PACKED) {
            F(pack)(outside, x, scratch, classes);
            x = work = scratch;
            block = F(packed);
        }
        LANES s = F(lane_sweep)(block, x, a->output == CK_SOFTMAX ? work : NULL, classes);
        if (a->output == CK_LOG_SUM_EXP) {
            V lse = F(narrow)(F(widen)(s.max) + s.log);
            F(store_n)(y, outside.n, lse == lse ? lse : F(lane_extreme)(block, x, classes));
        } else if (a->output == CK_SOFTMAX) {
            VD low, by = F(quotient_n)((VD)1.0, s.top, s.rest, &low);
            F(factor) f = F(factor_of)(by, low);
            for (size_t c = 0; c < classes; c++) F(put)(block, work, c, F(scaled)(F(get)(block, work, c), f));
        } else {
            V log = F(narrow)(s.log);
            for (size_t c = 0; c < classes; c++) F(put)(block, work, c, (F(get)(block, x, c) - s.max) - log);
        }
        if (work == scratch && a->output != CK_LOG_SUM_EXP) F(unpack)(outside, y, scratch, classes);
        position += outside.n;
    }
}

INLINE V F(lane_share)(const CROSS_ENTROPY *a, BLOCK b, const T *q, size_t c) {
    V share = F(probability_share)(a, q ? F(get)(b, q, c) : F(splat)(0), q != NULL);
    return a->weight ? share * a->weight[c] : share;
}

// One block, loss and gradient; x may lie where g does.
INLINE void F(cross_entropy_block)(const CROSS_ENTROPY *a, BLOCK b, const T *x, const T *q, T *g,
                                   const int32_t *labels, F(finished_n) * r) {
    size_t classes = a->classes;
    int shared = q || a->smoothing > 0;
    SUM spread = {0}, total = {0};
    if (shared) {
        V m = F(lane_max)(b, x, classes);
        for (size_t c = 0; c < classes; c++) {
            V share = F(lane_share)(a, b, q, c);
            V bare = F(probability_share)(a, q ? F(get)(b, q, c) : F(splat)(0), q != NULL);
            F(add)(&spread, bare == 0 ? (V)(T)0 : share * (m - F(get)(b, x, c)));
            F(add)(&total, share);
        }
    }
    V x_y = F(splat)(0), w_y = F(splat)(1);
    VI keep = (VI)((I)0) - 1;
    if (!q)
        for (size_t lane = 0; lane < L; lane++) {
            size_t y = labels[lane] < 0 ? 0 : (size_t)labels[lane];
            x_y[lane] = lane < b.n ? x[y * b.stride + lane] : 0;
            w_y[lane] = a->weight ? a->weight[y] : 1;
            keep[lane] = labels[lane] < 0 ? 0 : -1;
        }

    LANES s = F(lane_sweep)(b, x, g, classes);
    if (q) {
        // The share of the first class with the largest exponential, and where it is.
        V share = F(splat)(F(nan)()), top = F(narrow)(s.top);
        VI at = (VI)((I)0) - 1;
        for (size_t c = classes; g && c-- > 0;) {
            VI is = F(get)(b, g, c) == top;
            share = is ? F(lane_share)(a, b, q, c) : share;
            at = is ? (VI)(I)c : at;
        }
        *r = F(finish_probabilities_n)(a, s.top, s.rest, s.log, F(total)(&spread), F(total)(&total), F(widen)(share));
        if (!g) return;
        F(factor) f = F(factor_of)(r->factor, r->low);
        for (size_t c = 0; c < classes; c++) {
            V v = F(scaled)(F(get)(b, g, c), f) - F(lane_share)(a, b, q, c) * (T)a->scale;
            F(put)(b, g, c, at == (I)c ? r->special : v);
        }
        return;
    }

    V e_y = F(splat)(0);
    if (g)
        for (size_t lane = 0; lane < b.n; lane++)
            if (labels[lane] >= 0) e_y[lane] = g[(size_t)labels[lane] * b.stride + lane];
    *r = F(finish_label_n)(a, s.max, x_y, w_y, s.top, s.rest, F(widen)(e_y), s.log, F(total)(&spread), F(total)(&total));
    r->loss = (V)((VI)r->loss & keep);
    if (!g) return;
    F(factor) f = F(factor_of)(r->factor, r->low);
    for (size_t c = 0; c < classes; c++) {
        V v = F(scaled)(F(get)(b, g, c), f);
        if (shared) v -= F(lane_share)(a, b, NULL, c) * (T)a->scale;
        F(put)(b, g, c, (V)((VI)v & keep));
    }
    for (size_t lane = 0; lane < b.n; lane++)
        if (labels[lane] >= 0) g[(size_t)labels[lane] * b.stride + lane] = r->special[lane];
}

static void F(cross_entropy_lanes)(const CROSS_ENTROPY *a, size_t begin, size_t end) {
    T scratch[PACKED * L] __attribute__((aligned(64))), targets[PACKED * L] __attribute__((aligned(64)));
    size_t classes = a->classes, first;
    for (size_t position = begin; position < end;) {
        BLOCK outside = F(block_at)(classes, a->inner, position, end, &first);
        int32_t labels[CK_BYTES * 8 / CK_BITS];
        for (size_t lane = 0; lane < L; lane++)
            labels[lane] = a->labels && lane < outside.n ? a->labels[position + lane] : -1;
        const T *x = a->logits + first, *q = a->probabilities ? a->probabilities + first : NULL;
        T *g = a->gradient ? a->gradient + first : NULL;
        F(finished_n) r;
        if (classes <= PACKED) {
            F(pack)(outside, x, scratch, classes);
            if (q) F(pack)(outside, q, targets, classes);
            F(cross_entropy_block)(a, F(packed), scratch, q ? targets : NULL, g ? scratch : NULL, labels, &r);
            if (g) F(unpack)(outside, g, scratch, classes);
        } else {
            F(cross_entropy_block)(a, outside, x, q, g, labels, &r);
        }
        F(store_n)(a->losses + position, outside.n, r.loss);
        position += outside.n;
    }
}
