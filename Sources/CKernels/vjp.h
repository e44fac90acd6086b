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
        F(largest_last)(w);
        F(add4)(&s->rest, w[0], w[1], w[2], F(smaller)(s->top, w[3]));
        s->top = F(larger)(s->top, w[3]);
    }
    if (quads > 0) return;
    F(add)(&s->rest, F(smaller)(s->top, p[0]));
    s->top = F(larger)(s->top, p[0]);
}

INLINE void F(vjp_row)(const VJP *a, size_t start, int soft) {
    size_t n = a->classes, i = 0;
    const T *y = a->y + start, *u = a->upstream + start;
    T *g = a->gradient + start;
    F(pulled) s = {0};
    // What the second sweep needs of y waits where the gradient goes, unless the upstream lies there.
    int kept = !soft && g != u;
    for (; i + 8 * L <= n; i += 8 * L) F(pull)(&s, y, u, kept ? g : NULL, i, 8 * L, 2, soft);
    if (i + 4 * L <= n) {
        F(pull)(&s, y, u, kept ? g : NULL, i, 4 * L, 1, soft);
        i += 4 * L;
    }
    for (; i < n; i += L) F(pull)(&s, y, u, kept ? g : NULL, i, n - i, 0, soft);
    T largest = F(reduce_max)(s.top);
    F(add)(&s.rest, F(iota)() == (I)F(first_lane)(s.top, largest) ? F(splat)(0) : s.top);
    V sum = F(splat)((T)F(reduce_add)(F(total)(&s.sum))), r = F(splat)((T)F(reduce_add)(F(total)(&s.rest)));
    V top = F(splat)(largest);
    i = 0;
    for (const T *from = kept ? g : y; soft || kept ? i + L <= n : 0; i += L)
        F(store)(g + i, F(vjp_element)(a->output, F(load)(from + i), F(load)(u + i), sum, top, r));
    for (; i < n; i += L) {
        V p = F(load_n)((kept ? g : y) + i, n - i, 0);
        if (!soft && !kept) F(probabilities)(&p, 1);
        V v = F(vjp_element)(a->output, p, F(load_n)(u + i, n - i, 0), sum, top, r);
        F(store_n)(g + i, n - i, v);
    }
}

INLINE void F(vjp_lanes)(const VJP *a, BLOCK b, size_t start) {
    const T *y = a->y + start, *u = a->upstream + start;
    SUM sum = {0}, rest = {0};
    V top = F(splat)(0);
    int soft = a->output == CK_SOFTMAX;
    for (size_t c = 0; c < a->classes; c++) {
        V up = F(get)(b, u, c), out = F(get)(b, y, c);
        if (soft) {
            F(add)(&sum, up * out);
            continue;
        }
        V p = out;
        F(probabilities)(&p, 1);
        F(add)(&sum, up);
        F(add)(&rest, F(smaller)(top, p));
        top = F(larger)(top, p);
    }
    V s = F(narrow)(F(total)(&sum)), r = F(narrow)(F(total)(&rest));
    for (size_t c = 0; c < a->classes; c++) {
        V p = F(get)(b, y, c);
        if (!soft) F(probabilities)(&p, 1);
        F(put)(b, a->gradient + start, c, F(vjp_element)(a->output, p, F(get)(b, u, c), s, top, r));
    }
}

static void F(vjp)(const VJP *a, size_t begin, size_t end) {
    if (a->inner == 1) {
        for (size_t row = begin; row < end; row++) {
            if (a->output == CK_SOFTMAX) F(vjp_row)(a, row * a->classes, 1);
            else F(vjp_row)(a, row * a->classes, 0);
        }
        return;
    }
    RUN run;
    for (size_t position = begin; position < end; position += run.n) {
        run = F(run_at)(a->classes, a->inner, position, end, 1);
        F(vjp_lanes)(a, (BLOCK){run.n, a->inner}, run.first);
    }
}
