// Contiguous rows of few classes. The sums take rows across the lanes, as in lanes.h and to the same digits; exponentials and
// results stay where the rows lie, so that nothing is transposed back. (Of a block of 16 rows of 10, the way back was a fifth
// of the time. Zen 5, cycles a vector, loss and gradient: 10 classes 39 and 30, 16 34 and 24, 100 24 and 15.)
//
// A batch of blocks of L rows goes through it stage by stage: within a stage nothing waits for anything, and what one stage
// stores has left the store buffer when the next loads it, in other pieces.
//
// Lane i of what is per row belongs to row i of a block; `of_rows` brings it to the numbers that lie side by side, for which
// SSE2 has no instruction.

#define STAYS (CK_ISA > 0)
#if STAYS

// For `of_rows`: the rows of the L numbers from the i'th of a block on.
INLINE VI F(rows_from)(size_t i, size_t classes) {
    V at = __builtin_convertvector(F(iota)(), V) + (T)((double)i + 0.5);
    // The nearest to (at + ½)/classes − ½, never halfway between two; it stands in the low bits.
    VI row = (VI)((at * ((T)1 / (T)classes) - (T)0.5) + MAGIC);
#if CK_ISA == 1 && CK_BITS == 64
    row = (row & 3) * 0x200000002 + 0x100000000;
#endif
    return row;
}

INLINE V F(of_rows)(V v, VI rows) {
#if CK_ISA == 2 && CK_BITS == 32
    return (V)_mm512_permutexvar_ps((__m512i)rows, (__m512)v);
#elif CK_ISA == 2
    return (V)_mm512_permutexvar_pd((__m512i)rows, (__m512d)v);
#else
    return (V)_mm256_permutevar8x32_ps((__m256)v, (__m256i)rows);
#endif
}

// What rows that are nobody's hold is a number of the block's or 1, so harmless. A row that is alone is every lane's.
typedef struct F(few) {
    size_t classes, height, blocks;  // of a batch: rows, and blocks of L of them
    const T *x;
    int copied;  // the last block is, to `own`: where L rows cannot be read
    VI rows[FEW];
    V max[BATCH];
    REFERENCE at[BATCH];
    LANES sums[BATCH];
    T exps[FIRST_CACHE / sizeof(T) + QUAD] __attribute__((aligned(64)));
    T own[FEW * L + QUAD] __attribute__((aligned(64)));
} F(few);
#define FEW_ROWS F(few)

// Of as many rows at most.
INLINE void F(few_begin)(FEW_ROWS *w, size_t classes, size_t rows) {
    w->classes = classes;
    size_t vectors = ((rows < L ? rows : L) * classes + L - 1) / L;
    for (size_t i = 0; i < vectors; i++) w->rows[i] = F(rows_from)(i * L, classes);
}

INLINE size_t F(height_of)(const FEW_ROWS *w, size_t i) { return w->height - i * L < L ? w->height - i * L : L; }
INLINE const T *F(x_of)(const FEW_ROWS *w, size_t i) {
    return w->copied && i + 1 == w->blocks ? w->own : w->x + i * L * w->classes;
}
INLINE T *F(exps_of)(FEW_ROWS *w, size_t i) { return w->exps + i * L * w->classes; }

// Of L rows, `count` ≤ 4 classes from c on, a constant, across the lanes. Up to QUAD − 1 numbers beyond are read.
INLINE void F(classes_of_rows)(const T *x, size_t classes, size_t c, size_t count, V *v) {
    UNROLL for (size_t first = 0; first < count; first += QUAD) {
        V r[QUAD];
        UNROLL for (size_t i = 0; i < QUAD; i++) r[i] = F(load_quads)(x + i * classes + c + first, QUAD * classes);
        F(transpose)(r);
        UNROLL for (size_t i = 0; i < QUAD; i++)
            if (first + i < count) v[first + i] = r[i];
    }
}

INLINE V F(max_of_rows)(const T *x, size_t classes) {
    V m[QUAD];
    UNROLL for (size_t i = 0; i < QUAD; i++) m[i] = F(splat)(-F(infinity)());
    size_t c = 0;
    for (; c + QUAD <= classes; c += QUAD)
        UNROLL for (size_t i = 0; i < QUAD; i++) m[i] = F(larger)(m[i], F(load_quads)(x + i * classes + c, QUAD * classes));
    if (c < classes) {
        VI rest = (F(iota)() & (I)(QUAD - 1)) < (I)(classes - c);
        UNROLL for (size_t i = 0; i < QUAD; i++) {
            V v = F(load_quads)(x + i * classes + c, QUAD * classes);
            m[i] = F(larger)(m[i], rest ? v : F(splat)(-F(infinity)()));
        }
    }
    F(transpose)(m);
    for (size_t i = 1; i < QUAD; i++) m[0] = F(larger)(m[0], m[i]);
    return m[0];
}

