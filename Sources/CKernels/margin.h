// The multi-class hinge loss: Σ z^p over a row's other classes, z = max(0, margin − x_y + x_c), p = 1 or 2, and its
// derivatives h = p·z^(p−1), where z > 0.

// margin − x_y in two parts, so that z is rounded once, however near to the kink.
typedef struct F(reach) {
    VD high, low;
} F(reach);
#define REACH F(reach)

INLINE REACH F(reach_of)(double margin, VD own) {
    VD high = margin - own, part = high - margin, low = (margin - (high - part)) - (own + part);
    // An infinite one has lost nothing.
    return (REACH){high, low - low == 0 ? low : (VD)0.0};
}

INLINE int F(any_infinite)(REACH reach) {
    int any = 0;
    for (size_t lane = 0; lane < L; lane++) any |= reach.high[lane] == __builtin_inf();
    return any;
}

// 0 below the kink; NaN goes on. `lost`: some label is impossible, from which a class that is so as well is not far.
INLINE VD F(violation)(REACH reach, VD other, int lost) {
    VD z = reach.high + other;
#if CK_BITS == 64
    VD part = z - reach.high, exact = z + (((reach.high - (z - part)) + (other - part)) + reach.low);
    // Of an infinite sum the two-sum is NaN.
    z = z - z == 0 ? exact : z;
#else
    // Either the sum of a float and such a number is exact, or it is no smaller than what its rounding is nothing to.
    z = z + reach.low;
#endif
    z = 0 > z ? (VD)0.0 : z;
    if (lost) z = other == -__builtin_inf() ? (VD)0.0 : z;
    return z;
}

// Of a row, or of rows across lanes.
typedef struct F(violations) {
    SUM sum, slope;
} F(violations);
#define VIOLATIONS F(violations)

INLINE void F(add_wide)(SUM *s, VD v) {
#if CK_BITS == 32
    s->high += v;
#else
    F(add)(s, v);
#endif
}

// Adds up L numbers and gives their derivatives; p is a constant.
INLINE VD F(violate)(VIOLATIONS *v, REACH reach, V other, int p, int sloped, int lost) {
    VD z = F(violation)(reach, F(widen)(other), lost);
    VD h = p == 2 ? z + z : z > 0 ? (VD)1.0 : z;
    F(add_wide)(&v->sum, p == 2 ? z * z : z);
    if (sloped) F(add_wide)(&v->slope, h);
    return h;
}

// `count` ≤ 4 vectors of classes from c on, n > 0 classes being left; y is the label.
INLINE void F(margin_classes)(VIOLATIONS *v, REACH reach, const T *x, T *g, size_t c, size_t n, size_t count, size_t y,
                              VD factor, int p, int lost) {
    UNROLL for (size_t j = 0; j < count; j++) {
        size_t at = c + j * L, left = n - j * L;
        V other = F(load_n)(x + at, left, -F(infinity)());
        // The label itself does not count, nor what is beyond the row: as impossible classes.
        if (y - c < count * L) other = F(iota)() == (I)(y - at) ? F(splat)(-F(infinity)()) : other;
        VD h = F(violate)(v, reach, other, p, g != NULL, lost);
        if (g) F(store_n)(g + at, left, F(narrow)(factor * h));
    }
}

INLINE void F(margin_row)(const MARGIN *a, const T *x, T *g, size_t y, T *loss, int p) {
    size_t n = a->classes, c = 0;
    double weight = a->weight ? (double)a->weight[y] : 1, factor = weight * a->scale / (double)n;
    REACH reach = F(reach_of)(a->margin, (VD)(double)x[y]);
    int lost = reach.high[0] == __builtin_inf();
    VIOLATIONS v = {0};
    for (; c + 4 * L <= n; c += 4 * L) F(margin_classes)(&v, reach, x, g, c, 4 * L, 4, y, (VD)factor, p, lost);
    for (; c < n; c += L) F(margin_classes)(&v, reach, x, g, c, n - c, 1, y, (VD)factor, p, lost);
    *loss = (T)(weight * (F(combined)(&v.sum, 1, L) / (double)n));
    if (g) g[y] = (T)(0 - factor * F(combined)(&v.slope, 1, L));
}

