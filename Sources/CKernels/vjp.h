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

// The probabilities whose logarithms y ≤ 0 are, of n ≤ 4 vectors: e(y) without its power of two.
INLINE void F(probabilities)(V *y, size_t n) {
    F(exp_at)(F(reference_at)(F(splat)(0)), y, y, n);
    UNROLL for (size_t j = 0; j < n; j++) y[j] *= CK_BITS == 32 ? (T)0x1p-30 : (T)0x1p-500;
}

// What the second sweep needs of the first: Σ u·y of softmax, Σ u, the largest p and the sum of the others of log-softmax.
typedef struct F(pulled) {
    SUM sum, rest;
    V top;
} F(pulled);

// Of up to `count` vectors from class i on, n > 0 classes being left; p to `kept` where there is one.
INLINE void F(pull)(F(pulled) * s, const T *y, const T *u, T *kept, size_t i, size_t n, size_t count, int soft) {
    V p[4], up[4];
    UNROLL for (size_t j = 0; j < count; j++) {
        up[j] = F(load_n)(u + i + j * L, n - j * L, 0);
        p[j] = F(load_n)(y + i + j * L, n - j * L, soft ? 0 : -F(infinity)());
    }
    if (soft) {
        UNROLL for (size_t j = 0; j < count; j++) F(add)(&s->sum, up[j] * p[j]);
        return;
    }
    F(probabilities)(p, count);
    UNROLL for (size_t j = 0; j < count; j++) {
        if (kept) F(store_n)(kept + i + j * L, n - j * L, p[j]);
        F(add)(&s->sum, up[j]);
        F(add)(&s->rest, F(smaller)(s->top, p[j]));
        s->top = F(larger)(s->top, p[j]);
    }
}

INLINE void F(vjp_row)(const VJP *a, size_t start) {
    size_t n = a->classes, i = 0;
    const T *y = a->y + start, *u = a->upstream + start;
    T *g = a->gradient + start;
    F(pulled) s = {0};
    // What the second sweep needs of y waits where the gradient goes, unless the upstream lies there.
    int soft = a->output == CK_SOFTMAX, kept = !soft && g != u;
    for (; i + 4 * L <= n; i += 4 * L) F(pull)(&s, y, u, kept ? g : NULL, i, 4 * L, 4, soft);
    for (; i < n; i += L) F(pull)(&s, y, u, kept ? g : NULL, i, n - i, 1, soft);
    T largest = F(reduce_max)(s.top);
    F(add)(&s.rest, F(iota)() == (I)F(first_lane)(s.top, largest) ? F(splat)(0) : s.top);
    V sum = F(splat)((T)F(reduce_add)(F(total)(&s.sum))), r = F(splat)((T)F(reduce_add)(F(total)(&s.rest)));
    for (i = 0; i < n; i += L) {
        V p = F(load_n)((kept ? g : y) + i, n - i, 0);
        if (!soft && !kept) F(probabilities)(&p, 1);
        V v = F(vjp_element)(a->output, p, F(load_n)(u + i, n - i, 0), sum, F(splat)(largest), r);
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
        for (size_t row = begin; row < end; row++) F(vjp_row)(a, row * a->classes);
        return;
    }
    RUN run;
    for (size_t position = begin; position < end; position += run.n) {
        run = F(run_at)(a->classes, a->inner, position, end, 1);
        F(vjp_lanes)(a, (BLOCK){run.n, a->inner}, run.first);
    }
}
