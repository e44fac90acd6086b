// Vector-Jacobian products from the output y of log-softmax or softmax and the upstream u:
//   log-softmax  dx_j = u_j − p_j·Σu, p = exp(y), taken as u_j·(1 − p_j) − p_j·(Σu − u_j), where
//                1 − p_j of the largest p is the sum of the others: a confident row keeps its digits
//   softmax      dx_j = y_j·(u_j − Σ u·y)

INLINE V F(vjp_element)(ck_output output, V y, V u, V sum, V top, V rest) {
    if (output == CK_SOFTMAX) return y * (u - sum);
    V p = F(exp_full)(y);
    V others = p == top ? rest : 1 - p;
    return u * others - p * (sum - u);
}

INLINE void F(vjp_row)(const VJP *a, size_t start) {
    size_t n = a->classes;
    const T *y = a->y + start, *u = a->upstream + start;
    SUM sum = {0}, rest = {0};
    V top = F(splat)(0);
    for (size_t i = 0; i < n; i += L) {
        V up = F(load_n)(u + i, n - i, 0), out = F(load_n)(y + i, n - i, 0);
        if (a->output == CK_SOFTMAX) {
            F(add)(&sum, up * out);
        } else {
            V p = F(exp_full)(F(load_n)(y + i, n - i, -F(infinity)()));
            F(add)(&sum, up);
            F(add)(&rest, F(smaller)(top, p));
            top = F(larger)(top, p);
        }
    }
    T largest = F(reduce_max)(top);
    size_t first = L;
    for (size_t lane = L; lane-- > 0;) first = top[lane] == largest ? lane : first;
    F(add)(&rest, F(iota)() == (I)first ? F(splat)(0) : top);
    V s = F(splat)((T)F(reduce_add)(F(total)(&sum))), r = F(splat)((T)F(reduce_add)(F(total)(&rest)));
    T *g = a->gradient + start;
    for (size_t i = 0; i < n; i += L) {
        V v = F(vjp_element)(a->output, F(load_n)(y + i, n - i, 0), F(load_n)(u + i, n - i, 0), s, F(splat)(largest), r);
        F(store_n)(g + i, n - i, v);
    }
}

INLINE void F(vjp_lanes)(const VJP *a, BLOCK b, size_t start) {
    const T *y = a->y + start, *u = a->upstream + start;
    SUM sum = {0}, rest = {0};
    V top = F(splat)(0);
    for (size_t c = 0; c < a->classes; c++) {
        V up = F(get)(b, u, c), out = F(get)(b, y, c);
        if (a->output == CK_SOFTMAX) {
            F(add)(&sum, up * out);
        } else {
            V p = F(exp_full)(out);
            F(add)(&sum, up);
            F(add)(&rest, F(smaller)(top, p));
            top = F(larger)(top, p);
        }
    }
    V s = F(narrow)(F(total)(&sum)), r = F(narrow)(F(total)(&rest));
    for (size_t c = 0; c < a->classes; c++)
        F(put)(b, a->gradient + start, c, F(vjp_element)(a->output, F(get)(b, y, c), F(get)(b, u, c), s, top, r));
}

static void F(vjp)(const VJP *a, size_t begin, size_t end) {
    if (a->inner == 1) {
        for (size_t row = begin; row < end; row++) F(vjp_row)(a, row * a->classes);
        return;
    }
    for (size_t position = begin, first; position < end;) {
        BLOCK b = F(block_at)(a->classes, a->inner, position, end, &first);
        F(vjp_lanes)(a, b, first);
        position += b.n;
    }
}
