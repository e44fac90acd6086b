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

// The probability whose logarithm y ≤ 0 is: e(y) without its power of two.
INLINE V F(probability)(REFERENCE zero, V y) {
    return F(exp_at_1)(zero, y) * (CK_BITS == 32 ? (T)0x1p-30 : (T)0x1p-500);
}

INLINE void F(vjp_row)(const VJP *a, size_t start) {
    size_t n = a->classes;
    const T *y = a->y + start, *u = a->upstream + start;
    T *g = a->gradient + start;
    SUM sum = {0}, rest = {0};
    V top = F(splat)(0);
    REFERENCE zero = F(reference_at)(F(splat)(0));
    // What the second sweep needs of y waits where the gradient goes, unless the upstream lies there.
    int soft = a->output == CK_SOFTMAX, kept = !soft && g != u;
    for (size_t i = 0; i < n; i += L) {
        V up = F(load_n)(u + i, n - i, 0);
        if (soft) {
            F(add)(&sum, up * F(load_n)(y + i, n - i, 0));
            continue;
        }
        V p = F(probability)(zero, F(load_n)(y + i, n - i, -F(infinity)()));
        if (kept) F(store_n)(g + i, n - i, p);
        F(add)(&sum, up);
        F(add)(&rest, F(smaller)(top, p));
        top = F(larger)(top, p);
    }
    T largest = F(reduce_max)(top);
    F(add)(&rest, F(iota)() == (I)F(first_lane)(top, largest) ? F(splat)(0) : top);
    V s = F(splat)((T)F(reduce_add)(F(total)(&sum))), r = F(splat)((T)F(reduce_add)(F(total)(&rest)));
    for (size_t i = 0; i < n; i += L) {
        V p = F(load_n)((kept ? g : y) + i, n - i, 0);
        if (!soft && !kept) p = F(probability)(zero, p);
        V v = F(vjp_element)(a->output, p, F(load_n)(u + i, n - i, 0), s, F(splat)(largest), r);
        F(store_n)(g + i, n - i, v);
    }
}

INLINE void F(vjp_lanes)(const VJP *a, BLOCK b, size_t start) {
    const T *y = a->y + start, *u = a->upstream + start;
    SUM sum = {0}, rest = {0};
    V top = F(splat)(0);
    REFERENCE zero = F(reference_at)(F(splat)(0));
    int soft = a->output == CK_SOFTMAX;
    for (size_t c = 0; c < a->classes; c++) {
        V up = F(get)(b, u, c), out = F(get)(b, y, c);
        if (soft) {
            F(add)(&sum, up * out);
            continue;
        }
        V p = F(probability)(zero, out);
        F(add)(&sum, up);
        F(add)(&rest, F(smaller)(top, p));
        top = F(larger)(top, p);
    }
    V s = F(narrow)(F(total)(&sum)), r = F(narrow)(F(total)(&rest));
    for (size_t c = 0; c < a->classes; c++) {
        V out = F(get)(b, y, c), p = soft ? out : F(probability)(zero, out);
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
