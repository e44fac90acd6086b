// Sums over the classes of neighbouring positions: inner > 1. A sum takes its terms in their order, of floats in
// double, of doubles with the rounding errors kept.

INLINE VD F(low_of)(const SUM *s) {
#if CK_BITS == 64
    return s->low;
#else
    (void)s;
    return (VD)0.0;
#endif
}

// Of n sums' lanes in a fixed order, with the rounding errors kept: lane by lane of all, then of the first lanes, which the
// others are no part of.
INLINE double F(combined)(const SUM *sums, size_t n, size_t lanes) {
    VD high = sums[0].high, low = F(low_of)(&sums[0]);
    for (size_t j = 1; j < n; j++) {
        VD sum = high + sums[j].high, part = sum - high;
        low = low + ((high - (sum - part)) + (sums[j].high - part)) + F(low_of)(&sums[j]);
        high = sum;
    }
    double total = 0, lost = 0;
    for (size_t lane = 0; lane < lanes; lane++) {
        double sum = total + high[lane], part = sum - total;
        lost += (total - (sum - part)) + (high[lane] - part) + low[lane];
        total = sum;
    }
    // An infinite or NaN sum has no rounding error to keep; ∞ − ∞ above made one up.
    return total - total == 0 ? total + lost : total;
}

// Σ of all: interleaved sums, as above, combined in a fixed order.
static double F(sum_of)(const T *x, size_t count) {
    if (count == 1) return x[0];
    SUM sums[4] = {0};
    size_t i = 0;
    for (; i + 4 * L <= count; i += 4 * L)
        UNROLL for (size_t j = 0; j < 4; j++) F(add)(&sums[j], F(load)(x + i + j * L));
    for (; i < count; i += L) F(add)(&sums[0], F(load_n)(x + i, count - i, 0));
    return F(combined)(sums, count < 4 * L ? 1 : 4, count < L ? count : L);
}

#define SUM_COLUMNS 4  // vectors of positions side by side: whole cache lines of each class

static void F(class_sums)(const SUMS *a, size_t begin, size_t end) {
    size_t i = begin == 0 ? 0 : begin % a->inner, n;
    for (size_t position = begin; position < end; position += n, i = i + n < a->inner ? i + n : 0) {
        n = end - position;
        if (n > a->inner - i) n = a->inner - i;
        if (n > SUM_COLUMNS * L) n = SUM_COLUMNS * L;
        const T *x = a->x + (position - i) * a->classes + i;
        SUM sums[SUM_COLUMNS] = {0};
        if (n == SUM_COLUMNS * L) {
            for (size_t c = 0; c < a->classes; c++, x += a->inner)
                UNROLL for (size_t j = 0; j < SUM_COLUMNS; j++) F(add)(&sums[j], F(load)(x + j * L));
        } else {
            for (size_t c = 0; c < a->classes; c++, x += a->inner)
                for (size_t j = 0; j * L < n; j++) F(add)(&sums[j], F(load_n)(x + j * L, n - j * L, 0));
        }
        for (size_t j = 0; j * L < n; j++)
            F(store_n)(a->y + position + j * L, n - j * L, F(narrow)(a->divisor == 1 ? F(total)(&sums[j]) : F(total)(&sums[j]) / a->divisor));
    }
}
