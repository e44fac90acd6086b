// Sums over the classes of neighbouring positions: inner > 1. A sum takes its terms in their order, of floats in
// double, of doubles with the rounding errors kept.

#define SUM_COLUMNS 4  // vectors of positions side by side: whole cache lines of each class

static void F(class_sums)(const SUMS *a, size_t begin, size_t end) {
    for (size_t position = begin; position < end;) {
        size_t i = position % a->inner, n = end - position;
        if (n > a->inner - i) n = a->inner - i;
        if (n > SUM_COLUMNS * L) n = SUM_COLUMNS * L;
        const T *x = a->x + (position / a->inner) * a->classes * a->inner + i;
        SUM sums[SUM_COLUMNS] = {0};
        if (n == SUM_COLUMNS * L) {
            for (size_t c = 0; c < a->classes; c++, x += a->inner)
                UNROLL for (size_t j = 0; j < SUM_COLUMNS; j++) F(add)(&sums[j], F(load)(x + j * L));
        } else {
            for (size_t c = 0; c < a->classes; c++, x += a->inner)
                for (size_t j = 0; j * L < n; j++) F(add)(&sums[j], F(load_n)(x + j * L, n - j * L, 0));
        }
        for (size_t j = 0; j * L < n; j++)
            F(store_n)(a->y + position + j * L, n - j * L, F(narrow)(F(total)(&sums[j]) / a->divisor));
        position += n;
    }
}
