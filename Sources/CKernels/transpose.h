// L rows of few numbers to vectors across the rows and back, a quad of columns at a time: as many as 128 bits hold.
// The quads of L rows are loaded, each into its own part of a vector, so that all shuffles stay within 128 bits,
// where every instruction set has them in one short instruction.

#define QUAD (16 / sizeof(T))
typedef T F(quad) __attribute__((ext_vector_type(128 / CK_BITS), aligned(CK_BITS / 8), may_alias));

// Of each 128 bits of two vectors: the lower elements interleaved, the upper ones, the lower halves, the upper ones.
#if CK_BITS == 32 && CK_LANES == 16
#define ZIP_LOW 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29
#define ZIP_HIGH 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31
#define HALF_LOW 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define HALF_HIGH 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#elif CK_BITS == 32 && CK_LANES == 8
#define ZIP_LOW 0, 8, 1, 9, 4, 12, 5, 13
#define ZIP_HIGH 2, 10, 3, 11, 6, 14, 7, 15
#define HALF_LOW 0, 1, 8, 9, 4, 5, 12, 13
#define HALF_HIGH 2, 3, 10, 11, 6, 7, 14, 15
#elif CK_BITS == 32
#define ZIP_LOW 0, 4, 1, 5
#define ZIP_HIGH 2, 6, 3, 7
#define HALF_LOW 0, 1, 4, 5
#define HALF_HIGH 2, 3, 6, 7
#elif CK_LANES == 8
#define ZIP_LOW 0, 8, 2, 10, 4, 12, 6, 14
#define ZIP_HIGH 1, 9, 3, 11, 5, 13, 7, 15
#elif CK_LANES == 4
#define ZIP_LOW 0, 4, 2, 6
#define ZIP_HIGH 1, 5, 3, 7
#else
#define ZIP_LOW 0, 2
#define ZIP_HIGH 1, 3
#endif

// The matrix of QUAD × QUAD within each 128 bits of r, transposed; its own inverse.
INLINE void F(transpose)(V r[]) {
#if CK_BITS == 32
    V low01 = __builtin_shufflevector(r[0], r[1], ZIP_LOW), high01 = __builtin_shufflevector(r[0], r[1], ZIP_HIGH);
    V low23 = __builtin_shufflevector(r[2], r[3], ZIP_LOW), high23 = __builtin_shufflevector(r[2], r[3], ZIP_HIGH);
    r[0] = __builtin_shufflevector(low01, low23, HALF_LOW);
    r[1] = __builtin_shufflevector(low01, low23, HALF_HIGH);
    r[2] = __builtin_shufflevector(high01, high23, HALF_LOW);
    r[3] = __builtin_shufflevector(high01, high23, HALF_HIGH);
#else
    V low = __builtin_shufflevector(r[0], r[1], ZIP_LOW), high = __builtin_shufflevector(r[0], r[1], ZIP_HIGH);
    r[0] = low;
    r[1] = high;
#endif
}

// The quads at rows[0] + at, rows[QUAD] + at, … , one in each 128 bits.
INLINE V F(load_quads_of)(const T *const *rows, size_t at) {
#define ONE(i) (*(const F(quad) *)(rows[(i) * QUAD] + at))
#if CK_LANES * CK_BITS == 128
    return ONE(0);
#elif CK_BITS == 32
#define PAIR(i) __builtin_shufflevector(ONE(i), ONE(i + 1), 0, 1, 2, 3, 4, 5, 6, 7)
#if CK_LANES == 8
    return PAIR(0);
#else
    return __builtin_shufflevector(PAIR(0), PAIR(2), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#endif
#undef PAIR
#else
#define PAIR(i) __builtin_shufflevector(ONE(i), ONE(i + 1), 0, 1, 2, 3)
#if CK_LANES == 4
    return PAIR(0);
#else
    return __builtin_shufflevector(PAIR(0), PAIR(2), 0, 1, 2, 3, 4, 5, 6, 7);
#endif
#undef PAIR
#endif
#undef ONE
}

// The quads at x, x + step, … , one in each 128 bits.
INLINE V F(load_quads)(const T *x, size_t step) {
    const T *rows[L];
    UNROLL for (size_t i = 0; i < L; i += QUAD) rows[i] = x + i / QUAD * step;
    return F(load_quads_of)(rows, 0);
}

// The k'th quad of v.
INLINE F(quad) F(quad_of)(V v, size_t k) {
    F(quad) quads[CK_BYTES / 16];
    __builtin_memcpy(quads, &v, sizeof v);
    return quads[k];
}

// L rows of `classes` numbers, one after the other from x on, to vectors at `packed`. Up to QUAD − 1 numbers beyond
// them are read.
INLINE void F(pack_rows)(const T *x, size_t classes, T *packed) {
    for (size_t c = 0; c < classes; c += QUAD) {
        V r[QUAD];
        UNROLL for (size_t i = 0; i < QUAD; i++) r[i] = F(load_quads)(x + i * classes + c, QUAD * classes);
        F(transpose)(r);
        UNROLL for (size_t i = 0; i < QUAD; i++)
            if (c + i < classes) F(store)(packed + (c + i) * L, r[i]);
    }
}

// The way back. Quads are written whole where what they write too much is overwritten by rows and columns to come:
// rows ascend, columns descend. Nothing beyond the rows is touched.
INLINE void F(unpack_rows)(T *x, size_t classes, const T *packed) {
    for (size_t c = (classes - 1) / QUAD * QUAD;; c -= QUAD) {
        V r[QUAD];
        UNROLL for (size_t i = 0; i < QUAD; i++) r[i] = F(load)(packed + (c + i < classes ? c + i : c) * L);
        F(transpose)(r);
        UNROLL for (size_t row = 0; row < L; row++) {
            F(quad) quad = F(quad_of)(r[row % QUAD], row / QUAD);
            size_t at = row * classes + c;
            if (at + QUAD <= L * classes) *(F(quad) *)(x + at) = quad;
            else for (size_t i = 0; i < QUAD && c + i < classes; i++) x[at + i] = quad[i];
        }
        if (c == 0) break;
    }
}

#undef ZIP_LOW
#undef ZIP_HIGH
#undef HALF_LOW
#undef HALF_HIGH
