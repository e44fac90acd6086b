// C ← A·B (+ C, or a bias a column) on one thread. For each block of k, panels of two vectors of B's columns are packed one
// after the other and stay in the nearest cache while the rows of A pass by, some at a time. An element is the sum of its
// products in the order of k within a block, and of the blocks in theirs, whatever rows and columns are computed beside it.

// Rows at a time, beside one vector and beside two: enough sums to hide a multiply-add's latency, and registers left for
// the panel on AVX2.
#define ROWS(vectors) ((size_t)((vectors) == 1 ? 8 : 6))
// Bytes of a B that stays in the nearest cache beside what else is there.
#define NEAR ((size_t)1 << 15)
// Of a block of k: a panel is 16 KB.
#define DEPTH ((size_t)(8192 / CK_BYTES))

// `count` rows of B, `step` apart, to a panel: the n columns from b on, in as many vectors as they take.
INLINE void F(pack_columns)(T *panel, const T *b, size_t step, size_t count, size_t n) {
    for (size_t p = 0; p < count; p++, b += step, panel += 2 * L) {
        F(store)(panel, F(load_n)(b, n, 0));
        if (n > L) F(store)(panel + L, F(load_n)(b + L, n - L, 0));
    }
}

// The same of a B that is stored transposed, whose columns lie `step` apart. What lanes beyond n hold is never stored: the
// last column again.
INLINE void F(pack_transposed)(T *panel, const T *b, size_t step, size_t count, size_t n) {
    for (size_t at = 0; at < n; at += L, panel += L, b += L * step) {
        size_t last = n - at - 1, p = 0;
        const T *columns[L];
        for (size_t j = 0; j < L; j++) columns[j] = b + (j < last ? j : last) * step;
        for (; p + QUAD <= count; p += QUAD) {
            V r[QUAD];
            UNROLL for (size_t i = 0; i < QUAD; i++) r[i] = F(load_quads_of)(columns + i, p);
            F(transpose)(r);
            UNROLL for (size_t i = 0; i < QUAD; i++) F(store)(panel + (p + i) * 2 * L, r[i]);
        }
        for (; p < count; p++)
            for (size_t j = 0; j < L; j++) panel[p * 2 * L + j] = columns[j][p];
    }
}

// `rows` rows of C from a panel of n columns, whose places of k are `apart`. A's element of row i and place p is
// a[i * across + p * along].
INLINE void F(product_rows)(
    size_t rows, size_t vectors, const T *a, size_t across, size_t along, const T *panel, size_t apart, size_t count, T *c,
    size_t step, size_t n, const T *bias, int adds
) {
    V sums[8][2];
    UNROLL for (size_t i = 0; i < rows; i++) {
        // What it is added to comes from as far as memory.
        if (adds) {
            __builtin_prefetch(c + i * step, 1);
            if (vectors > 1) __builtin_prefetch(c + i * step + L, 1);
        }
        UNROLL for (size_t j = 0; j < vectors; j++) sums[i][j] = F(splat)(0);
    }
    for (size_t p = 0; p < count; p++) {
        V b[2];
        if (along == 1 && p % (64 / sizeof(T)) == 0)
            UNROLL for (size_t i = 0; i < rows; i++) __builtin_prefetch(a + (rows + i) * across + p);
        UNROLL for (size_t j = 0; j < vectors; j++) b[j] = F(load)(panel + p * apart + j * L);
        UNROLL for (size_t i = 0; i < rows; i++) {
            V x = F(splat)(a[i * across + p * along]);
            UNROLL for (size_t j = 0; j < vectors; j++) sums[i][j] = sums[i][j] + x * b[j];
        }
    }
    UNROLL for (size_t i = 0; i < rows; i++)
        UNROLL for (size_t j = 0; j < vectors; j++) {
            const T *before = adds ? c + i * step + j * L : bias ? bias + j * L : 0;
            T *out = c + i * step + j * L;
            if (n >= (j + 1) * L) F(store)(out, before ? F(load)(before) + sums[i][j] : sums[i][j]);
            else F(store_part)(out, n - j * L, before ? F(load_part)(before, n - j * L, 0) + sums[i][j] : sums[i][j]);
        }
}

// m rows of C from panels side by side, as they are packed, or as B lies with its rows `apart`. A whole lot of rows is `strip`
// elements of A.
INLINE void F(product_panels)(
    size_t m, size_t vectors, const T *a, size_t across, size_t along, size_t strip, const T *panel, size_t apart,
    size_t count, T *c, size_t step, size_t n, const T *bias, int adds
) {
    const size_t most = ROWS(vectors), next = apart > 2 * L ? 1 : count;
#define ROWS_OF(r) \
    for (size_t at = 0; at < n; at += 2 * L) \
        F(product_rows)(r, vectors, a, across, along, panel + at * next, apart, count, c + at, step, n - at, bias ? bias + at : 0, adds)
    for (; m >= most; m -= most, a += strip, c += most * step) ROWS_OF(most);
#define CASE(r) case r: if (r < most) ROWS_OF(r); break;
    switch (m) { CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) }
#undef CASE
#undef ROWS_OF
}

