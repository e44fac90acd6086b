// Cross-entropy of contiguous rows, loss and gradient in one visit. With p the row's softmax,
//   class index y:       L = (1−ε)·w_y·(−log p_y) + (ε/C)·Σ w_c·(−log p_c)
//                        ∂L/∂x_c = p_c·((1−ε)·w_y + (ε/C)·Σw) − (ε/C)·w_c − (1−ε)·w_y·[c = y]
//   class probabilities: L = Σ a_c·(−log p_c),  a_c = w_c·((1−ε)·q_c + ε/C)
//                        ∂L/∂x_c = p_c·Σa − a_c
// and of either, where wanted, λ·lse² more, whose gradient is p_c·2λ·lse; all of it times the row's weight. (Of classes
// that are not open, C and ε/C leave out: shares.h.)

// Turns stored e into p·factor − share·scale.
INLINE void F(subtract)(T *e, size_t n, F(factor) f, SHARES s, T scale) {
    size_t c = 0;
    if (f.second[0] == 1) {
        for (; c + L <= n; c += L)
            F(store)(e + c, F(scaled_once)(F(load)(e + c), f) - F(share)(s, c, L) * scale);
    }
    for (; c < n; c += L)
        F(store_n)(e + c, n - c, F(scaled)(F(load_n)(e + c, n - c, 0), f) - F(share)(s, c, n - c) * scale);
}

static void F(subtract_shares)(const CROSS_ENTROPY *a, T *e, const T *q, F(factor) f, T scale) {
    size_t n = a->classes;
    SHARES s = F(shares_of)(a, q);
    // The loop without what it does not need.
    SHARES plain = {NULL, NULL, NULL, s.kept, s.uniform}, weighted = {NULL, s.weight, NULL, s.kept, s.uniform},
           probable = {s.q, NULL, NULL, 1, 0}, smoothed = {s.q, NULL, NULL, s.kept, s.uniform},
           both = {s.q, s.weight, NULL, s.kept, s.uniform};
    if (s.open) F(subtract)(e, n, f, s, scale);
    else if (s.q && s.weight) F(subtract)(e, n, f, both, scale);
    else if (s.q && s.kept == 1) F(subtract)(e, n, f, probable, scale);
    else if (s.q) F(subtract)(e, n, f, smoothed, scale);
    else if (s.weight) F(subtract)(e, n, f, weighted, scale);
    else F(subtract)(e, n, f, plain, scale);
}

// A row's sweep, stored where there is a g; a loop of its own for each kind of shares, as one loop that asks vector by vector
// has no registers left. (Zen 1, AVX2: probabilities 7 % faster, weights and smoothing 3, labels alone 1 to 4.)
#define SWEPT(name, SUMS, HAS_Q, SMOOTHED, HAS_WEIGHT, HAS_OPEN)                                                    \
    static __attribute__((noinline)) ROW F(name)(const T *x, T *g, size_t n, T near, F(tally) * sums, F(ahead) next) {\
        F(tally) tally = *sums, *t = SUMS ? &tally : NULL;                                                          \
        if (!HAS_Q) tally.shares.q = NULL;                                                                          \
        else if (!HAS_OPEN && !tally.shares.q) __builtin_unreachable();                                             \
        if (!SMOOTHED) tally.shares.kept = 1;                                                                       \
        if (!HAS_WEIGHT) tally.shares.weight = NULL;                                                                \
        else if (!HAS_OPEN && !tally.shares.weight) __builtin_unreachable();                                        \
        if (!HAS_OPEN) tally.shares.open = NULL;                                                                    \
        ROW row = g ? F(sweep)(x, g, n, near, t, next) : F(sweep_sums)(x, n, near, t, next);                        \
        if (SUMS) *sums = tally;                                                                                    \
        return row;                                                                                                 \
    }
SWEPT(swept, 0, 0, 0, 0, 0)
SWEPT(swept_smoothed, 1, 0, 1, 0, 0)
SWEPT(swept_weighted, 1, 0, 1, 1, 0)
SWEPT(swept_soft, 1, 1, 0, 0, 0)
SWEPT(swept_soft_smoothed, 1, 1, 1, 0, 0)
SWEPT(swept_soft_weighted, 1, 1, 1, 1, 0)
SWEPT(swept_any, 1, 1, 1, 1, 1)
#undef SWEPT