// The next batch, with the maxima of its rows; from x on, `left` rows may be read. With `single`, a constant, it is one block.
INLINE void F(few_start)(FEW_ROWS *w, const T *x, size_t height, size_t left, int single) {
    size_t classes = w->classes, block = L * classes;
    w->x = x;
    w->height = height;
    w->blocks = single ? 1 : (height + L - 1) / L;
    w->copied = left * classes < w->blocks * block + QUAD - 1;
    if (w->copied) {
        const T *last = x + (w->blocks - 1) * block;
        size_t rows = F(height_of)(w, w->blocks - 1), count = rows * classes;
        for (size_t j = 0; j < (rows == 1 ? count : block); j += L)
            F(store)(w->own + j, j < count ? F(load_n)(last + j, count - j, last[0]) : F(splat)(last[0]));
        *(F(quad) *)(w->own + block) = (F(quad))(T)0;
    }
    for (size_t i = 0; i < (single ? 1 : w->blocks); i++) {
        w->max[i] = F(height_of)(w, i) == 1 ? F(splat)(F(max_of)(F(x_of)(w, i), classes)) : F(max_of_rows)(F(x_of)(w, i), classes);
        w->at[i] = F(reference_in)(w->max[i], 1);
    }
}

// Of n ≤ 4 vectors; `far` where a centre is not 0.
INLINE void F(exps_of_rows)(REFERENCE at, const T *x, T *e, const VI *rows, size_t n, int far) {
    V t[4], magic[4];
    UNROLL for (size_t j = 0; j < n; j++) {
        t[j] = F(load)(x + j * L);
        if (far) t[j] -= F(of_rows)(at.centre, rows[j]);
        V floor = F(of_rows)(at.floor, rows[j]);
        t[j] = floor > t[j] ? floor : t[j];
        magic[j] = F(of_rows)(at.magic, rows[j]);
    }
    F(exp_shifted)(t, magic, t, n);
    UNROLL for (size_t j = 0; j < n; j++) F(store)(e + j * L, t[j]);
}

INLINE void F(exps_to)(REFERENCE at, const T *x, T *e, const VI *rows, size_t vectors, int far) {
    size_t i = 0;
    for (; i + 4 <= vectors; i += 4) F(exps_of_rows)(at, x + i * L, e + i * L, rows + i, 4, far);
    if (vectors - i == 3) F(exps_of_rows)(at, x + i * L, e + i * L, rows + i, 3, far);
    else if (vectors - i == 2) F(exps_of_rows)(at, x + i * L, e + i * L, rows + i, 2, far);
    else if (vectors - i == 1) F(exps_of_rows)(at, x + i * L, e + i * L, rows + i, 1, far);
}

INLINE void F(few_exps)(FEW_ROWS *w, size_t i) {
    size_t n = F(height_of)(w, i), vectors = (n * w->classes + L - 1) / L;
    const T *x = F(x_of)(w, i);
    T *e = F(exps_of)(w, i);
    if (w->at[i].far) F(exps_to)(w->at[i], x, e, w->rows, vectors, 1);
    else F(exps_to)(w->at[i], x, e, w->rows, vectors, 0);
    for (size_t j = vectors; n > 1 && j < w->classes; j++) F(store)(e + j * L, F(splat)(1));
    if (i + 1 == w->blocks) *(F(quad) *)F(exps_of)(w, i + 1) = (F(quad))(T)0;
}

// With `alone`, a constant, e is one row.
INLINE void F(add_classes)(const T *e, size_t classes, size_t c, size_t count, int alone, SUM *sum, V *top) {
    V v[4] = {0};
    if (alone) { UNROLL for (size_t j = 0; j < count; j++) v[j] = F(splat)(e[c + j]); }
    else F(classes_of_rows)(e, classes, c, count, v);
    F(lane_add)(v, count, sum, top);
}

INLINE LANES F(sums_across)(V max, const T *e, size_t classes, int alone) {
    V top = F(splat)(0);
    SUM sum = {0};
    size_t c = 0;
    for (; c + 4 <= classes; c += 4) F(add_classes)(e, classes, c, 4, alone, &sum, &top);
    if (classes - c == 3) F(add_classes)(e, classes, c, 3, alone, &sum, &top);
    else if (classes - c == 2) F(add_classes)(e, classes, c, 2, alone, &sum, &top);
    else if (classes - c == 1) F(add_classes)(e, classes, c, 1, alone, &sum, &top);
    return F(lanes_from)(max, top, &sum);
}

INLINE void F(few_sums)(FEW_ROWS *w, size_t blocks) {
    for (size_t i = 0; i < blocks; i++) {
        if (F(height_of)(w, i) == 1) w->sums[i] = F(sums_across)(w->max[i], F(exps_of)(w, i), w->classes, 1);
        else w->sums[i] = F(sums_across)(w->max[i], F(exps_of)(w, i), w->classes, 0);
    }
}

// A block's exponentials times its rows' factors; without `any`, a constant, every row counts and no factor has a second step.
INLINE void F(scale_few)(FEW_ROWS *w, size_t i, T *y, F(factor) f, VI keep, int any) {
    const T *e = F(exps_of)(w, i);
    const VI *rows = w->rows;
    for (size_t j = 0, count = F(height_of)(w, i) * w->classes; j < count; j += L, rows++) {
        F(factor) by = f;
        by.first = F(of_rows)(f.first, *rows);
#if CK_BITS == 64
        by.low = F(of_rows)(f.low, *rows);
#endif
        V v = F(scaled_once)(F(load)(e + j), by);
        if (any) v = (V)((VI)(v * F(of_rows)(f.second, *rows)) & (VI)F(of_rows)((V)keep, *rows));
        F(store_n)(y + j, count - j, v);
    }
}

