// L rows of few numbers to vectors across the rows and back, by zipping and unzipping halves: log₂ L rounds of
// shuffles whose indices are constants, which every instruction set has.

#if CK_LANES == 16
#define ZIP_LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define ZIP_HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#elif CK_LANES == 8
#define ZIP_LOW 0, 8, 1, 9, 2, 10, 3, 11
#define ZIP_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14
#define ODD 1, 3, 5, 7, 9, 11, 13, 15
#elif CK_LANES == 4
#define ZIP_LOW 0, 4, 1, 5
#define ZIP_HIGH 2, 6, 3, 7
#define EVEN 0, 2, 4, 6
#define ODD 1, 3, 5, 7
#else
#define ZIP_LOW 0, 2
#define ZIP_HIGH 1, 3
#define EVEN 0, 2
#define ODD 1, 3
#endif
// From r[i], row i, to r[c], column c, for c < columns, a constant. Before a round with groups of m vectors, group g
// holds the columns from g·m on of all rows, L/m rows interleaved in a vector; zipping the group's halves leaves
// its lower columns in the one half and its upper ones in the other.
INLINE void F(columns_of)(V *r, size_t columns) {
    UNROLL for (size_t m = L; m > 1; m /= 2)
        UNROLL for (size_t g = 0; g < L / m; g++) {
            V t[CK_LANES];
            UNROLL for (size_t i = 0; i < m / 2; i++) {
                V a = r[g * m + i], b = r[g * m + m / 2 + i];
                if (g * m < columns) t[i] = __builtin_shufflevector(a, b, ZIP_LOW);
                if (g * m + m / 2 < columns) t[m / 2 + i] = __builtin_shufflevector(a, b, ZIP_HIGH);
            }
            UNROLL for (size_t i = 0; i < m; i++)
                if (g * m + (i < m / 2 ? 0 : m / 2) < columns) r[g * m + i] = t[i];
        }
}

// The way back: from r[c], c < columns, to r[i].
INLINE void F(rows_of)(V *r, size_t columns) {
    UNROLL for (size_t m = 2; m <= L; m *= 2)
        UNROLL for (size_t g = 0; g < L / m; g++) {
            if (g * m >= columns) continue;
            V t[CK_LANES];
            UNROLL for (size_t i = 0; i < m / 2; i++) {
                // Where there are no upper columns, whatever is there goes to lanes that nobody reads.
                V low = r[g * m + i], high = g * m + m / 2 < columns ? r[g * m + m / 2 + i] : low;
                t[i] = __builtin_shufflevector(low, high, EVEN);
                t[m / 2 + i] = __builtin_shufflevector(low, high, ODD);
            }
            UNROLL for (size_t i = 0; i < m; i++) r[g * m + i] = t[i];
        }
}

// Up to L columns, `columns` being a constant that is at least their number: rows at x + i·step, n of them, to
// vectors at `packed`. Where `reach` numbers may be read from x on, whole vectors are.
INLINE void F(pack_columns)(const T *x, size_t step, size_t n, size_t count, size_t reach, T *packed, size_t columns) {
    V r[CK_LANES];
    if (n == L && (L - 1) * step + L <= reach) {
        UNROLL for (size_t i = 0; i < L; i++, x += step) r[i] = F(load)(x);
    } else {
        UNROLL for (size_t i = 0; i < L; i++, x += step) r[i] = i < n ? F(load_n)(x, count, 0) : F(splat)(0);
    }
    F(columns_of)(r, columns);
    UNROLL for (size_t c = 0; c < columns; c++)
        if (c < count) F(store)(packed + c * L, r[c]);
}

INLINE void F(unpack_columns)(T *x, size_t step, size_t n, size_t count, const T *packed, size_t columns) {
    V r[CK_LANES];
    UNROLL for (size_t c = 0; c < columns; c++) r[c] = F(load)(packed + (c < count ? c : 0) * L);
    F(rows_of)(r, columns);
    // Whole vectors where the next rows overwrite what is too much.
    size_t whole = count < step || n * step < L ? 0 : (n * step - L) / step + 1;
    UNROLL for (size_t i = 0; i < L; i++, x += step) {
        if (i < whole) F(store)(x, r[i]);
        else if (i < n) F(store_n)(x, count, r[i]);
    }
}

#undef ZIP_LOW
#undef ZIP_HIGH
#undef EVEN
#undef ODD