// m rows of A to strips of ROWS(2) of them, so that a strip is of few pages and few of its lines are in one place of the
// cache, whatever A's step: of a transposed A one place after the other, otherwise row by row. Up to L elements are written
// beyond the strips.
INLINE void F(pack_strips)(T *strips, const T *a, size_t step, int transposed, size_t count, size_t m) {
    const size_t rows = ROWS(2);
    if (!transposed) {
        for (size_t i = 0; i < m; i++, a += step, strips += count)
            for (size_t p = 0; p < count; p += L) F(store)(strips + p, F(load_n)(a + p, count - p, 0));
        return;
    }
    for (size_t i = 0; i < m; i += rows) {
        size_t n = m - i;
        for (size_t p = 0; p < count; p++, strips += rows) {
            const T *from = a + p * step + i;
            UNROLL for (size_t r = 0; r < rows; r += L)
                F(store)(strips + r, n >= r + L ? F(load)(from + r) : n > r ? F(load_part)(from + r, n - r, 0) : F(splat)(0));
        }
    }
}

// The rows of `strips`, or those of A as they lie.
INLINE void F(product_block)(const PRODUCT *s, T *strips, size_t p, size_t count, size_t i, size_t m) {
    T panel[DEPTH * 2 * L] __attribute__((aligned(CK_BYTES)));
    const T *a = s->a + (s->a_transposed ? p * s->a_step + i : i * s->a_step + p);
    if (strips) F(pack_strips)(strips, a, s->a_step, s->a_transposed, count, m);
    int adds = p > 0 || s->accumulates;
    for (size_t column = 0, n; column < s->n; column += n) {
        // As many whole panels as there is room for: when k is small, rows of C are written in one go.
        n = s->n - column;
        if (n >= 2 * L) n = (n < DEPTH / count * 2 * L ? n : DEPTH / count * 2 * L) / (2 * L) * (2 * L);
        // Whole panels of a small B, or beside few rows, are read where they lie.
        int isFar = m > 2 * ROWS(2) && count * s->b_step * sizeof(T) > NEAR;
        int isPacked = s->b_transposed || n % (2 * L) != 0 || s->b_step <= 2 * L || isFar;
        for (size_t at = 0; isPacked && at < n; at += 2 * L) {
            size_t width = n - at < 2 * L ? n - at : 2 * L;
            if (s->b_transposed)
                F(pack_transposed)(panel + at * count, s->b + (column + at) * s->b_step + p, s->b_step, count, width);
            else F(pack_columns)(panel + at * count, s->b + p * s->b_step + column + at, s->b_step, count, width);
        }
        const T *bias = s->bias ? s->bias + column : 0;
        T *c = s->c + i * s->c_step + column;
        const T *from = isPacked ? panel : s->b + p * s->b_step + column;
        size_t apart = isPacked ? 2 * L : s->b_step;
#define PANELS(vectors, a, across, along, strip) \
    F(product_panels)(m, vectors, a, across, along, strip, from, apart, count, c, s->c_step, n, bias, adds)
        if (strips && n > L && s->a_transposed) PANELS(2, strips, 1, ROWS(2), ROWS(2) * count);
        else if (strips && n > L) PANELS(2, strips, count, 1, ROWS(2) * count);
        else if (s->a_transposed && n > L) PANELS(2, a, 1, s->a_step, ROWS(2));
        else if (s->a_transposed) PANELS(1, a, 1, s->a_step, ROWS(1));
        else if (n > L) PANELS(2, a, s->a_step, 1, ROWS(2) * s->a_step);
        else PANELS(1, a, s->a_step, 1, ROWS(1) * s->a_step);
#undef PANELS
    }
}

static void __attribute__((noinline)) F(product_of_strips)(const PRODUCT *s) {
    // 128 KB, in the second cache.
    T strips[(1 << 17) / sizeof(T)] __attribute__((aligned(CK_BYTES)));
    const size_t most = (sizeof strips / sizeof(T) - L) / DEPTH / ROWS(2) * ROWS(2);
    for (size_t p = 0; p < s->k; p += DEPTH)
        for (size_t i = 0; i < s->m; i += most)
            F(product_block)(s, strips, p, s->k - p < DEPTH ? s->k - p : DEPTH, i, s->m - i < most ? s->m - i : most);
}

static void F(product)(const PRODUCT *s) {
#if HAS_DOTS
    if (F(prefers_dots)(s)) return F(product_of_dots)(s);
#endif
    // Columns on more pages than the nearest of their tables knows, or rows whose lines share one place of the nearest cache;
    // and more than one use of the strips.
    size_t bytes = s->a_step * sizeof(T);
    if ((s->a_transposed ? bytes > 2048 : bytes % 4096 == 0) && s->m > ROWS(2) && s->n > 4 * L) {
        F(product_of_strips)(s);
        return;
    }
    for (size_t p = 0; p < s->k; p += DEPTH)
        F(product_block)(s, 0, p, s->k - p < DEPTH ? s->k - p : DEPTH, 0, s->m);
}

#undef ROWS
#undef DEPTH
#undef NEAR
#undef HAS_DOTS
