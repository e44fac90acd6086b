// Vector-Jacobian products from the output y of log-softmax or softmax and the upstream u:
//   log-softmax  dx_j = u_j − p_j·Σu, p = exp(y), taken as u_j·(1 − p_j) − p_j·(Σu − u_j), where
//                1 − p_j of the largest p is the sum of the others: a confident row keeps its digits
//   softmax      dx_j = y_j·(u_j − Σ u·y)

// From the softmax's y or, for log-softmax, from p.
INLINE V F(vjp_element)(ck_output output, V p, V u, V sum, V top, V rest) {
    if (output == CK_SOFTMAX) return p * (u - sum);
    V others = p == top ? rest : 1 - p;
    return u * others - p * (sum - u);
}

// The probabilities whose logarithms y ≤ 0 are, of n ≤ 8 vectors: e(y) without its power of two.
INLINE void F(probabilities)(V *y, size_t n) {
    F(exp_at)(F(reference_at)(F(splat)(0)), y, y, n);
    UNROLL for (size_t j = 0; j < n; j++) y[j] *= CK_BITS == 32 ? (T)0x1p-30 : (T)0x1p-500;
}

// What the second sweep needs of the first: Σ u·y of softmax, Σ u, the largest p and the sum of the others of log-softmax.
typedef struct F(pulled) {
    SUM sum, rest;
    V top;
} F(pulled);

// Of 4·quads whole vectors from class i on, or (quads = 0) of one of up to n > 0 classes; p to `kept` where there is one.
INLINE void F(pull)(F(pulled) * s, const T *y, const T *u, T *kept, size_t i, size_t n, size_t quads, int soft) {
    V p[8], up[8];
    size_t count = quads > 0 ? 4 * quads : 1;
    UNROLL for (size_t j = 0; j < count; j++) {
        up[j] = F(load_n)(u + i + j * L, n - j * L, 0);
        p[j] = F(load_n)(y + i + j * L, n - j * L, soft ? 0 : -F(infinity)());
    }
    if (soft) {
        UNROLL for (size_t j = 0; j < count; j++) F(add)(&s->sum, up[j] * p[j]);
        return;
    }
    // In double one by one: they may cancel, the probabilities do not.
    UNROLL for (size_t j = 0; j < count; j++) F(add)(&s->sum, up[j]);
    F(probabilities)(p, count);
    if (kept) { UNROLL for (size_t j = 0; j < count; j++) F(store_n)(kept + i + j * L, n - j * L, p[j]); }
    UNROLL for (size_t q = 0; q < quads; q++) {
        V *w = p + 4 * q;
        F(all_but_top)(&s->top, w);
        F(add4)(&s->rest, w[0], w[1], w[2], w[3]);
    }
    if (quads > 0) return;
    F(add)(&s->rest, F(smaller)(s->top, p[0]));
    s->top = F(larger)(s->top, p[0]);
}

INLINE void F(vjp_row)(const VJP *a, size_t start, int soft, size_t left) {
    size_t n = a->classes, i = 0;
    const T *y = a->y + start, *u = a->upstream + start;
    T *g = a->gradient + start;
    // What the next row reads in the first sweep, what it writes in the second: both at once are more than the memory takes.
    F(ahead) next = {0}, written = {0};
    if (a->place != CK_CACHED) {
        next = F(row_ahead)(y, u, NULL, n, left, 512);
        if (g != y && g != u) written = F(row_ahead)(NULL, NULL, g, n, left, 512);
    }
    F(pulled) s = {0};
    // What the second sweep needs of y waits where the gradient goes, unless the upstream lies there.
    int kept = !soft && g != u;
    for (; i + 8 * L <= n; i += 8 * L) {
        F(prefetch)(next, i);
        F(prefetch)(next, i + 4 * L);
        F(pull)(&s, y, u, kept ? g : NULL, i, 8 * L, 2, soft);
    }
    if (i + 4 * L <= n) {
        F(pull)(&s, y, u, kept ? g : NULL, i, 4 * L, 1, soft);
        i += 4 * L;
    }
    for (; i < n; i += L) F(pull)(&s, y, u, kept ? g : NULL, i, n - i, 0, soft);
    double rest;
    V top = F(splat)(F(largest_and_rest)(s.top, s.rest, &rest)), r = F(splat)((T)rest);
    V sum = F(splat)((T)F(reduce_add)(F(total)(&s.sum)));
    i = 0;
    const T *from = kept ? g : y;
    for (; soft || kept ? i + 4 * L <= n : 0; i += 4 * L) {
        F(prefetch)(written, i);
        UNROLL for (size_t j = i; j < i + 4 * L; j += L)
            F(store)(g + j, F(vjp_element)(a->output, F(load)(from + j), F(load)(u + j), sum, top, r));
    }
    for (; i < n; i += L) {
        V p = F(load_n)((kept ? g : y) + i, n - i, 0);
        if (!soft && !kept) F(probabilities)(&p, 1);
        V v = F(vjp_element)(a->output, p, F(load_n)(u + i, n - i, 0), sum, top, r);
        F(store_n)(g + i, n - i, v);
    }
}