// With what the shares add up.
static ROW F(swept_shares)(const T *x, T *g, size_t n, T near, F(tally) * sums, F(ahead) next) {
    SHARES s = sums->shares;
    if (s.open) return F(swept_any)(x, g, n, near, sums, next);
    if (s.q && s.weight) return F(swept_soft_weighted)(x, g, n, near, sums, next);
    if (s.q) return s.kept == 1 ? F(swept_soft)(x, g, n, near, sums, next) : F(swept_soft_smoothed)(x, g, n, near, sums, next);
    return s.weight ? F(swept_weighted)(x, g, n, near, sums, next) : F(swept_smoothed)(x, g, n, near, sums, next);
}

// The class of the largest exponential, where it has most of the probability: its gradient needs the others' sum. (Nowhere
// when the row is no distribution and NaN throughout.)
INLINE size_t F(top_of)(const T *e, size_t n, ROW row) { return row.rest < row.top ? F(first_of)(e, n, (T)row.top) : n; }

// What the sweeps of a batch leave, a row a lane.
typedef struct F(swept_rows) {
    F(row_sums) sums;
    T x[L], e[L], share[L];  // as in F(target)
    double spread[L], total[L];
    I top[L];
    int rises;  // as in F(tally), and its `before`
    const F(prefix) * before;
} F(swept_rows);

// Bytes below which rows with shares are read for their maxima first, one after the other: that fetches them. (Zen 4, weights and
// smoothing, rows of 200 from memory: 34 cycles a vector, 41 without.)
#define SHORT 2048

// `e` is where the row's exponentials are to be stored, or NULL.
INLINE void F(sweep_row)(const CROSS_ENTROPY *a, size_t row, T *e, I label, T near, F(swept_rows) * s, size_t j, size_t left) {
    size_t n = a->classes;
    const T *x = a->logits + row * n, *q = a->probabilities ? a->probabilities + row * n : NULL;
    int shared = q || a->smoothing > 0;
    const int waits = e && e != a->gradient + row * n;
    F(ahead) next = {0};
    if ((e || shared) && a->place != CK_CACHED) next = F(row_ahead)(x, q, waits ? NULL : e, n, left, shared ? SHORT : 512);
    if (shared && near == -F(infinity)()) near = F(max_of)(x, n);
    F(tally) tally = {.shares = F(shares_of)(a, q), .max = F(splat)(near), .rises = s->rises, .before = s->before};
    s->x[j] = q ? 0 : x[label];
    if (!shared) {
        F(set)(&s->sums, j, F(swept)(x, e, n, near, &tally, next));
    } else {
        ROW r = F(swept_shares)(x, e, n, near, &tally, next);
        F(set)(&s->sums, j, r);
        s->spread[j] = F(spread_of)(&tally, r.max, n);
        if (q) {
            s->total[j] = F(reduce_add)(F(total)(&tally.total));
            size_t top = e ? F(top_of)(e, n, r) : n;
            s->share[j] = top < n ? F(share)(tally.shares, top, 1)[0] : F(nan)();
            s->top[j] = top < n ? (I)top : -1;
        }
    }
    s->e[j] = !q && e ? e[label] : 0;
}

// From stored e to the gradient.
INLINE void F(complete)(const CROSS_ENTROPY *a, size_t row, const F(target) * t, F(factor) f, size_t j, F(ahead) next) {
    size_t n = a->classes;
    T *g = a->gradient + row * n;
    const T *q = a->probabilities ? a->probabilities + row * n : NULL;
    if (q || a->smoothing > 0) F(subtract_shares)(a, g, q, f, (T)(a->scale * t->weight[j]));
    else F(scale_row)(g, n, f, next);
    I apart = q ? t->top[j] : t->label[j];
    if (apart >= 0) g[apart] = t->r.special[j];
}

// The exponentials of a batch that is written past the caches.
#define WAITING (2 * SECOND_CACHE / sizeof(T))

