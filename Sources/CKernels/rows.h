// Rows of contiguous classes, batch by batch: a sweep over each row, then all their sums to what they stand for, side by
// side, then what was asked for is written, from the cache. The end of a sweep is a chain of some two hundred cycles, which
// a processor cannot look past. (Zen 5: 10 to 25 % from 1000 classes down to 200.)
//
// Where what is read and written does not fit the last cache, a batch is a page: longer bursts of writing after longer
// bursts of reading are up to a third slower there. (Not plain loss and gradient, whose writing is asked for beforehand.) At
// least two rows of up to two pages where there are shares, whose row ends are longer: loss and gradient of 1000 classes by
// probabilities and by weights and smoothing take a tenth less, log-softmax a tenth more (Zen 4).

#define FIRST_CACHE 16384    // half of it
#define SECOND_CACHE 131072  // half of a small one

INLINE size_t F(rows_at_once)(size_t n, int by_page, size_t least) {
    size_t bytes = n * sizeof(T), fit = (by_page ? 4096 : FIRST_CACHE) / bytes;
    if (bytes > FIRST_CACHE) return bytes > SECOND_CACHE ? 1 : 2;
    return fit > L ? L : fit > least ? fit : least;
}

// The sums of up to L rows; the lanes of none are those of a harmless row.
typedef struct F(row_sums) {
    T max[L];
    double top[L], rest[L];
} F(row_sums);

INLINE void F(clear)(F(row_sums) * s) {
    F(store)(s->max, F(splat)(0));
    for (size_t lane = 0; lane < L; lane++) s->top[lane] = 1, s->rest[lane] = 0;
}
INLINE void F(set)(F(row_sums) * s, size_t lane, ROW row) {
    s->max[lane] = row.max;
    s->top[lane] = row.top;
    s->rest[lane] = row.rest;
}
INLINE LANES F(lanes_of)(const F(row_sums) * s) {
    return (LANES){F(load)(s->max), F(load_doubles)(s->top), F(load_doubles)(s->rest)};
}

// A factor for a whole row, given as double plus remainder. A tiny one is applied in two steps, as
// a subnormal factor would have lost digits that its products have.
typedef struct F(factor) {
    V first, second;
#if CK_BITS == 64
    V low;
#endif
} F(factor);

INLINE F(factor) F(factor_of)(VD f, VD low) {
    (void)low;
    VD size = f < 0 ? -f : f;
    VD tiny = CK_BITS == 32 ? 0x1p-100 : 0x1p-960;
    VD lift = size < tiny ? (VD)0x1p64 : (VD)1.0, drop = size < tiny ? (VD)0x1p-64 : (VD)1.0;
#if CK_BITS == 32
    return (F(factor)){F(narrow)(f * lift), F(narrow)(drop)};
#else
    return (F(factor)){f * lift, drop, low * lift};
#endif
}
// That of one lane for a row.
INLINE F(factor) F(factor_at)(const F(factor) * f, size_t lane) {
#if CK_BITS == 32
    return (F(factor)){F(splat)(f->first[lane]), F(splat)(f->second[lane])};
#else
    return (F(factor)){F(splat)(f->first[lane]), F(splat)(f->second[lane]), F(splat)(f->low[lane])};
#endif
}
// The first step alone, which is all where the second is 1.
INLINE V F(scaled_once)(V e, F(factor) f) {
#if CK_BITS == 32
    return e * f.first;
#else
    return e * f.low + e * f.first;
#endif
}
INLINE V F(scaled)(V e, F(factor) f) { return F(scaled_once)(e, f) * f.second; }

// What comes AHEAD of a sweep over the first of `left` rows of these arrays, in whole rows where these are short; where the caches
// do not hold the arrays, and a row is worth it: 2 KB where a look for the maximum comes before the sweep. (Zen 5, rows that
// the last cache does not hold, cycles a vector, without and with the next row asked for: 1000, 2000, 8000 classes, loss and
// gradient 23, 19, 15 and 16, 12, 11; with probabilities 33, 28, 27 and 23, 19, 19; log-softmax's own gradient 32, 29, 22 and
// 18, 16, 16. Rows that it holds lose up to a tenth. Within rows of 128256 classes a twentieth to a seventh of the time.)
INLINE F(ahead) F(row_ahead)(const T *read, const T *other, T *write, size_t n, size_t left, size_t least) {
    size_t bytes = n * sizeof(T), by = AHEAD;
    if (bytes < least) return (F(ahead)){0};
    if (bytes <= SECOND_CACHE) by = bytes < AHEAD * sizeof(T) ? AHEAD * sizeof(T) / bytes * n : n;
    if (left * n <= by) return (F(ahead)){0};
    return (F(ahead)){read ? read + by : NULL, other ? other + by : NULL, write && write != read ? write + by : NULL,
                      left * n - by < n ? left * n - by : n};
}
// The beginning of the row after a long one, while that one is finished.
INLINE F(ahead) F(start_of)(const T *read, T *write, size_t n) {
    if (n * sizeof(T) <= SECOND_CACHE) return (F(ahead)){0};
    return (F(ahead)){read, NULL, write == read ? NULL : write, SECOND_CACHE / sizeof(T)};
}

