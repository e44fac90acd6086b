// A single sweep over a row of contiguous classes finds the maximum and sums the exponentials.

// What a sweep knows of a row x. With e(x) = exp(x − centre)·2^shift:
typedef struct F(row) {
    T max;        // m = max x
    double top;   // e(m)
    double rest;  // Σ e(x_j) over all j but the first with the largest e
} F(row);
#define ROW F(row)

// The first place of a value, n when it is nowhere.
INLINE size_t F(first_of)(const T *x, size_t n, T value) {
    for (size_t i = 0; i < n; i += L) {
        size_t lane = F(first_lane)(F(load_n)(x + i, n - i, F(nan)()), value);
        if (lane < L) return i + lane;
    }
    return n;
}

// Running state. The largest e so far waits in `top` and is left out of `sum`; when a larger one
// comes, the smaller of the two goes into the sum, so every term but the last maximum is added once.
typedef struct F(sweep_state) {
    V max, top, waiting;  // `waiting` is to go into the sum, too
    SUM sum;
    REFERENCE at;
} F(sweep_state);
#define SWEEP F(sweep_state)

INLINE void F(sweep_one)(SWEEP *s, V e) {
    F(add)(&s->sum, F(smaller)(s->top, e));
    s->top = F(larger)(s->top, e);
}

// In each lane the largest of `count` vectors, 4 or 8, of which n elements are there.
INLINE V F(highest_of)(const T *x, size_t count, size_t n) {
    V v[8];
    UNROLL for (size_t j = 0; j < count; j++) {
        v[j] = F(splat)(-F(infinity)());
        if (j * L < n) v[j] = F(load_n)(x + j * L, n - j * L, -F(infinity)());
    }
    V high = F(larger)(F(larger)(v[0], v[1]), F(larger)(v[2], v[3]));
    return count == 8 ? F(larger)(high, F(larger)(F(larger)(v[4], v[5]), F(larger)(v[6], v[7]))) : high;
}

INLINE T F(max_of)(const T *x, size_t n) {
    V m[4];
    UNROLL for (size_t j = 0; j < 4; j++) m[j] = F(splat)(-F(infinity)());
    size_t i = 0;
    for (; i + 4 * L <= n; i += 4 * L)
        UNROLL for (size_t j = 0; j < 4; j++) m[j] = F(larger)(m[j], F(load)(x + i + j * L));
    for (; i < n; i += L) m[0] = F(larger)(m[0], F(load_n)(x + i, n - i, -F(infinity)()));
    return F(reduce_max)(F(larger)(F(larger)(m[0], m[1]), F(larger)(m[2], m[3])));
}

// Somewhere in x[i ..< n] a logit lies so far above the reference that e would overflow: takes the
// rest's maximum as the new reference and rescales what is there. At most once a row, as nothing
// that is left lies above it.
static __attribute__((noinline)) void F(raise)(SWEEP *s, const T *x, T *e, size_t i, size_t n) {
    REFERENCE old = s->at;
    s->at = F(reference_at)(F(splat)(F(max_of)(x + i, n - i)));
    // exp(old centre − new centre)·2^(new shift − old shift), the exponent kept apart: either factor
    // alone may be out of range where the product is not.
    V t = old.centre - s->at.centre;
    t = t < -(T)FAR * 2 ? (V)(T)(-FAR * 2) : t;
    // The new reference lies above the old one, but for rows that began with nothing but −∞: what they
    // stored is 0 whatever the factor, as long as that is finite.
    t = t > 0 ? (V)(T)0 : t;
    V k = (t * LOG2E + MAGIC) - MAGIC;
    V unit;
    F(exp_reduced)(&t, &k, &unit, 1);
    k += (s->at.magic - old.magic) / STEPS;
    k = k > 0 ? (V)(T)0 : k;
    V first = (k * (T)0.5 + MAGIC) - MAGIC;
    V factors[2] = {F(power_of_2)(first), F(power_of_2)(k - first)};
    factors[0] *= unit;
    for (int f = 0; f < 2; f++) {
        s->top *= factors[f];
        s->waiting *= factors[f];
        s->sum.high *= F(widen)(factors[f]);
#if CK_BITS == 64
        s->sum.low *= factors[f];
#endif
        for (size_t j = 0; e && j < i; j += L) F(store_n)(e + j, i - j, F(load_n)(e + j, i - j, 0) * factors[f]);
    }
}

