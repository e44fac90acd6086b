// C ← A·B (+ C, or a bias a column) on one thread. For each block of k, panels of two vectors of B's columns are packed one
// after the other and stay in the nearest cache while the rows of A pass by, some at a time. An element is the sum of its
// products in the order of k within a block, and of the blocks in theirs, whatever rows and columns are computed beside it.

// Rows at a time, beside one vector and beside two: enough sums to hide a multiply-add's latency, and registers left for
// the panel on AVX2. Eight beside two would fit AVX-512 and were 2 % slower.
#define ROWS(vectors) ((size_t)((vectors) == 1 ? 8 : 6))
// Bytes of a B that stays in the nearest cache beside what else is there.
#define NEAR ((size_t)1 << 15)
// Places of k in a block, at most. C is read and written once for each, so the more the better; a panel is 16 KB, or 24 where
// the nearest cache is mostly of 48. Places of a transposed A lie on a page each, of which its table knows 64 to 96.
#define DEEPEST ((size_t)((CK_BYTES == 64 ? 12288 : 8192) / CK_BYTES))
#define SHALLOW ((size_t)(8192 / CK_BYTES))
// Bytes of a packed A that stays in the second cache, of at least 1 MB or 256 KB, beside what else is there.
#define STRIPS ((size_t)1 << (CK_BYTES == 64 ? 19 : 17))

// `count` rows of B, `step` apart, to a panel: the n columns from b on, in as many vectors as they take.
INLINE void F(pack_columns)(T *panel, const T *b, size_t step, size_t count, size_t n) {
    for (size_t p = 0; p < count; p++, b += step, panel += 2 * L) {
        F(store)(panel, F(load_n)(b, n, 0));
        if (n > L) F(store)(panel + L, F(load_n)(b + L, n - L, 0));
    }
}

#if CK_ISA == 2
// The same of a B that is stored transposed and two vectors at most as a whole.
INLINE void F(pack_two)(T *panel, const T *b, size_t count, size_t n) {
    V low = F(load_n)(b, n * count, 0), high = n * count > L ? F(load_part)(b + L, n * count - L, 0) : low;
    for (size_t at = 0; at < n; at += L) {
        VI place = (F(iota)() + (I)at) * (I)count;
        for (size_t p = 0; p < count; p++, place += 1) {
#if CK_BITS == 32
            V v = (V)_mm512_permutex2var_ps((__m512)low, (__m512i)place, (__m512)high);
#else
            V v = (V)_mm512_permutex2var_pd((__m512d)low, (__m512i)place, (__m512d)high);
#endif
            F(store)(panel + p * 2 * L + at, v);
        }
    }
}
#endif

// The same of a B that is stored transposed, whose columns lie `step` apart. What lanes beyond n hold is never stored: the
// last column again.
INLINE void F(pack_transposed)(T *panel, const T *b, size_t step, size_t count, size_t n) {
#if CK_ISA == 2
    if (step == count && n * count <= 2 * L) return F(pack_two)(panel, b, count, n);
#endif
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
        for (; p < count; p++) {
            // Whole: it is loaded soon, which would wait for each part.
            V v;
            UNROLL for (size_t j = 0; j < L; j++) v[j] = columns[j][p];
            F(store)(panel + p * 2 * L, v);
        }
    }
}

// Rows of A: the element of row i and place p is from[i * across + p * along].
typedef struct {
    const T *from;
    size_t across, along;
} F(operand);

