// L positions side by side, one in each lane: for an inner class axis, whose positions lie next to
// each other, and for rows of few classes, which are transposed on the way in and out.

// Contiguous rows of at most so many classes go across the lanes: the end of a row costs as much as some hundred
// exponentials, and its last vector is partly empty. Where they are transposed on the way in and out it is 8·L (measured, the two
// meet between 8·L and 16·L); where they stay as they lie (few.h), a tenth more or less of log-softmax, a fourth less of loss
// and gradient at the border. (Zen 5, 512 and 256 bits.)
#define TRANSPOSED (8 * L)
#define FEW (CK_ISA == 2 ? 11 * L : CK_ISA == 1 ? 16 * L : TRANSPOSED)

// Classes up to which blocks are worked on in packed copies (64 KB in all): with inner axes of 2^k elements
// the classes of one position share a cache set and would evict each other. Above, in place.
#define PACKED ((size_t)65536 / CK_BYTES)
#define IS_PACKED(classes) ((classes) > 0 && (classes) <= PACKED)

// Where a block of n ≤ L positions lies: element (c, lane) at c·stride + lane.
typedef struct F(block) {
    size_t n, stride;
} F(block);
#define BLOCK F(block)

INLINE V F(get)(BLOCK b, const T *x, size_t c) { return F(load_n)(x + c * b.stride, b.n, 0); }
INLINE void F(put)(BLOCK b, T *x, size_t c, V v) { F(store_n)(x + c * b.stride, b.n, v); }

static const BLOCK F(packed) = {CK_LANES, CK_LANES};

// n neighbouring positions, whose first element lies at `first`.
typedef struct F(run) {
    size_t first, n;
} F(run);
#define RUN F(run)

// At most `most` blocks of them.
INLINE RUN F(run_at)(size_t classes, size_t inner, size_t position, size_t end, size_t most) {
    size_t n = end - position, i = position % inner;
    if (inner > 1 && n > inner - i) n = inner - i;
    if (n > most * L) n = most * L;
    return (RUN){inner == 1 ? position * classes : (position - i) * classes + i, n};
}

INLINE size_t F(blocks_of)(RUN run) { return (run.n + L - 1) / L; }

// A block's way from its sums to its results is one long chain of operations that wait for each other, so the
// blocks of a batch go through it stage by stage, side by side: as many as their packed copies keep in half the
// first cache.
#define BATCH 8

INLINE size_t F(batch)(size_t classes) {
    size_t fit = 16384 / (classes * CK_BYTES + 1);
    return fit < 1 ? 1 : fit > BATCH ? BATCH : fit;
}

// Blocks that are packed at a time. With an inner axis each class is a stretch of memory of its own, more of them than the
// processor's prefetchers follow, and with 2^k elements between them all of one cache set: a stretch is to be 512 bytes long, or
// what makes 8 KB in all, but no more than there is room for. (Zen 5, loss and gradient in place, cycles a vector: 5 to 60 classes in
// 8 to 16 KB 24, in 64 KB 26; 60 of 384, 512 and 1088 bytes 42, 23 and 25; 150 of 64, 192 and 384 bytes 64, 43 and 34. On Zen 1, 16
// to 64 KB in all are within 7 % of each other.)
INLINE size_t F(haul)(size_t classes, size_t inner) {
    if (!IS_PACKED(classes)) return 1;
    if (inner == 1) return F(batch)(classes);
    size_t room = PACKED / classes, least = 512 / CK_BYTES, fit = PACKED / 8 / classes;
    if (fit < least) fit = least;
    return fit < room ? fit : room;
}

// Of `first` to `end` of an inner axis's planes. Lanes beyond the run's end are zero: a harmless row.
INLINE void F(pack_planes)(RUN run, const T *x, size_t classes, size_t inner, size_t first, size_t end, T *packed) {
    for (size_t c = first; c < end; c++) {
        const T *from = x + c * inner;
        T *to = packed + c * L;
        size_t i = 0;
        for (; i + L <= run.n; i += L, to += L * classes) F(store)(to, F(load)(from + i));
        if (i < run.n) F(store)(to, F(load_part)(from + i, run.n - i, 0));
    }
}

// Lanes beyond the run's end are zero. `reach` is how many numbers may be read from x on.
static void F(pack)(RUN run, const T *x, size_t reach, size_t classes, size_t inner, T *packed) {
    if (inner > 1) {
        F(pack_planes)(run, x, classes, inner, 0, classes, packed);
        return;
    }
    for (size_t i = 0; i < run.n; i += L, x += L * classes, packed += L * classes) {
        size_t n = run.n - i;
        if (n >= L && L * classes + QUAD - 1 <= reach - i * classes) {
            F(pack_rows)(x, classes, packed);
        } else if (n == 1) {
            // The lanes that are nobody's are the same row.
            for (size_t c = 0; c < classes; c++) F(store)(packed + c * L, F(splat)(x[c]));
        } else {
            T rows[FEW * L + QUAD];
            size_t count = (n < L ? n : L) * classes;
            for (size_t j = 0; j < L * classes + QUAD; j++) rows[j] = j < count ? x[j] : 0;
            F(pack_rows)(rows, classes, packed);
        }
    }
}

// Rows.
static void F(unpack)(RUN run, T *x, size_t classes, const T *packed) {
    for (size_t i = 0; i < run.n; i += L, x += L * classes, packed += L * classes) {
        if (run.n - i >= L) {
            F(unpack_rows)(x, classes, packed);
        } else if (run.n - i == 1) {
            for (size_t c = 0; c < classes; c++) x[c] = packed[c * L];
        } else {
            T rows[FEW * L];
            F(unpack_rows)(rows, classes, packed);
            for (size_t j = 0; j < (run.n - i) * classes; j++) x[j] = rows[j];
        }
    }
}
