// Binary cross-entropy of independent entries: with e = exp(−|x|) and l = log1p(e),
//   −log σ(x) = l + max(−x, 0), −log σ(−x) = l + max(x, 0), and of σ(x) and σ(−x) one is 1/(1 + e), the other e/(1 + e),
// so that neither a loss nor a slope is a difference of large numbers.

// A factor for each of n entries from `begin` on, where they lie or spread out in `strip`; NULL: all 1.
static const T *F(factors_at)(const FACTORS *f, size_t begin, size_t n, T *strip) {
    if (!f->values) return NULL;
    if (f->apart == 1 && begin + n <= f->count) return f->values + begin;
    size_t place = begin / f->apart % f->count, left = f->apart - begin % f->apart;
    for (size_t i = 0; i < n;) {
        size_t run = f->apart == 1 ? f->count - place : left;
        if (run > n - i) run = n - i;
        for (size_t j = 0; j < run; j++) strip[i + j] = f->values[f->apart == 1 ? place + j : place];
        i += run;
        place = f->apart == 1 || place + 1 == f->count ? 0 : place + 1;
        left = f->apart;
    }
    return strip;
}

// A loss's part, of V or VD: nothing where its factor is, however unlikely the event.
#define PART(factor, surprisal) \
    ((((factor) == 0) & ((surprisal) == __builtin_inf())) ? (factor) : (factor) * (surprisal))

// `count` ≤ 4 vectors of entries from i on, n > 0 of them left; w and p are their factors, NULL in both where neither has any.
INLINE void F(binary_entries)(const BINARY *a, size_t i, size_t n, size_t count, const T *w, const T *p, SUM *sum) {
    V x[4], minus[4], e[4], l[4];
    UNROLL for (size_t j = 0; j < count; j++) {
        x[j] = F(load_n)(a->logits + i + j * L, n - j * L, 0);
        minus[j] = x[j] < 0 ? x[j] : -x[j];
    }
    F(exp_of_negatives)(minus, e, count);
    F(log1p_of_fractions)(e, l, count);
    UNROLL for (size_t j = 0; j < count; j++) {
        size_t at = i + j * L, left = n - j * L;
        V y = F(load_n)(a->targets + at, left, 0), no = 1 - y, zero = F(splat)(0), one = F(splat)(1);
        V of_yes = l[j] + (x[j] < 0 ? -x[j] : zero), of_no = l[j] + (x[j] > 0 ? x[j] : zero);
        // Times 1 + e: σ(−x) and σ(x).
        V less = x[j] < 0 ? one : e[j], more = x[j] > 0 ? one : e[j];
        // Factors are applied in double, whose roundings are none to a float.
        VD weight = F(widen)(w ? F(load_n)(w + at, left, 0) : one), positive = F(widen)(p ? F(load_n)(p + at, left, 0) : one);
        VD yes = positive * F(widen)(y), slope = a->scale * weight;
        if (a->target_slopes) {
            VD s = F(widen)(of_yes), rise = PART(positive - 1, s) - F(widen)(x[j]);
            F(store_n)(a->target_slopes + at, left, F(narrow)(slope * rise));
            continue;
        }
        V loss = w || p ? F(narrow)(weight * (PART(yes, F(widen)(of_yes)) + PART(F(widen)(no), F(widen)(of_no))))
                        : PART(y, of_yes) + PART(no, of_no);
        if (a->losses) F(store_n)(a->losses + at, left, loss);
        else F(add)(sum, left < L ? (V)((VI)loss & (F(iota)() < (I)left)) : loss);
        if (!a->slopes) continue;
        VD difference = p ? F(widen)(no) * F(widen)(more) - yes * F(widen)(less) : F(widen)(no * more - y * less);
        F(store_n)(a->slopes + at, left, F(narrow)(slope * difference / (1 + F(widen)(e[j]))));
    }
}
#undef PART

static void F(binary)(const BINARY *arguments, size_t begin, size_t end) {
    const BINARY copy = *arguments, *a = &copy;  // as in cross_entropy_rows
    T weights[CK_STRIP], positives[CK_STRIP];
    for (size_t strip = begin; strip < end; strip++) {
        size_t i = strip * CK_STRIP, last = i + CK_STRIP < a->count ? i + CK_STRIP : a->count;
        const T *w = F(factors_at)(&a->weight, i, last - i, weights);
        const T *p = F(factors_at)(&a->positive, i, last - i, positives);
        w = w ? w - i : w;
        p = p ? p - i : p;
        SUM sum = {0};
        if (w || p) {
            for (; i + 4 * L <= last; i += 4 * L) F(binary_entries)(a, i, 4 * L, 4, w, p, &sum);
            for (; i < last; i += L) F(binary_entries)(a, i, last - i, 1, w, p, &sum);
        } else {
            for (; i + 4 * L <= last; i += 4 * L) F(binary_entries)(a, i, 4 * L, 4, NULL, NULL, &sum);
            for (; i < last; i += L) F(binary_entries)(a, i, last - i, 1, NULL, NULL, &sum);
        }
        if (a->sums) a->sums[strip] = F(combined)(&sum, 1, L);
    }
}