INLINE ROW F(finish_sweep)(SWEEP *s) {
    ROW row = {.max = F(reduce_max)(s->max)};
    row.top = F(largest_and_rest)(s->top, s->sum, &row.rest);
    // All −∞, any +∞ or any NaN: no distribution.
    if (!(row.max > -F(infinity)() && row.max < F(infinity)())) row.rest = __builtin_nan("");
    return row;
}

// Elements ahead that a sweep asks for: memory answers later than the processor's own prefetcher thinks. What comes from there
// goes to the second cache, which has several times as many requests under way as the first, and from it to the first, CLOSE
// elements ahead. (Emerald Rapids, 262 MB of logits, to the first alone, to the second alone, in two steps: 2.57, 2.84 and
// 2.31 ns a vector of the loss; distances from 8 to 32 KB and from 512 bytes to 2 KB are alike.)
#define AHEAD (16384 / sizeof(T))
#define CLOSE (1024 / sizeof(T))

// Somewhere in x[i ..< n] lies a logit above the limit that the reference allows.
INLINE void F(check)(SWEEP *s, V highest, V *limit, const T *x, T *e, size_t i, size_t n) {
    if (__builtin_expect(F(any_greater)(highest, *limit), 0)) {
        SWEEP state = *s;  // whose address is passed on: `s` itself stays in registers
        F(raise)(&state, x, e, i, n);
        *s = state;
        *limit = F(splat)(F(infinity)());
    }
}

// Of four numbers in each lane: the largest stays in v[3], the others before it.
INLINE void F(largest_last)(V *v) {
    V high01 = F(larger)(v[0], v[1]), low01 = F(smaller)(v[0], v[1]);
    V high23 = F(larger)(v[2], v[3]), low23 = F(smaller)(v[2], v[3]);
    v[0] = low01;
    v[1] = low23;
    v[2] = F(smaller)(high01, high23);
    v[3] = F(larger)(high01, high23);
}

// Of four exponentials in each lane those that go into a sum, the largest so far of which waits in `top`.
INLINE void F(all_but_top)(V *top, V *v) {
    V high01 = F(larger_positive)(v[0], v[1]), low01 = F(smaller_positive)(v[0], v[1]);
    V high23 = F(larger_positive)(v[2], v[3]), low23 = F(smaller_positive)(v[2], v[3]);
    V high = F(larger_positive)(high01, high23);
    v[0] = low01;
    v[1] = low23;
    v[2] = F(smaller_positive)(high01, high23);
    v[3] = F(smaller_positive)(*top, high);
    *top = F(larger_positive)(*top, high);
}

// Quads whose exponentials are taken side by side: two, or, of the shorter ones by table, one. (Zen 4, AVX-512, loss
// and gradient of 1000 classes in cache: 18.1 cycles a vector by two, 16.5 by one; AVX2 22.6, 23.3; SSE2 53, 65.)
#define TOGETHER (TABLED ? 1 : 2)

// Four vectors of terms: of floats the first of two quads waits for the second.
INLINE void F(add_quad)(SWEEP *s, const V *v, int waits) {
#if CK_BITS == 32
    V four = (v[0] + v[1]) + (v[2] + v[3]);
    if (!waits) F(add)(&s->sum, s->waiting + four);
    s->waiting = waits ? four : F(splat)(0);
#else
    F(add4)(&s->sum, v[0], v[1], v[2], v[3]);
#endif
}

