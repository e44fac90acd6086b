// A product of few columns, of a B that is stored transposed, as dot products: a row of A and a row of B, as it is stored, a vector
// at a time, sixteen sums beside one another whose lanes are added at the end. Nothing is packed, and no lanes lie idle beside
// the few columns: the last layer of a classifier of few classes.

#if CK_BYTES == 64 && CK_BITS == 32
#define HAS_DOTS 1

// The sums of sixteen vectors' lanes, each in its place: halves of two are added to one, and again.
INLINE V F(sums_of)(V s[16]) {
#define JOIN(count, low, high)                                                                   \
    UNROLL for (size_t i = 0; i < count; i++) {                                                  \
        V a = s[2 * i], b = s[2 * i + 1];                                                        \
        s[i] = __builtin_shufflevector(a, b, low) + __builtin_shufflevector(a, b, high);         \
    }
#define LIST(...) __VA_ARGS__
    JOIN(8, LIST(0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23),
         LIST(8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))
    JOIN(4, LIST(0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27),
         LIST(4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31))
    JOIN(2, LIST(0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29),
         LIST(2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31))
    JOIN(1, LIST(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30),
         LIST(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31))
#undef LIST
#undef JOIN
    return s[0];
}

// `rows` rows of C by `columns` of them, at most sixteen elements; the last of either again where there are fewer.
INLINE void F(dots_of)(const PRODUCT *s, size_t rows, size_t columns) {
    for (size_t j = 0; j < s->n; j += columns)
        for (size_t i = 0; i < s->m; i += rows) {
            const T *a[16], *b[16];
            V sums[16], x[16];
            UNROLL for (size_t r = 0; r < rows; r++) a[r] = s->a + (i + r < s->m ? i + r : s->m - 1) * s->a_step;
            UNROLL for (size_t c = 0; c < columns; c++) b[c] = s->b + (j + c < s->n ? j + c : s->n - 1) * s->b_step;
            UNROLL for (size_t e = 0; e < 16; e++) sums[e] = F(splat)(0);
#define STEP(load)                                                                                            \
    UNROLL for (size_t r = 0; r < rows; r++) x[r] = load(a[r]);                                               \
    UNROLL for (size_t c = 0; c < columns; c++) {                                                             \
        V y = load(b[c]);                                                                                     \
        UNROLL for (size_t r = 0; r < rows; r++) sums[r * columns + c] = sums[r * columns + c] + x[r] * y;    \
    }
            size_t p = 0;
            for (; p + L <= s->k; p += L) {
#define WHOLE(from) F(load)(from + p)
                STEP(WHOLE)
            }
            if (p < s->k) {
#define REST(from) F(load_part)(from + p, s->k - p, 0)
                STEP(REST)
            }
#undef WHOLE
#undef REST
#undef STEP
            T dots[16];
            F(store)(dots, F(sums_of)(sums));
            for (size_t r = 0; r < rows && i + r < s->m; r++)
                for (size_t c = 0; c < columns && j + c < s->n; c++) {
                    T *out = s->c + (i + r) * s->c_step + j + c, dot = dots[r * columns + c];
                    *out = s->accumulates ? *out + dot : s->bias ? s->bias[j + c] + dot : dot;
                }
        }
}

// Columns in groups of at most five, nearly of a size.
INLINE size_t F(groups_of)(size_t n) { return (n + 4) / 5; }
INLINE size_t F(group_size)(size_t n) { return (n + F(groups_of)(n) - 1) / F(groups_of)(n); }

// How many columns beside one another: a group, or beside few rows as many as make sixteen elements of them.
INLINE size_t F(dot_columns)(const PRODUCT *s) {
    static const unsigned char of_rows[] = {16, 16, 8, 5, 4, 3};
    return s->m <= 5 ? of_rows[s->m] : F(group_size)(s->n);
}

// Whether dot products take fewer cycles than panels, in hundredths for a row of C. An element takes half of one for each vector
// of k and 2.2 for the lanes; a row beside a panel 0.68 for each place of k (Zen 5). How many rows there are does not matter,
// though few gain most: otherwise a row's bits would depend on those beside it.
INLINE int F(prefers_dots)(const PRODUCT *s) {
    // The last without a division, which is a tenth of a small product.
    if (!s->b_transposed || s->a_transposed || s->n >= L || 68 * s->k < 270 * s->n) return 0;
    size_t steps = (s->k + L - 1) / L;
    return F(groups_of)(s->n) * F(group_size)(s->n) * (50 * steps + 220) < 68 * s->k;
}

static void __attribute__((noinline)) F(product_of_dots)(const PRODUCT *s) {
    switch (F(dot_columns)(s)) {
    case 1: return F(dots_of)(s, 16, 1);
    case 2: return F(dots_of)(s, 8, 2);
    case 3: return F(dots_of)(s, 5, 3);
    case 4: return F(dots_of)(s, 4, 4);
    case 5: return F(dots_of)(s, 3, 5);
    case 8: return F(dots_of)(s, 2, 8);
    default: return F(dots_of)(s, 1, 16);
    }
}
#else
#define HAS_DOTS 0
#endif