// `rows` rows of C from a panel of n columns, whose places of k are `apart`, while the rows of `next` come nearer.
INLINE void F(product_rows)(
    size_t rows, size_t vectors, F(operand) a, F(operand) next, const T *panel, size_t apart, size_t count, T *c, size_t step,
    size_t n, const T *bias, int adds
) {
    V sums[8][2];
    UNROLL for (size_t i = 0; i < rows; i++) {
        // What it is added to comes from as far as memory, and rows need not begin with a line.
        if (adds) {
            UNROLL for (size_t j = 0; j < vectors; j++) __builtin_prefetch(c + i * step + j * L, 1);
            __builtin_prefetch(c + i * step + vectors * L - 1, 1);
        }
        UNROLL for (size_t j = 0; j < vectors; j++) sums[i][j] = F(splat)(0);
    }
    for (size_t p = 0; p < count; p++) {
        V b[2];
        if (a.along != 1) __builtin_prefetch(next.from + p * next.along + rows - 1);
        else if (p % (64 / sizeof(T)) == 0)
            UNROLL for (size_t i = 0; i < rows; i++) __builtin_prefetch(next.from + i * next.across + p);
        UNROLL for (size_t j = 0; j < vectors; j++) b[j] = F(load)(panel + p * apart + j * L);
        UNROLL for (size_t i = 0; i < rows; i++) {
            V x = F(splat)(a.from[i * a.across + p * a.along]);
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

// n rows of A to a strip of ROWS(2), so that a strip is of few pages and few of its lines are in one place of the cache,
// whatever A's steps: of a transposed A one place after the other, otherwise row by row. Up to L elements are written beyond.
INLINE void F(pack_strip)(T *strip, F(operand) a, size_t count, size_t n) {
    const size_t rows = ROWS(2);
    if (a.along == 1) {
        for (size_t i = 0; i < n; i++, a.from += a.across, strip += count)
            for (size_t p = 0; p < count; p += L) F(store)(strip + p, F(load_n)(a.from + p, count - p, 0));
        return;
    }
    for (size_t p = 0; p < count; p++, strip += rows, a.from += a.along)
        UNROLL for (size_t r = 0; r < rows; r += L) {
            size_t width = rows - r < L ? rows - r : L;
            F(store_part)(strip + r, width, n >= r + L ? F(load)(a.from + r) : n > r ? F(load_part)(a.from + r, n - r, 0) : F(splat)(0));
        }
}

// m rows of C from panels side by side, as they are packed, or as B lies with its rows `apart`. A whole lot of rows is `lot`
// elements of A, whose strips are packed just before their use where `unpacked` says from what: the next lot of it is on its
// way while one is multiplied, which hides the memory it comes from.
INLINE void F(product_panels)(
    size_t m, size_t vectors, F(operand) a, size_t lot, F(operand) unpacked, const T *panel, size_t apart, size_t count, T *c,
    size_t step, size_t n, const T *bias, int adds
) {
    const size_t most = ROWS(vectors), place = apart > 2 * L ? 1 : count;
#define ROWS_OF(r, next) \
    for (size_t at = 0; at < n; at += 2 * L) \
        F(product_rows)(r, vectors, a, next, panel + at * place, apart, count, c + at, step, n - at, bias ? bias + at : 0, adds)
    for (; m >= most; m -= most, a.from += lot, c += most * step) {
        F(operand) next = {a.from + lot, a.across, a.along};
        if (unpacked.from) {
            F(pack_strip)((T *)a.from, unpacked, count, most);
            unpacked.from += most * unpacked.across;
            next = unpacked;
        }
        ROWS_OF(most, next);
    }
    if (unpacked.from && m > 0) F(pack_strip)((T *)a.from, unpacked, count, m);
#define CASE(r) case r: if (r < most) ROWS_OF(r, a); break;
    switch (m) { CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) }
#undef CASE
#undef ROWS_OF
}

// The rows of A from i on, packed to `strips` with the first panels, or as they lie where there are none.
INLINE void F(product_block)(const PRODUCT *s, T *strips, size_t p, size_t count, size_t i, size_t m) {
    T panel[DEEPEST * 2 * L] __attribute__((aligned(CK_BYTES)));
    const F(operand) lying = s->a_transposed
        ? (F(operand)){s->a + p * s->a_step + i, 1, s->a_step} : (F(operand)){s->a + i * s->a_step + p, s->a_step, 1};
    int adds = p > 0 || s->accumulates;
    for (size_t column = 0, n; column < s->n; column += n) {
        // As many whole panels as there is room for: when k is small, rows of C are written in one go.
        n = s->n - column;
        if (n >= 2 * L) n = (n < DEEPEST / count * 2 * L ? n : DEEPEST / count * 2 * L) / (2 * L) * (2 * L);
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
#define PANELS(vectors, a, across, along, lot, unpacked, transposed) \
    F(product_panels)(m, vectors, (F(operand)){a, across, along}, lot, \
        (F(operand)){unpacked, transposed ? 1 : s->a_step, transposed ? s->a_step : 1}, from, apart, count, c, s->c_step, n, bias, adds)
        const T *unpacked = strips && column == 0 ? lying.from : 0;
        if (strips && n > L && s->a_transposed) PANELS(2, strips, 1, ROWS(2), ROWS(2) * count, unpacked, 1);
        else if (strips && n > L) PANELS(2, strips, count, 1, ROWS(2) * count, unpacked, 0);
        else if (s->a_transposed && n > L) PANELS(2, lying.from, 1, s->a_step, ROWS(2), 0, 1);
        else if (s->a_transposed) PANELS(1, lying.from, 1, s->a_step, ROWS(1), 0, 1);
        else if (n > L) PANELS(2, lying.from, s->a_step, 1, ROWS(2) * s->a_step, 0, 0);
        else PANELS(1, lying.from, s->a_step, 1, ROWS(1) * s->a_step, 0, 0);
#undef PANELS
    }
}

INLINE void F(few_rows)(size_t rows, const PRODUCT *s, const T *b, size_t step) {
    size_t across = s->a_transposed ? 1 : s->a_step, along = s->a_transposed ? s->a_step : 1;
    V sums[8];
    UNROLL for (size_t i = 0; i < rows; i++) sums[i] = F(splat)(0);
    for (size_t p = 0; p < s->k; p++) {
        V y = F(load_n)(b + p * step, s->n, 0);
        UNROLL for (size_t i = 0; i < rows; i++) sums[i] = sums[i] + F(splat)(s->a[i * across + p * along]) * y;
    }
    UNROLL for (size_t i = 0; i < rows; i++) {
        T *c = s->c + i * s->c_step;
        const T *before = s->accumulates ? c : s->bias;
        F(store_n)(c, s->n, before ? F(load_n)(before, s->n, 0) + sums[i] : sums[i]);
    }
}

// At most eight rows of at most L columns, as above, without what takes longer than so small a product.
static void F(product_of_few)(const PRODUCT *s) {
    T panel[SHALLOW * 2 * L] __attribute__((aligned(CK_BYTES)));
    const T *b = s->b_transposed ? panel : s->b;
    size_t step = s->b_transposed ? 2 * L : s->b_step;
    if (s->b_transposed) F(pack_transposed)(panel, s->b, s->b_step, s->k, s->n);
    switch (s->m) {
#define CASE(r) case r: return F(few_rows)(r, s, b, step);
    CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8)
#undef CASE
    }
}

// In as many parts of about the same size as it takes for none to be of more than `most`, a multiple of `unit`.
INLINE size_t F(part)(size_t whole, size_t most, size_t unit) {
    size_t parts = (whole + most - 1) / most;
    return ((whole + parts - 1) / parts + unit - 1) / unit * unit;
}

static void __attribute__((noinline)) F(product_of_strips)(const PRODUCT *s, size_t depth) {
    T strips[STRIPS / sizeof(T) + L] __attribute__((aligned(CK_BYTES)));
    const size_t rows = F(part)(s->m, STRIPS / sizeof(T) / depth / ROWS(2) * ROWS(2), ROWS(2));
    for (size_t p = 0; p < s->k; p += depth)
        for (size_t i = 0; i < s->m; i += rows)
            F(product_block)(s, strips, p, s->k - p < depth ? s->k - p : depth, i, s->m - i < rows ? s->m - i : rows);
}

// How many vectors a row of C has at most without the packing of A being worth its time, as measured on Emerald Rapids.
INLINE size_t F(vectors_to_pack_for)(const PRODUCT *s) {
    const size_t bytes = s->a_step * sizeof(T);
    // Places of k on more pages than the nearest of their tables knows, or whose lines share few places of the nearest cache.
    if (s->a_transposed) return bytes > 2048 ? 8 : bytes % 512 == 0 ? 16 : SIZE_MAX / L;
    // Rows whose lines share one place of it; and rows of many pages, where the second cache has room for a block of them.
    return bytes % 4096 == 0 ? 4 : CK_BYTES == 64 && bytes > 1024 ? 16 : SIZE_MAX / L;
}

static void F(product)(const PRODUCT *s) {
#if HAS_DOTS
    if (F(prefers_dots)(s)) return F(product_of_dots)(s);
#endif
    if (s->m <= 8 && s->n <= L && s->k <= SHALLOW) return F(product_of_few)(s);
    // Whole lines of A.
    const size_t depth = F(part)(s->k, s->a_transposed ? SHALLOW : DEEPEST, 64 / sizeof(T));
    if (s->m > 4 * ROWS(2) && s->n > F(vectors_to_pack_for)(s) * L) return F(product_of_strips)(s, depth);
    for (size_t p = 0; p < s->k; p += depth)
        F(product_block)(s, 0, p, s->k - p < depth ? s->k - p : depth, 0, s->m);
}

#undef ROWS
#undef DEEPEST
#undef SHALLOW
#undef STRIPS
#undef NEAR
#undef HAS_DOTS