// 4·quads vectors from x[i] on, quads a constant. They share a reference, here and where they are stored, so that a loss has the
// same bits with a gradient and without.
INLINE void F(sum_quads)(SWEEP *s, V *limit, const T *x, size_t i, size_t n, size_t quads) {
    V e[8];
    UNROLL for (size_t q = 0; q < quads; q++) {
        V *v = e + 4 * q;
        UNROLL for (size_t j = 0; j < 4; j++) v[j] = F(load)(x + i + (4 * q + j) * L);
        F(largest_last)(v);
        V high = v[3];
        v[3] = F(smaller)(s->max, high);
        s->max = F(larger)(s->max, high);
    }
    F(check)(s, s->max, limit, x, NULL, i, n);
    UNROLL for (size_t q = 0; q < quads; q += TOGETHER) {
        size_t together = quads < TOGETHER ? quads : TOGETHER;
        F(exp_at)(s->at, e + 4 * q, e + 4 * q, 4 * together);
        UNROLL for (size_t k = q; k < q + together; k++) F(add_quad)(s, e + 4 * k, k + 1 < quads);
    }
}

// Memory that will be wanted next, asked for while a row is worked on in the cache, a vector of it for each vector of the
// row: the processor's own prefetcher stops at the end of a page, which is the end of a thousand classes.
typedef struct F(ahead) {
    const T *read, *other;
    T *write;
    size_t n;
} F(ahead);

INLINE void F(prefetch)(F(ahead) next, size_t i) {
    if (i >= next.n) return;
#define LINES for (size_t k = 0; k < 4 * L; k += 64 / sizeof(T))
    if (next.read) { UNROLL LINES __builtin_prefetch(next.read + i + k, 0, 2); }
    if (next.other) { UNROLL LINES __builtin_prefetch(next.other + i + k, 0, 2); }
    if (next.write) { UNROLL LINES __builtin_prefetch(next.write + i + k, 1, 2); }
#undef LINES
}

// Sweeps a row of n ≥ 1 logits, of which nothing but the sums is wanted, those of a tally among them where there is one:
// the largest logits themselves wait, one a lane, and what they displace is exponentiated. `near` is a reference to
// begin with: some logit, or a maximum of some.
INLINE ROW F(sweep_sums)(const T *x, size_t n, T near, F(tally) * tally, F(ahead) next) {
    SWEEP s = {.max = F(splat)(-F(infinity)()), .top = F(splat)(0), .at = F(reference_at)(F(splat)(near))};
    V limit = F(splat)(near + RISE);
    // After short rows comes what they are turned into, which is as far away.
    size_t i = 0, ahead = n > AHEAD ? AHEAD : AHEAD / 4;
    for (; i + 8 * L <= n; i += 8 * L) {
        if (next.n > 0) F(prefetch)(next, i), F(prefetch)(next, i + 4 * L);
        else UNROLL for (size_t j = 0; j < 8 * L; j += 64 / sizeof(T)) {
            __builtin_prefetch(x + i + ahead + j, 0, 2);
            __builtin_prefetch(x + i + CLOSE + j);
        }
        F(sum_quads)(&s, &limit, x, i, n, 2);
        if (tally && tally->rises) F(raise_shares)(tally, s.max, i);
        if (tally) F(add_shares)(tally, x, i, 8, 8 * L);
    }
    if (tally && i < n && tally->rises) F(raise_shares)(tally, F(highest_of)(x + i, 8, n - i), i);
    if (i + 4 * L <= n) {
        F(sum_quads)(&s, &limit, x, i, n, 1);
        if (tally) F(add_shares)(tally, x, i, 4, 4 * L);
        i += 4 * L;
    }
    if (tally && i < n) F(add_shares)(tally, x, i, 4, n - i);
    for (; i < n; i += L) {
        V v = F(load_n)(x + i, n - i, -F(infinity)());
        V displaced = F(smaller)(s.max, v);
        s.max = F(larger)(s.max, v);
        F(check)(&s, s.max, &limit, x, NULL, i, n);
        F(add)(&s.sum, F(exp_at_1)(s.at, displaced));
    }
    s.top = F(exp_at_1)(s.at, s.max);
    return F(finish_sweep)(&s);
}