// `waiting` is room for them, or NULL where they are stored in the gradient's place.
static __attribute__((noinline)) void F(cross_entropy_batches)(const CROSS_ENTROPY *arguments, size_t begin, size_t end, T *waiting) {
    // A copy, which no store can be taken to change: the loops need not read it again, or divide again.
    const CROSS_ENTROPY copy = *arguments, *a = &copy;
    int soft = a->probabilities != NULL, shared = soft || a->smoothing > 0, by_page = a->place >= CK_MEMORY && a->gradient && shared;
    size_t n = a->classes, batch = a->gradient || shared ? F(rows_at_once)(n, by_page, by_page && n * sizeof(T) > 8192 ? 1 : 2) : L;
    double total = !soft && shared ? F(uniform_total)(arguments) : 0;
    F(swept_rows) s = {0};
    s.rises = shared && n * sizeof(T) >= SHORT && (soft || n <= STRETCHES * STRETCH);
    F(prefix) before;
    if (s.rises && !soft) F(sum_shares)(a, &before), s.before = &before;
    for (size_t lane = 0; lane < L; lane++) s.total[lane] = total;
    for (size_t first = begin; first < end; first += batch) {
        size_t count = end - first < batch ? end - first : batch;
        const T *x = a->logits + first * n;
        T *kept = waiting ? waiting : a->gradient ? a->gradient + first * n : NULL;
        F(target) t;
        t.label = soft ? (VI)((I)0) - 1 : F(labels_at)(a->labels + first, count);
        t.weight = a->row_weights ? F(load_n)(a->row_weights + first, count, 0) : F(splat)(1);
        t.label = t.weight == 0 ? (VI)((I)0) - 1 : t.label;
        VI skipped = soft ? t.weight == 0 : t.label < 0;
        T near[L];
        for (size_t j = 0; j < count; j++)
            if (!skipped[j]) near[j] = shared && !s.rises ? F(max_of)(x + j * n, n) : F(first_look)(x + j * n, n);
        F(clear)(&s.sums);
        for (size_t j = 0; j < count; j++)
            if (!skipped[j]) F(sweep_row)(a, first + j, kept ? kept + j * n : NULL, t.label[j], near[j], &s, j, end - first - j);
        t.x = F(load)(s.x);
        t.e = F(load)(s.e);
        t.share = F(load)(s.share);
        t.spread = F(load_doubles)(s.spread);
        t.total = F(load_doubles)(s.total);
        __builtin_memcpy(&t.top, s.top, sizeof t.top);
        F(store_n)(a->losses + first, count, F(target_finish)(a, F(lanes_of)(&s.sums), &t));
        F(factor) f = F(factor_of)(t.r.factor, t.r.low);
        for (size_t j = 0; a->gradient && j < count; j++) {
            T *g = a->gradient + (first + j) * n;
            F(ahead) next = {0};
            if (first + j + 1 < end) next = F(start_of)(x + (j + 1) * n, g + n, n);
            if (skipped[j]) __builtin_memset(g, 0, n * sizeof(T));
            else if (waiting) F(scale_away)(waiting + j * n, g, n, F(factor_at)(&f, j), t.label[j], t.r.special[j]);
            else F(complete)(a, first + j, &t, F(factor_at)(&f, j), j, next);
        }
    }
}

// Lines of a gradient beyond the caches are not to be read to be overwritten. (Emerald Rapids, loss and gradient of 2048 rows of
// 32000, 16384 of 5000: 5.35, 5.03 ns a vector, then 4.32, 4.28.)
static __attribute__((noinline)) void F(cross_entropy_away)(const CROSS_ENTROPY *a, size_t begin, size_t end) {
    T waiting[WAITING] __attribute__((aligned(CK_BYTES)));
    F(cross_entropy_batches)(a, begin, end, waiting);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void F(cross_entropy_rows)(const CROSS_ENTROPY *a, size_t begin, size_t end) {
    int shared = a->probabilities || a->smoothing > 0, apart = a->gradient && a->gradient != a->logits;
    if (a->place == CK_BEYOND && apart && !shared && a->classes * sizeof(T) <= SECOND_CACHE) F(cross_entropy_away)(a, begin, end);
    else F(cross_entropy_batches)(a, begin, end, NULL);
}
#undef WAITING
#undef SHORT