INLINE void F(scale_row)(T *e, size_t n, F(factor) f, F(ahead) next) {
    size_t i = 0;
    for (; i + 4 * L <= n; i += 4 * L) {
        F(prefetch)(next, i);
        if (f.second[0] == 1) { UNROLL for (size_t j = i; j < i + 4 * L; j += L) F(store)(e + j, F(scaled_once)(F(load)(e + j), f)); }
        else { UNROLL for (size_t j = i; j < i + 4 * L; j += L) F(store)(e + j, F(scaled)(F(load)(e + j), f)); }
    }
    for (; i < n; i += L) F(store_n)(e + i, n - i, F(scaled)(F(load_n)(e + i, n - i, 0), f));
}

// Of n elements those before a whole vector's place in memory.
INLINE size_t F(to_vector)(const T *y, size_t n) {
    size_t lead = (CK_BYTES - (uintptr_t)y % CK_BYTES) % CK_BYTES / sizeof(T);
    return lead < n ? lead : n;
}

// From where a row's exponentials wait, in the cache, to their place past the caches, with a number of its own at `apart` where
// that is not negative. The caller fences.
INLINE void F(scale_away)(const T *e, T *y, size_t n, F(factor) f, I apart, T special) {
    const size_t lead = F(to_vector)(y, n);
    const V own = F(splat)(special);
    size_t i = lead;
    if (lead > 0) F(store_part)(y, lead, F(scaled)(F(load_part)(e, lead, 0), f));
    for (; i + L <= n; i += L) {
        V v = F(scaled)(F(load)(e + i), f);
        __builtin_nontemporal_store(F(iota)() + (I)i == apart ? own : v, (V *)(y + i));
    }
    if (i < n) F(store_part)(y + i, n - i, F(scaled)(F(load_part)(e + i, n - i, 0), f));
    if (apart >= 0 && ((size_t)apart < lead || (size_t)apart >= i)) y[apart] = special;
}

// NaN where any is, otherwise the largest: the log-sum-exp of a row that is no distribution.
static T F(extreme)(const T *x, size_t n) {
    T largest = -F(infinity)();
    for (size_t i = 0; i < n; i++) largest = x[i] <= largest || largest != largest ? largest : x[i];
    return largest;
}

// y may be x. The page after this one is asked for where memory answers: whether the processor sees the stores coming by
// itself hangs on where the loop's code lies. (Zen 5, 2048 rows of 2000: 12 or 15 cycles a vector, now 12.)
INLINE void F(subtract_sum)(const T *x, T *y, size_t n, T max, T log, ck_place place) {
    V m = F(splat)(max), l = F(splat)(log);
    size_t i = 0;
    // Past the caches, so that lines are not read to be overwritten. (Emerald Rapids, 2048 rows of 32000: 4.65 ns a vector, then
    // 3.80.) The caller fences.
    if (place == CK_BEYOND && y != x) {
        i = F(to_vector)(y, n);
        if (i > 0) F(store_part)(y, i, (F(load_part)(x, i, 0) - m) - l);
        for (; i + L <= n; i += L) __builtin_nontemporal_store((F(load)(x + i) - m) - l, (V *)(y + i));
    }
    for (; i + L <= n; i += L) {
        if (place != CK_CACHED) __builtin_prefetch(y + i + 4096 / sizeof(T), 1, 2);
        F(store)(y + i, (F(load)(x + i) - m) - l);
    }
    if (i < n) F(store_part)(y + i, n - i, (F(load_part)(x + i, n - i, 0) - m) - l);
}

static void F(normalise_rows)(const NORMALISE *a, size_t begin, size_t end) {
    int by_page = a->place >= CK_MEMORY;
    size_t n = a->classes, batch = a->output == CK_LOG_SUM_EXP ? L : F(rows_at_once)(n, by_page, by_page ? 1 : 2);
    for (size_t first = begin; first < end; first += batch) {
        size_t count = end - first < batch ? end - first : batch;
        const T *x = a->x + first * n;
        T *y = a->output == CK_LOG_SUM_EXP ? a->y + first : a->y + first * n, near[L];
        F(row_sums) sums;
        F(clear)(&sums);
        for (size_t j = 0; j < count; j++) near[j] = F(first_look)(x + j * n, n);
        for (size_t j = 0; j < count; j++) {
            if (a->output == CK_SOFTMAX) {
                F(ahead) next = {0};
                if (a->place != CK_CACHED) next = F(row_ahead)(x + j * n, NULL, y + j * n, n, end - first - j, 512);
                F(set)(&sums, j, F(sweep)(x + j * n, y + j * n, n, near[j], NULL, next));
            } else {
                F(set)(&sums, j, F(sweep_sums)(x + j * n, n, near[j], NULL, (F(ahead)){0}));
            }
        }
        LANES s = F(lanes_of)(&sums);
        if (a->output == CK_SOFTMAX) {
            VD low, by = F(quotient)((VD)1.0, s.top, s.rest, &low);
            F(factor) f = F(factor_of)(by, low);
            // Not the next row: 9.2 cycles a vector, then 10.5 (Zen 5, 128256 classes).
            for (size_t j = 0; j < count; j++) F(scale_row)(y + j * n, n, F(factor_at)(&f, j), (F(ahead)){0});
        } else if (a->output == CK_LOG_SUM_EXP) {
            V lse = F(narrow)(F(widen)(s.max) + F(log1p_ratio)(s.rest, s.top));
            for (size_t j = 0; j < count; j++) y[j] = lse[j] == lse[j] ? lse[j] : F(extreme)(x + j * n, n);
        } else {
            V log = F(narrow)(F(log1p_ratio)(s.rest, s.top));
            for (size_t j = 0; j < count; j++) F(subtract_sum)(x + j * n, y + j * n, n, s.max[j], log[j], a->place);
        }
    }
    if (a->place == CK_BEYOND) __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
