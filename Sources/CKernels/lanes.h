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

// n neighbouring positions from `position` on, whose first element lies at `first`.
typedef struct F(run) {
    size_t position, first, n;
} F(run);
#define RUN F(run)

// At most `most` blocks of them.
INLINE RUN F(run_at)(size_t classes, size_t inner, size_t position, size_t end, size_t most) {
    size_t n = end - position, i = position % inner;
    if (inner > 1 && n > inner - i) n = inner - i;
    if (n > most * L) n = most * L;
    return (RUN){position, inner == 1 ? position * classes : (position - i) * classes + i, n};
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

// With an inner axis, the haul after this one and the place of this one's results, asked for block by block while this one is
// worked on: a stretch of a class is over before the processor's own prefetcher has seen it. (Zen 5, 262144 positions of 21
// classes, loss and gradient: 49 cycles a vector, then 39 to 43, in place 38 and 31; log-softmax 44 and 32.)
typedef struct F(planes) {
    const T *read;
    T *written;
} F(planes);

static __attribute__((noinline)) F(planes) F(planes_ahead)(RUN run, size_t classes, size_t inner, size_t end, size_t haul,
                                                           const T *x, T *y) {
    size_t next = run.position + run.n;
    const T *read = next < end ? x + F(run_at)(classes, inner, next, end, haul).first : NULL;
    return (F(planes)){read, y && y != x ? y + run.first : NULL};
}

static __attribute__((noinline)) void F(ask)(F(planes) next, size_t classes, size_t inner, size_t from) {
    for (size_t c = 0; next.read && c < classes; c++) __builtin_prefetch(next.read + c * inner + from, 0, 2);
    for (size_t c = 0; next.written && c < classes; c++) __builtin_prefetch(next.written + c * inner + from, 1, 2);
}

// Lanes beyond the run's end are zero: a harmless row. `reach` is how many numbers may be read from x on.
static void F(pack)(RUN run, const T *x, size_t reach, size_t classes, size_t inner, T *packed) {
    if (inner > 1) {
        for (size_t c = 0; c < classes; c++, x += inner, packed += L)
            for (size_t i = 0; i < run.n; i += L) F(store)(packed + i * classes, F(load_n)(x + i, run.n - i, 0));
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

static void F(unpack)(RUN run, T *x, size_t classes, size_t inner, const T *packed) {
    if (inner > 1) {
        for (size_t c = 0; c < classes; c++, x += inner, packed += L)
            for (size_t i = 0; i < run.n; i += L) F(store_n)(x + i, run.n - i, F(load)(packed + i * classes));
        return;
    }
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

INLINE V F(lane_max)(BLOCK b, const T *x, size_t classes) {
    V m[4];
    UNROLL for (size_t j = 0; j < 4; j++) m[j] = F(splat)(-F(infinity)());
    size_t c = 0;
    for (; c + 4 <= classes; c += 4) UNROLL for (size_t j = 0; j < 4; j++) m[j] = F(larger)(m[j], F(get)(b, x, c + j));
    for (; c < classes; c++) m[0] = F(larger)(m[0], F(get)(b, x, c));
    return F(larger)(F(larger)(m[0], m[1]), F(larger)(m[2], m[3]));
}

// The exponentials v of `count` ≤ 4 classes, a constant, to the sum, the largest so far to `top`.
INLINE void F(lane_add)(const V *v, size_t count, SUM *sum, V *top) {
    V high01 = count > 1 ? F(larger)(v[0], v[1]) : v[0], low01 = F(smaller)(v[0], v[1]);
    V high23 = count > 3 ? F(larger)(v[2], v[3]) : v[2], low23 = F(smaller)(v[2], v[3]);
    V high = count > 2 ? F(larger)(high01, high23) : high01, low = F(smaller)(high01, high23);
    V left = F(smaller)(*top, high);
    *top = F(larger)(*top, high);
    if (count == 1) F(add)(sum, left);
    else if (count == 2) F(add2)(sum, low01, left);
    else if (count == 3) F(add4)(sum, low01, F(splat)(0), low, left);
    else F(add4)(sum, low01, low23, low, left);
}

// Of `count` ≤ 4 classes from c on, a constant: all their exponentials to `e` if that is given.
INLINE void F(lane_classes)(BLOCK b, const T *x, T *e, size_t c, size_t count, REFERENCE at, SUM *sum, V *top) {
    V v[4] = {0};
    UNROLL for (size_t j = 0; j < count; j++) v[j] = F(get)(b, x, c + j);
    // The errors of few exponentials do not average out in their sum, so they are kept smaller.
    F(exp_of_few)(at, v, v, count);
    if (e) { UNROLL for (size_t j = 0; j < count; j++) F(put)(b, e, c + j, v[j]); }
    F(lane_add)(v, count, sum, top);
}

INLINE LANES F(lanes_from)(V max, V top, const SUM *sum) {
    V infinity = F(splat)(F(infinity)());
    return (LANES){max, F(widen)(((max > -infinity) & (max < infinity)) ? top : F(splat)(F(nan)())), F(total)(sum)};
}

// With `e`, which is laid out as x and may be x, stores e(x). The maxima are another stage: a block's own, and what comes of
// them, would be waited for.
INLINE LANES F(lane_sweep)(BLOCK b, const T *x, T *e, size_t classes, V max, REFERENCE at) {
    V top = F(splat)(0);
    SUM sum = {0};
    size_t c = 0;
    for (; c + 4 <= classes; c += 4) F(lane_classes)(b, x, e, c, 4, at, &sum, &top);
    if (classes - c == 3) F(lane_classes)(b, x, e, c, 3, at, &sum, &top);
    else if (classes - c == 2) F(lane_classes)(b, x, e, c, 2, at, &sum, &top);
    else if (classes - c == 1) F(lane_classes)(b, x, e, c, 1, at, &sum, &top);
    return F(lanes_from)(max, top, &sum);
}

INLINE V F(lane_extreme)(BLOCK b, const T *x, size_t classes) {
    V largest = F(splat)(-F(infinity)());
    for (size_t c = 0; c < classes; c++) {
        V v = F(get)(b, x, c);
        largest = ((v <= largest) | (largest != largest)) ? largest : v;
    }
    return largest;
}

static void F(normalise_lanes)(const NORMALISE *a, size_t begin, size_t end) {
    T scratch[PACKED * L] __attribute__((aligned(64)));
    size_t classes = a->classes, inner = a->inner, batch = F(batch)(classes), haul = F(haul)(classes, inner);
    int packed = IS_PACKED(classes), sums = a->output == CK_LOG_SUM_EXP, soft = a->output == CK_SOFTMAX;
    LANES s[BATCH];
    RUN run;
    for (size_t position = begin; position < end; position += run.n) {
        run = F(run_at)(classes, inner, position, end, haul);
        const T *x = packed ? scratch : a->x + run.first;
        T *y = packed ? scratch : a->y + run.first;
        int asks = packed && inner > 1 && a->place != CK_CACHED;
        F(planes) next = asks ? F(planes_ahead)(run, classes, inner, end, haul, a->x, sums ? NULL : a->y) : (F(planes)){0};
        if (packed) F(pack)(run, a->x + run.first, (end - position) * classes, classes, inner, scratch);
        for (size_t first = 0, count = F(blocks_of)(run); first < count; first += batch) {
            size_t n = count - first < batch ? count - first : batch, start = first * classes * L;
            BLOCK at = packed ? F(packed) : (BLOCK){run.n, inner};
            V max[BATCH];
            for (size_t i = 0, from = start; i < n; i++, from += classes * L)
                max[i] = packed ? F(lane_max)(F(packed), x + from, classes) : F(lane_max)(at, x + from, classes);
            for (size_t i = 0, from = start; i < n; i++, from += classes * L) {
                if (asks) F(ask)(next, classes, inner, (first + i) * L);
                REFERENCE reference = F(reference_in)(max[i], 1);
                s[i] = packed ? F(lane_sweep)(F(packed), x + from, soft ? y + from : NULL, classes, max[i], reference)
                              : F(lane_sweep)(at, x + from, soft ? y + from : NULL, classes, max[i], reference);
            }
            for (size_t i = 0, from = start; i < n; i++, from += classes * L) {
                if (sums) {
                    V lse = F(narrow)(F(widen)(s[i].max) + F(log1p_ratio)(s[i].rest, s[i].top));
                    size_t done = (first + i) * L;
                    if (F(any)(lse != lse)) lse = lse == lse ? lse : F(lane_extreme)(at, x + from, classes);
                    F(store_n)(a->y + position + done, run.n - done, lse);
                } else if (soft) {
                    VD low, by = F(quotient)((VD)1.0, s[i].top, s[i].rest, &low);
                    F(factor) f = F(factor_of)(by, low);
                    for (size_t k = 0; k < classes; k++) F(put)(at, y + from, k, F(scaled)(F(get)(at, y + from, k), f));
                } else {
                    V log = F(narrow)(F(log1p_ratio)(s[i].rest, s[i].top));
                    for (size_t k = 0; k < classes; k++)
                        F(put)(at, y + from, k, (F(get)(at, x + from, k) - s[i].max) - log);
                }
            }
        }
        if (packed && !sums) F(unpack)(run, a->y + run.first, classes, inner, scratch);
    }
}

// Of one class, before its weight and after.
INLINE V F(lane_bare_share)(SHARES s, BLOCK b, size_t c) {
    T uniform = s.open ? s.uniform * s.open[c] : s.uniform;
    return s.q ? F(get)(b, s.q, c) * s.kept + uniform : F(splat)(uniform);
}
INLINE V F(lane_share)(SHARES s, BLOCK b, size_t c) {
    V bare = F(lane_bare_share)(s, b, c);
    return s.weight ? bare * s.weight[c] : bare;
}

// Up to so many classes each is compared with the labels; of more, the labels' own numbers are fetched one by one. (A
// comparison is two instructions with AVX-512, a number fetched four.)
#define COMPARED (CK_ISA == 2 ? 2 * L : L / 2)

// What each lane has at its label; 0 where it has none.
INLINE V F(pick)(BLOCK b, const T *x, VI label, size_t classes) {
    V v = F(splat)(0);
    if (classes <= COMPARED) {
        for (size_t c = 0; c < classes; c++) v = label == (I)c ? F(get)(b, x, c) : v;
        return v;
    }
    UNROLL for (size_t lane = 0; lane < L; lane++) {
        I c = label[lane];
        v[lane] = c < 0 ? 0 : x[(size_t)c * b.stride + lane];
    }
    return v;
}

// Σ share·(m − x) and Σ share, from the logits, before the sweep may replace them.
INLINE void F(lane_shares)(SHARES s, BLOCK b, const T *x, size_t classes, V m, F(target) * t) {
    SUM spread = {0}, total = {0};
    for (size_t c = 0; c < classes; c++) {
        V bare = F(lane_bare_share)(s, b, c), share = F(lane_share)(s, b, c);
        F(add)(&spread, bare == 0 ? (V)(T)0 : share * (m - F(get)(b, x, c)));
        F(add)(&total, share);
    }
    t->spread = F(total)(&spread);
    t->total = F(total)(&total);
}

// Before the sweep, which may replace x. Returns the maxima.
INLINE V F(target_look)(const CROSS_ENTROPY *a, BLOCK b, const T *x, const T *q, F(target) * t, F(labelled) * labelled) {
    V max = F(lane_max)(b, x, a->classes);
    t->spread = t->total = (VD)0.0;
    if (q || a->smoothing > 0) F(lane_shares)(F(shares_of)(a, q), b, x, a->classes, max, t);
    if (!q) {
        F(set_labels)(labelled, t->label);
        F(pick_labels)(labelled, x, 1, b.stride, a->classes > 0 ? b.n : 0);
    }
    return max;
}

// x may lie where e does, which is NULL when no gradient is wanted.
INLINE LANES F(target_sweep)(const CROSS_ENTROPY *a, BLOCK b, const T *x, const T *q, T *e, V max, F(target) * t,
                             const F(labelled) * labelled) {
    size_t classes = a->classes;
    REFERENCE at = F(reference_in)(max, 1);
    if (!q) {
        t->x = t->e = F(load)(labelled->v);
        F(exp_of_few)(at, &t->e, &t->e, 1);
    }
    LANES s = F(lane_sweep)(b, x, e, classes, max, at);
    if (!q) return s;
    SHARES shares = F(shares_of)(a, q);
    V top = F(narrow)(s.top);
    t->share = F(splat)(F(nan)());
    t->top = (VI)((I)0) - 1;
    for (size_t c = classes; e && c-- > 0;) {
        VI is = F(get)(b, e, c) == top;
        t->share = is ? F(lane_share)(shares, b, c) : t->share;
        t->top = is ? (VI)(I)c : t->top;
    }
    return s;
}

// e times the factor, less the shares where there are any; `once`, a constant, where the factor has no second step.
INLINE void F(scale_lanes)(const CROSS_ENTROPY *a, BLOCK b, const T *q, T *e, const F(target) * t, F(factor) f, VI keep, int once) {
    V scale = a->row_weights ? t->weight * (T)a->scale : F(splat)((T)a->scale);
    SHARES shares = F(shares_of)(a, q);
    int shared = q || a->smoothing > 0;
    for (size_t c = 0; c < a->classes; c++) {
        V v = F(get)(b, e, c);
        v = once ? F(scaled_once)(v, f) : F(scaled)(v, f);
        if (shared) v -= F(lane_share)(shares, b, c) * scale;
        F(put)(b, e, c, (V)((VI)v & keep));
    }
}

// Turns stored e into the gradient.
INLINE void F(target_gradient)(const CROSS_ENTROPY *a, BLOCK b, const T *q, T *e, const F(target) * t, F(labelled) * labelled) {
    F(factor) f = F(factor_of)(t->r.factor, t->r.low);
    VI keep = !q ? t->label >= 0 : a->row_weights ? t->weight != 0 : (VI)((I)0) - 1;
    if (F(any_greater)(F(splat)(1), f.second)) F(scale_lanes)(a, b, q, e, t, f, keep, 0);
    else F(scale_lanes)(a, b, q, e, t, f, keep, 1);
    // The class that is written apart.
    if (q) F(set_labels)(labelled, t->top);
    if (a->classes > 0) F(put_labels)(labelled, (V)((VI)t->r.special & keep), e, 1, b.stride, b.n);
}

// Plain: without row weights, λ and classes that are not open, as the compiler then knows.
INLINE void F(target_lanes)(const CROSS_ENTROPY *arguments, size_t begin, size_t end, int plain) {
    CROSS_ENTROPY copy = *arguments;  // as in cross_entropy_rows
    if (plain) {
        copy.row_weights = copy.open = NULL;
        copy.z_loss = 0;
    }
    const CROSS_ENTROPY *a = &copy;
    T scratch[PACKED * L] __attribute__((aligned(64))), targets[PACKED * L] __attribute__((aligned(64)));
    size_t classes = a->classes, inner = a->inner, batch = F(batch)(classes), haul = F(haul)(classes, inner);
    int packed = IS_PACKED(classes), soft = a->probabilities != NULL;
    V max[BATCH];
    LANES s[BATCH];
    F(target) t[BATCH];
    F(labelled) labelled[BATCH];
    RUN run;
    for (size_t position = begin; position < end; position += run.n) {
        run = F(run_at)(classes, inner, position, end, haul);
        size_t reach = (end - position) * classes;
        const T *x = packed ? scratch : a->logits + run.first;
        const T *q = !soft ? NULL : packed ? targets : a->probabilities + run.first;
        T *e = !a->gradient ? NULL : packed ? scratch : a->gradient + run.first;
        int asks = packed && inner > 1 && a->place != CK_CACHED;
        F(planes) next = asks ? F(planes_ahead)(run, classes, inner, end, haul, a->logits, a->gradient) : (F(planes)){0};
        if (packed) F(pack)(run, a->logits + run.first, reach, classes, inner, scratch);
        if (packed && soft) F(pack)(run, a->probabilities + run.first, reach, classes, inner, targets);
        for (size_t first = 0, count = F(blocks_of)(run); first < count; first += batch) {
            size_t n = count - first < batch ? count - first : batch, start = first * classes * L;
            for (size_t i = 0, from = start; i < n; i++, from += classes * L) {
                size_t done = (first + i) * L, rows = run.n - done < L ? run.n - done : L;
                // Field by field: what is not needed is not cleared, a kilobyte a block.
                t[i].label = F(labels_at)(soft ? NULL : a->labels + position + done, soft ? 0 : rows);
                if (a->row_weights) {
                    t[i].weight = F(load_n)(a->row_weights + position + done, rows, 0);
                    t[i].label = t[i].weight == 0 ? (VI)((I)0) - 1 : t[i].label;
                }
                const T *p = q ? q + from : NULL;
                if (packed) max[i] = F(target_look)(a, F(packed), x + from, p, &t[i], &labelled[i]);
                else max[i] = F(target_look)(a, (BLOCK){rows, inner}, x + from, p, &t[i], &labelled[i]);
            }
            for (size_t i = 0, from = start; i < n; i++, from += classes * L) {
                T *store = e ? e + from : NULL;
                if (asks) F(ask)(next, classes, inner, (first + i) * L);
                if (!packed) s[i] = F(target_sweep)(a, (BLOCK){run.n, inner}, x + from, q ? q + from : NULL, store, max[i], &t[i], &labelled[i]);
                else if (soft) s[i] = F(target_sweep)(a, F(packed), x + from, q + from, store, max[i], &t[i], &labelled[i]);
                else s[i] = F(target_sweep)(a, F(packed), x + from, NULL, store, max[i], &t[i], &labelled[i]);
            }
            for (size_t i = 0; i < n; i++) {
                size_t done = (first + i) * L;
                F(store_n)(a->losses + position + done, run.n - done, F(target_finish)(a, s[i], &t[i]));
            }
            for (size_t i = 0, from = start; e && i < n; i++, from += classes * L) {
                const T *p = q ? q + from : NULL;
                if (packed) F(target_gradient)(a, F(packed), p, e + from, &t[i], &labelled[i]);
                else F(target_gradient)(a, (BLOCK){run.n, inner}, p, e + from, &t[i], &labelled[i]);
            }
        }
        if (packed && e) F(unpack)(run, a->gradient + run.first, classes, inner, scratch);
    }
}

static void F(cross_entropy_lanes)(const CROSS_ENTROPY *a, size_t begin, size_t end) {
    if (a->row_weights || a->open || a->z_loss != 0) F(target_lanes)(a, begin, end, 0);
    else F(target_lanes)(a, begin, end, 1);
}