// p, or softmax's y, of `count` ≤ 4 classes from c on.
INLINE void F(lane_probabilities)(BLOCK b, const T *y, size_t c, size_t count, int soft, V *p) {
    UNROLL for (size_t j = 0; j < count; j++) p[j] = F(get)(b, y, c + j);
    if (!soft) F(probabilities)(p, count);
}

// Of `count` classes, added to the sums; p to `kept` where there is one.
INLINE void F(pull_lanes)(F(pulled) * s, BLOCK b, const T *y, const T *u, T *kept, size_t c, size_t count, int soft) {
    V p[4];
    F(lane_probabilities)(b, y, c, count, soft, p);
    UNROLL for (size_t j = 0; j < count; j++) {
        V up = F(get)(b, u, c + j);
        F(add)(&s->sum, soft ? up * p[j] : up);
        if (soft) continue;
        if (kept) F(put)(b, kept, c + j, p[j]);
        F(add)(&s->rest, F(smaller)(s->top, p[j]));
        s->top = F(larger)(s->top, p[j]);
    }
}

// `kept`, which may be y or g but not u, or NULL: where p waits for the second sweep. y, u and g may be one another.
INLINE void F(vjp_lanes)(size_t classes, int soft, BLOCK b, const T *y, const T *u, T *g, T *kept) {
    F(pulled) s = {0};
    size_t c = 0;
    for (; c + 4 <= classes; c += 4) F(pull_lanes)(&s, b, y, u, kept, c, 4, soft);
    for (; c < classes; c++) F(pull_lanes)(&s, b, y, u, kept, c, 1, soft);
    V sum = F(narrow)(F(total)(&s.sum)), rest = F(narrow)(F(total)(&s.rest));
    for (c = 0; c < classes; c++) {
        V p;
        F(lane_probabilities)(b, kept ? kept : y, c, 1, soft || kept, &p);
        F(put)(b, g, c, F(vjp_element)(soft ? CK_SOFTMAX : CK_LOG_SOFTMAX, p, F(get)(b, u, c), sum, s.top, rest));
    }
}

// Rows of few classes, in packed copies.
INLINE void F(vjp_few)(const VJP *a, size_t begin, size_t end, int soft) {
    T y[PACKED * L] __attribute__((aligned(64))), u[PACKED * L] __attribute__((aligned(64)));
    size_t n = a->classes, most = F(batch)(n);
    RUN run;
    for (size_t position = begin; position < end; position += run.n) {
        run = F(run_at)(n, 1, position, end, most);
        F(pack)(run, a->y + run.first, (end - position) * n, n, 1, y);
        F(pack)(run, a->upstream + run.first, (end - position) * n, n, 1, u);
        for (size_t i = 0, from = 0; i < run.n; i += L, from += n * L)
            F(vjp_lanes)(n, soft, F(packed), y + from, u + from, u + from, soft ? NULL : y + from);
        F(unpack)(run, a->gradient + run.first, n, u);
    }
}

INLINE void F(vjp_inner)(const VJP *a, size_t begin, size_t end, int soft) {
    RUN run;
    for (size_t position = begin; position < end; position += run.n) {
        run = F(run_at)(a->classes, a->inner, position, end, 1);
        T *g = a->gradient + run.first;
        const T *u = a->upstream + run.first;
        F(vjp_lanes)(a->classes, soft, (BLOCK){run.n, a->inner}, a->y + run.first, u, g, soft || g == u ? NULL : g);
    }
}

static void F(vjp)(const VJP *a, size_t begin, size_t end) {
    int soft = a->output == CK_SOFTMAX;
    if (a->inner > 1) {
        if (soft) F(vjp_inner)(a, begin, end, 1);
        else F(vjp_inner)(a, begin, end, 0);
    } else if (a->classes <= 4 * L && a->classes > 0) {  // a row's end is shorter than cross-entropy's
        if (soft) F(vjp_few)(a, begin, end, 1);
        else F(vjp_few)(a, begin, end, 0);
    } else {
        for (size_t row = begin; row < end; row++) {
            if (soft) F(vjp_row)(a, row * a->classes, 1, end - row);
            else F(vjp_row)(a, row * a->classes, 0, end - row);
        }
    }
}