INLINE void F(store_quads)(SWEEP *s, V *limit, const T *x, T *e, size_t i, size_t n, size_t quads, F(tally) * tally) {
    V highest = F(highest_of)(x + i, 4 * quads, 4 * quads * L);
    s->max = F(larger)(s->max, highest);
    F(check)(s, highest, limit, x, e, i, n);
    if (tally && tally->rises && quads == 2) F(raise_shares)(tally, s->max, i);
    if (tally) F(add_shares)(tally, x, i, 4 * quads, 4 * quads * L);
    UNROLL for (size_t q = 0; q < quads; q += TOGETHER) {
        size_t together = quads < TOGETHER ? quads : TOGETHER;
        V v[8];
        UNROLL for (size_t j = 0; j < 4 * together; j++) v[j] = F(load)(x + i + (4 * q + j) * L);
        F(exp_at)(s->at, v, v, 4 * together);
        UNROLL for (size_t j = 0; j < 4 * together; j++) F(store)(e + i + (4 * q + j) * L, v[j]);
        UNROLL for (size_t k = 0; k < together; k++) {
            F(all_but_top)(&s->top, v + 4 * k);
            F(add_quad)(s, v + 4 * k, q + k + 1 < quads);
        }
    }
}

// What is wanted next, and of this row what comes next, while `count` vectors of it are worked on.
INLINE void F(look_ahead)(const T *x, size_t i, size_t count, const F(tally) * tally, F(ahead) next) {
    UNROLL for (size_t j = 0; j < count; j += 4) F(prefetch)(next, i + j * L);
    if (next.n == 0) return;
    UNROLL for (size_t j = 0; j < count * L; j += 64 / sizeof(T)) {
        __builtin_prefetch(x + i + CLOSE + j);
        if (tally && tally->shares.q) __builtin_prefetch(tally->shares.q + i + CLOSE + j);
    }
}

// The same; stores e(x_j) in `e`, which may be x, and asks for what is wanted next.
INLINE ROW F(sweep)(const T *x, T *e, size_t n, T near, F(tally) * tally, F(ahead) next) {
    SWEEP s = {.max = F(splat)(-F(infinity)()), .top = F(splat)(0), .at = F(reference_at)(F(splat)(near))};
    V limit = F(splat)(near + RISE);
    size_t i = 0;
    for (; i + 8 * L <= n; i += 8 * L) {
        F(look_ahead)(x, i, 8, tally, next);
        F(store_quads)(&s, &limit, x, e, i, n, 2, tally);
    }
    if (tally && i < n && tally->rises) F(raise_shares)(tally, F(highest_of)(x + i, 8, n - i), i);
    if (i + 4 * L <= n) {
        F(look_ahead)(x, i, 4, tally, next);
        F(store_quads)(&s, &limit, x, e, i, n, 1, tally);
        i += 4 * L;
    }
    if (tally && i < n) F(add_shares)(tally, x, i, 4, n - i);
    for (; i < n; i += L) {
        V v = F(load_n)(x + i, n - i, -F(infinity)());
        s.max = F(larger)(s.max, v);
        F(check)(&s, v, &limit, x, e, i, n);
        V value = F(exp_at_1)(s.at, v);
        F(store_n)(e + i, n - i, value);
        F(sweep_one)(&s, value);
    }
    return F(finish_sweep)(&s);
}

// A reference to begin a row with: the maximum of its first few logits.
INLINE T F(first_look)(const T *x, size_t n) { return F(max_of)(x, n < 4 * L ? n : 4 * L); }

