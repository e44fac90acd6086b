// Blocks of L positions: the sums of their classes, and log-softmax, softmax and log-sum-exp.

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
    V high01 = count > 1 ? F(larger_positive)(v[0], v[1]) : v[0], low01 = F(smaller_positive)(v[0], v[1]);
    V high23 = count > 3 ? F(larger_positive)(v[2], v[3]) : v[2], low23 = F(smaller_positive)(v[2], v[3]);
    V high = count > 2 ? F(larger_positive)(high01, high23) : high01, low = F(smaller_positive)(high01, high23);
    V left = F(smaller_positive)(*top, high);
    *top = F(larger_positive)(*top, high);
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
// them, would be waited for. `w`: what is done beside it, or NULL.
INLINE LANES F(lane_sweep)(BLOCK b, const T *x, T *e, size_t classes, V max, REFERENCE at, F(beside) * w) {
    V top = F(splat)(0);
    SUM sum = {0};
    size_t c = 0;
    for (; c + 4 <= classes; c += 4) {
        F(lane_classes)(b, x, e, c, 4, at, &sum, &top);
        if (w && (c & 4)) F(one_beside)(w);
    }
    if (classes - c == 3) F(lane_classes)(b, x, e, c, 3, at, &sum, &top);
    else if (classes - c == 2) F(lane_classes)(b, x, e, c, 2, at, &sum, &top);
    else if (classes - c == 1) F(lane_classes)(b, x, e, c, 1, at, &sum, &top);
    while (w && w->plane < w->end) F(one_beside)(w);
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

// Of a block that has been swept: its log-sum-exp, n of them, or what its results are made with: (x − first) − second of
// log-softmax, a factor of softmax.
INLINE F(factor) F(normalise_finish)(const NORMALISE *a, BLOCK b, const T *x, LANES s, T *sums, size_t n) {
    if (a->output == CK_LOG_SUM_EXP) {
        V lse = F(narrow)(F(widen)(s.max) + F(log1p_ratio)(s.rest, s.top));
        if (F(any)(lse != lse)) lse = lse == lse ? lse : F(lane_extreme)(b, x, a->classes);
        F(store_n)(sums, n, lse);
        return (F(factor)){0};
    }
    if (a->output == CK_LOG_SOFTMAX) return (F(factor)){.first = s.max, .second = F(narrow)(F(log1p_ratio)(s.rest, s.top))};
    VD low, by = F(quotient)((VD)1.0, s.top, s.rest, &low);
    return F(factor_of)(by, low);
}

static void F(normalise_haul)(const void *arguments, F(hauled) * h, size_t position, F(beside) * w) {
    const NORMALISE *a = arguments;
    size_t classes = a->classes, batch = F(batch)(classes), count = F(blocks_of)(h->run);
    V max[BATCH];
    LANES s[BATCH];
    for (size_t first = 0; first < count; first += batch) {
        size_t n = count - first < batch ? count - first : batch;
        T *x = h->x + first * classes * L;
        for (size_t i = 0; i < n; i++) max[i] = F(lane_max)(F(packed), x + i * classes * L, classes);
        for (size_t i = 0; i < n; i++) {
            T *from = x + i * classes * L;
            F(turn_to_next)(w);
            s[i] = F(lane_sweep)(F(packed), from, a->output == CK_SOFTMAX ? from : NULL, classes, max[i], F(reference_in)(max[i], 1), w);
        }
        for (size_t i = 0; i < n; i++) {
            size_t b = first + i, left = h->run.n - b * L;
            F(factor) f = F(normalise_finish)(a, F(packed), x + i * classes * L, s[i], a->y + position + b * L, left);
            F(hold)(h, b, f, (VI)((I)0) - 1, 0);
        }
    }
}

static __attribute__((noinline)) void F(normalise_planes)(const NORMALISE *a, size_t begin, size_t end) {
    F(planes) p = {a->classes, a->inner, a->x, NULL, a->output == CK_LOG_SUM_EXP ? NULL : a->y, a->place != CK_CACHED,
                   a->output == CK_LOG_SOFTMAX};
    F(over_planes)(a, &p, begin, end, F(normalise_haul));
}

// Rows of few classes, and more classes of an inner axis than are packed.
static void F(normalise_lanes)(const NORMALISE *a, size_t begin, size_t end) {
    T scratch[PACKED * L] __attribute__((aligned(64)));
    size_t classes = a->classes, inner = a->inner, batch = F(batch)(classes);
    int packed = IS_PACKED(classes), sums = a->output == CK_LOG_SUM_EXP, soft = a->output == CK_SOFTMAX;
    LANES s[BATCH];
    RUN run;
    for (size_t position = begin; position < end; position += run.n) {
        run = F(run_at)(classes, inner, position, end, F(haul)(classes, inner));
        const T *x = packed ? scratch : a->x + run.first;
        T *y = packed ? scratch : a->y + run.first;
        if (packed) F(pack)(run, a->x + run.first, (end - position) * classes, classes, inner, scratch);
        for (size_t first = 0, count = F(blocks_of)(run); first < count; first += batch) {
            size_t n = count - first < batch ? count - first : batch, start = first * classes * L;
            BLOCK at = packed ? F(packed) : (BLOCK){run.n, inner};
            V max[BATCH];
            for (size_t i = 0, from = start; i < n; i++, from += classes * L)
                max[i] = packed ? F(lane_max)(F(packed), x + from, classes) : F(lane_max)(at, x + from, classes);
            for (size_t i = 0, from = start; i < n; i++, from += classes * L) {
                REFERENCE reference = F(reference_in)(max[i], 1);
                s[i] = packed ? F(lane_sweep)(F(packed), x + from, soft ? y + from : NULL, classes, max[i], reference, NULL)
                              : F(lane_sweep)(at, x + from, soft ? y + from : NULL, classes, max[i], reference, NULL);
            }
            for (size_t i = 0, from = start; i < n; i++, from += classes * L) {
                size_t done = (first + i) * L;
                F(factor) f = F(normalise_finish)(a, at, x + from, s[i], a->y + position + done, run.n - done);
                for (size_t k = 0; !sums && k < classes; k++) {
                    V v = F(get)(at, (soft ? y : x) + from, k);
                    F(put)(at, y + from, k, soft ? F(scaled)(v, f) : (v - f.first) - f.second);
                }
            }
        }
        if (packed && !sums) F(unpack)(run, a->y + run.first, classes, scratch);
    }
}
