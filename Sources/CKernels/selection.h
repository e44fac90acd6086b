// Where a position's largest class stands, and how many classes stand before its label: from the largest down, NaN before
// every number, of equals the first.

INLINE void F(store_places)(int32_t *to, size_t n, VI places) {
    for (size_t lane = 0; lane < L; lane++)
        if (lane < n) to[lane] = (int32_t)places[lane];
}

static int32_t F(row_largest)(const T *x, size_t n) {
    V m[4];
    VI unordered = (VI)((I)0);
    UNROLL for (size_t j = 0; j < 4; j++) m[j] = F(splat)(-F(infinity)());
    size_t i = 0;
    for (; i + 4 * L <= n; i += 4 * L)
        UNROLL for (size_t j = 0; j < 4; j++) {
            V v = F(load)(x + i + j * L);
            m[j] = F(larger)(m[j], v);
            unordered |= v != v;
        }
    for (; i < n; i += L) {
        V v = F(load_n)(x + i, n - i, -F(infinity)());
        m[0] = F(larger)(m[0], v);
        unordered |= v != v;
    }
    if (__builtin_expect(__builtin_reduce_or(unordered) != 0, 0)) {
        size_t first = 0;
        while (x[first] == x[first]) first++;
        return (int32_t)first;
    }
    return (int32_t)F(first_of)(x, n, F(reduce_max)(F(larger)(F(larger)(m[0], m[1]), F(larger)(m[2], m[3]))));
}

static int32_t F(row_rank)(const T *x, size_t n, size_t label) {
    T own = x[label];
    int32_t rank = 0;
    if (own != own) {
        for (size_t i = 0; i < label; i++) rank += x[i] != x[i];
        return rank;
    }
    VI before = (VI)((I)0);
    for (size_t i = 0; i < n; i += L) {
        // Beyond the end −∞, which stands before nothing that comes ahead of it.
        V v = F(load_n)(x + i, n - i, -F(infinity)());
        // Negated, so that NaN stands before a number.
        before -= F(iota)() + (I)i < (I)label ? ~(v < own) : ~(v <= own);
    }
    UNROLL for (size_t lane = 0; lane < L; lane++) rank += (int32_t)before[lane];
    return rank;
}

static void F(select_rows)(const SELECTION *a, size_t begin, size_t end) {
    size_t n = a->classes;
    for (size_t i = begin; i < end; i++) {
        const T *x = a->x + i * n;
        if (!a->labels) a->places[i] = F(row_largest)(x, n);
        else a->places[i] = a->labels[i] < 0 ? -1 : F(row_rank)(x, n, (size_t)a->labels[i]);
    }
}

INLINE VI F(lane_largest)(BLOCK b, const T *x, size_t classes) {
    V best = F(get)(b, x, 0);
    VI place = (VI)((I)0);
    for (size_t c = 1; c < classes; c++) {
        V v = F(get)(b, x, c);
        VI above = (v > best) | ((v != v) & (best == best));
        best = above ? v : best;
        place = above ? (VI)(I)c : place;
    }
    return place;
}

INLINE VI F(lane_rank)(BLOCK b, const T *x, VI label, size_t classes) {
    V own = F(pick)(b, x, label, classes);
    VI rank = (VI)((I)0), unordered = own != own;
    for (size_t c = 0; c < classes; c++) {
        V v = F(get)(b, x, c);
        VI ahead = label > (I)c, before = ahead ? ~(v < own) : ~(v <= own);
        rank -= unordered ? ahead & (v != v) : before;
    }
    return label < 0 ? label : rank;
}

static void F(select_lanes)(const SELECTION *a, size_t begin, size_t end) {
    T scratch[PACKED * L] __attribute__((aligned(64)));
    size_t classes = a->classes, inner = a->inner, haul = F(haul)(classes, inner);
    int packed = IS_PACKED(classes);
    RUN run;
    for (size_t position = begin; position < end; position += run.n) {
        run = F(run_at)(classes, inner, position, end, haul);
        if (packed) F(pack)(run, a->x + run.first, (end - position) * classes, classes, inner, scratch);
        const T *x = packed ? scratch : a->x + run.first;
        for (size_t done = 0; done < run.n; done += L, x += L * classes) {
            size_t n = run.n - done < L ? run.n - done : L, from = position + done;
            BLOCK at = packed ? F(packed) : (BLOCK){n, inner};
            VI places = a->labels ? F(lane_rank)(at, x, F(labels_at)(a->labels + from, n), classes)
                                  : F(lane_largest)(at, x, classes);
            F(store_places)(a->places + from, n, places);
        }
    }
}

static void F(select)(const SELECTION *a, size_t begin, size_t end) {
    if (a->inner == 1 && a->classes > TRANSPOSED) F(select_rows)(a, begin, end);
    else F(select_lanes)(a, begin, end);
}