// Log-softmax and softmax; y may be x.
static void F(normalise_few)(const NORMALISE *a, size_t begin, size_t end) {
    FEW_ROWS few, *w = &few;
    size_t classes = a->classes, batch = F(batch)(classes) * L;
    F(few_begin)(w, classes, end - begin);
    for (size_t row = begin; row < end; row += batch) {
        T *y = a->y + row * classes;
        F(few_start)(w, a->x + row * classes, end - row < batch ? end - row : batch, end - row, 0);
        for (size_t i = 0; i < w->blocks; i++) F(few_exps)(w, i);
        F(few_sums)(w, w->blocks);
        for (size_t i = 0; i < w->blocks; i++, y += L * classes) {
            LANES s = w->sums[i];
            if (a->output == CK_SOFTMAX) {
                VD low, by = F(quotient)((VD)1.0, s.top, s.rest, &low);
                F(scale_few)(w, i, y, F(factor_of)(by, low), (VI)((I)0) - 1, 0);
                continue;
            }
            V log = F(narrow)(F(log1p_ratio)(s.rest, s.top));
            const T *x = w->x + i * L * classes;
            for (size_t j = 0, count = F(height_of)(w, i) * classes; j < count; j += L) {
                VI rows = w->rows[j / L];
                F(store_n)(y + j, count - j, (F(load_n)(x + j, count - j, 0) - F(of_rows)(s.max, rows)) - F(of_rows)(log, rows));
            }
        }
    }
}

INLINE void F(label_few)(const CROSS_ENTROPY *arguments, size_t begin, size_t end, int plain, int single) {
    CROSS_ENTROPY copy = *arguments;  // as in cross_entropy_rows
    if (plain) {
        copy.row_weights = NULL;
        copy.z_loss = 0;
    }
    const CROSS_ENTROPY *a = &copy;
    FEW_ROWS few, *w = &few;
    F(target) t[BATCH];
    F(labelled) labelled[BATCH];
    size_t classes = a->classes, batch = F(batch)(classes) * L;
    F(few_begin)(w, classes, end - begin);
    for (size_t row = begin; row < end; row += batch) {
        F(few_start)(w, a->logits + row * classes, single || end - row < batch ? end - row : batch, end - row, single);
        size_t blocks = single ? 1 : w->blocks;
        for (size_t i = 0; i < blocks; i++) {
            size_t n = F(height_of)(w, i), at = row + i * L;
            t[i].spread = t[i].total = (VD)0.0;
            t[i].label = F(labels_at)(a->labels + at, n);
            if (a->row_weights) {
                t[i].weight = F(load_n)(a->row_weights + at, n, 0);
                t[i].label = t[i].weight == 0 ? (VI)((I)0) - 1 : t[i].label;
            }
            F(set_labels)(&labelled[i], t[i].label);
            F(pick_labels)(&labelled[i], F(x_of)(w, i), n == 1 ? 0 : classes, 1, L);
        }
        for (size_t i = 0; i < blocks; i++) {
            t[i].x = t[i].e = F(load)(labelled[i].v);
            F(exp_of_few)(w->at[i], &t[i].x, &t[i].e, 1);
            F(few_exps)(w, i);
        }
        F(few_sums)(w, blocks);
        for (size_t i = 0; i < blocks; i++)
            F(store_n)(a->losses + row + i * L, w->height - i * L, F(target_finish)(a, w->sums[i], &t[i]));
        for (size_t i = 0; i < blocks; i++) {
            T *g = a->gradient + (row + i * L) * classes;
            VI keep = t[i].label >= 0;
            F(factor) f = F(factor_of)(t[i].r.factor, t[i].r.low);
            if (F(any_greater)(F(splat)(1), f.second) || F(any)(~keep)) F(scale_few)(w, i, g, f, keep, 1);
            else F(scale_few)(w, i, g, f, keep, 0);
            F(put_labels)(&labelled[i], (V)((VI)t[i].r.special & keep), g, classes, 1, F(height_of)(w, i));
        }
        if (single) break;
    }
}

// A single block, of which all that the loops of a batch prepare would be a third of the time.
static __attribute__((noinline)) void F(cross_entropy_block)(const CROSS_ENTROPY *a, size_t begin, size_t end) {
    F(label_few)(a, begin, end, 1, 1);
}

// Class indices without smoothing, losses and gradient, which may lie where the logits do.
static void F(cross_entropy_few)(const CROSS_ENTROPY *a, size_t begin, size_t end) {
    if (a->row_weights || a->z_loss != 0) F(label_few)(a, begin, end, 0, 0);
    else if (end - begin <= L) F(cross_entropy_block)(a, begin, end);
    else F(label_few)(a, begin, end, 1, 0);
}
#endif