INLINE void F(margin_rows)(const MARGIN *a, size_t begin, size_t end, int p) {
    size_t n = a->classes;
    for (size_t row = begin; row < end; row++) {
        const T *x = a->scores + row * n;
        T *g = a->gradient ? a->gradient + row * n : NULL;
        int32_t y = a->labels[row];
        if (y >= 0) {
            if (g) F(margin_row)(a, x, g, (size_t)y, a->losses + row, p);
            else F(margin_row)(a, x, NULL, (size_t)y, a->losses + row, p);
        } else {
            a->losses[row] = 0;
            if (g) __builtin_memset(g, 0, n * sizeof(T));
        }
    }
}

// A block of positions, a position a lane.
INLINE void F(margin_block)(const MARGIN *a, BLOCK b, const T *x, T *g, const int32_t *labels, size_t rows, T *losses, int p) {
    size_t classes = a->classes;
    VI label = F(labels_at)(labels, rows), keep = label >= 0;
    V w = F(splat)(1);
    if (a->weight) {
        UNROLL for (size_t lane = 0; lane < L; lane++)
            if (label[lane] >= 0) w[lane] = a->weight[label[lane]];
    }
    VD weight = F(widen)(w), factor = weight * a->scale / (double)classes;
    REACH reach = F(reach_of)(a->margin, F(widen)(F(pick)(b, x, label, classes)));
    int lost = F(any_infinite)(reach);
    VIOLATIONS v = {0};
    for (size_t c = 0; c < classes; c++) {
        V other = label == (I)c ? F(splat)(-F(infinity)()) : F(get)(b, x, c);
        VD h = F(violate)(&v, reach, other, p, g != NULL, lost);
        if (g) F(put)(b, g, c, (V)((VI)F(narrow)(factor * h) & keep));
    }
    V loss = F(narrow)(weight * (F(total)(&v.sum) / (double)classes));
    F(store_n)(losses, rows, (V)((VI)loss & keep));
    if (!g) return;
    V own = F(narrow)(0 - factor * F(total)(&v.slope));
    UNROLL for (size_t lane = 0; lane < L; lane++)
        if (label[lane] >= 0) g[(size_t)label[lane] * b.stride + lane] = own[lane];
}

INLINE void F(margin_lanes)(const MARGIN *a, size_t begin, size_t end, int p) {
    T scratch[16384 / sizeof(T)] __attribute__((aligned(64)));  // as many blocks as `batch` allows
    size_t classes = a->classes, inner = a->inner, step = classes * L;
    int packed = inner == 1 && classes > 0;
    RUN run;
    for (size_t position = begin; position < end; position += run.n) {
        run = F(run_at)(classes, inner, position, end, packed ? F(batch)(classes) : 1);
        T *losses = a->losses + position;
        const int32_t *labels = a->labels + position;
        if (!packed) {
            T *g = a->gradient ? a->gradient + run.first : NULL;
            F(margin_block)(a, (BLOCK){run.n, inner}, a->scores + run.first, g, labels, run.n, losses, p);
            continue;
        }
        F(pack)(run, a->scores + run.first, (end - position) * classes, classes, 1, scratch);
        for (size_t i = 0; i < run.n; i += L) {
            T *block = scratch + i / L * step;
            size_t rows = run.n - i < L ? run.n - i : L;
            F(margin_block)(a, F(packed), block, a->gradient ? block : NULL, labels + i, rows, losses + i, p);
        }
        if (a->gradient) F(unpack)(run, a->gradient + run.first, classes, scratch);
    }
}

static void F(margin)(const MARGIN *arguments, size_t begin, size_t end) {
    const MARGIN copy = *arguments, *a = &copy;  // as in cross_entropy_rows
    int by_row = a->inner == 1 && a->classes > TRANSPOSED;
    if (a->squares && by_row) F(margin_rows)(a, begin, end, 2);
    else if (a->squares) F(margin_lanes)(a, begin, end, 2);
    else if (by_row) F(margin_rows)(a, begin, end, 1);
    else F(margin_lanes)(a, begin, end, 1);
}
