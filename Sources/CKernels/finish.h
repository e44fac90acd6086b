// From the sums of L rows, a row a lane, to their losses and the numbers that their gradients need.

// The numbers of sweep.h's ROW.
typedef struct F(lanes) {
    V max;
    VD top, rest;
} F(lanes);
#define LANES F(lanes)

// A float's row divides once in double, with digits to spare; a double's divides each time and keeps remainders.
#if CK_BITS == 32
#define OVER(x, all, inverse) ((x) * (inverse))
#define SHARE(x, top, rest, inverse, low) (*(low) = (VD)0.0, (x) * (inverse))
#else
#define OVER(x, all, inverse) ((x) / (all))
#define SHARE(x, top, rest, inverse, low) ((void)(inverse), F(quotient)(x, top, rest, low))
#endif

typedef struct F(finished) {
    V loss;
    V special;  // the gradient at the label, or at the row's maximum
    VD factor;  // the gradient elsewhere is e·(factor + low) − share·scale
    VD low;
} F(finished);

// λ·lse² to a loss; returns its part of p's factor.
INLINE VD F(add_z)(const CROSS_ENTROPY *a, V max, VD log, V *loss) {
    if (a->z_loss == 0) return (VD)0.0;
    VD lse = F(widen)(max) + log, slope = a->z_loss * lse;
    *loss = F(narrow)(F(widen)(*loss) + slope * lse);
    return slope + slope;
}

// Index target y; `spread` and `total` are the smoothing shares' (0 without smoothing).
INLINE F(finished) F(finish_label)(const CROSS_ENTROPY *a, V weight, V max, V x_y, V w_y, VD top, VD rest, VD e_y, VD log,
                                   VD spread, VD total) {
    F(finished) out;
    // In the type's own arithmetic: the very operations of log-softmax and NLL one after the other.
    out.loss = w_y * ((max - x_y) + F(narrow)(log));
    VD all = top + rest, inverse = 1.0 / all, w = F(widen)(w_y), hit = (1 - a->smoothing) * w;
    // 1 − p_y as the sum of the other probabilities: a confident row keeps its digits.
    VD others = OVER((F(widen)(x_y) == F(widen)(max) ? rest : top + (rest - e_y)), all, inverse);
    VD g = -hit * others;
    if (a->smoothing > 0) {
        out.loss = F(narrow)((1 - a->smoothing) * F(widen)(out.loss) + (spread + total * log));
        // The label's own share, rounded as it was when it went into the total.
        g += OVER(e_y, all, inverse) * total - F(widen)(w_y * (T)a->uniform);
    }
    VD z = F(add_z)(a, max, log, &out.loss), scale = (VD)a->scale;
    if (a->z_loss != 0) g += OVER(e_y, all, inverse) * z;
    if (a->row_weights) {
        out.loss *= weight;
        scale *= F(widen)(weight);
    }
    out.special = F(narrow)(scale * g);
    out.factor = SHARE(scale * (hit + total + z), top, rest, inverse, &out.low);
    return out;
}

// Class probabilities; `share` is that of the class with the largest logit, where
// p·Σa − a = p·(Σa − a) − a·(1 − p) keeps the digits of a confident row.
INLINE F(finished) F(finish_probabilities)(const CROSS_ENTROPY *a, V weight, V max, VD top, VD rest, VD log, VD spread, VD total,
                                           VD share) {
    F(finished) out;
    VD all = top + rest, inverse = 1.0 / all;
    out.loss = F(narrow)(spread + total * log);
    VD z = F(add_z)(a, max, log, &out.loss), scale = (VD)a->scale;
    if (a->row_weights) {
        out.loss *= weight;
        scale *= F(widen)(weight);
    }
    out.special = F(narrow)(scale * (OVER(top, all, inverse) * (total + z - share) - share * OVER(rest, all, inverse)));
    out.factor = SHARE(scale * (total + z), top, rest, inverse, &out.low);
    return out;
}
#undef OVER
#undef SHARE

// What the sums do not hold, and what becomes of them.
typedef struct F(target) {
    VI label;        // −1: none
    V weight;        // of the row, where rows have weights; 0: it counts for nothing
    V x, e;          // the logit and the exponential at the label
    VD spread, total;
    V share;  // of class probabilities, that of the class with the largest exponential
    VI top;   // and that class
    F(finished) r;
} F(target);

INLINE VI F(labels_at)(const int32_t *labels, size_t n) {
    VI v, none = (VI)((I)0) - 1;
#if CK_ISA == 2 && CK_BITS == 32
    v = (VI)_mm512_mask_loadu_epi32((__m512i)none, (__mmask16)(n < L ? (1u << n) - 1 : 0xFFFF), labels);
#elif CK_ISA == 2
    __m256i whole = _mm256_mask_loadu_epi32(_mm256_set1_epi32(-1), (__mmask8)(n < L ? (1u << n) - 1 : 0xFF), labels);
    v = (VI)_mm512_cvtepi32_epi64(whole);
#elif CK_ISA == 1 && CK_BITS == 32
    VI wanted = F(iota)() < (I)n;
    v = (VI)_mm256_maskload_epi32(labels, (__m256i)wanted) | ~wanted;
#elif CK_ISA == 1
    VI wanted = F(iota)() < (I)n;
    __m128i half = _mm_cmpgt_epi32(_mm_set1_epi32(n < L ? (int)n : CK_LANES), _mm_set_epi32(3, 2, 1, 0));
    v = (VI)_mm256_cvtepi32_epi64(_mm_maskload_epi32(labels, half)) | ~wanted;
#else
    v = none;
    for (size_t lane = 0; lane < L; lane++)
        if (lane < n) v[lane] = labels[lane];
#endif
    return v < 0 ? none : v;
}

// The classes of L positions, 0 where they have none, and what there is of each. Of position i and class c that lies at
// i·apart + c·step.
typedef struct F(labelled) {
    I c[L];
    T v[L];
} F(labelled);

INLINE void F(set_labels)(F(labelled) * p, VI label) {
    VI c = label < 0 ? (VI)((I)0) : label;
    __builtin_memcpy(p->c, &c, sizeof c);
}

// Of n positions; 0 of the others. One after the other and through memory: taken out of a vector lane by lane, compared class by
// class or gathered, they are slower.
INLINE void F(pick_labels)(F(labelled) * p, const T *x, size_t apart, size_t step, size_t n) {
    UNROLL for (size_t i = 0; i < L; i++) {
        size_t at = i * apart + (size_t)p->c[i] * step;
        __asm__("" : "+r"(at));
        p->v[i] = i < n ? x[at] : 0;
    }
}

INLINE void F(put_labels)(F(labelled) * p, V v, T *g, size_t apart, size_t step, size_t n) {
    F(store)(p->v, v);
    if (n == L) { UNROLL for (size_t i = 0; i < L; i++) g[i * apart + (size_t)p->c[i] * step] = p->v[i]; }
    else for (size_t i = 0; i < n; i++) g[i * apart + (size_t)p->c[i] * step] = p->v[i];
}

INLINE V F(target_finish)(const CROSS_ENTROPY *a, LANES s, F(target) * t) {
    VD log = F(log1p_ratio)(s.rest, s.top);
    if (a->probabilities) {
        t->r = F(finish_probabilities)(a, t->weight, s.max, s.top, s.rest, log, t->spread, t->total, F(widen)(t->share));
        return a->row_weights ? (V)((VI)t->r.loss & (t->weight != 0)) : t->r.loss;
    }
    V w_y = F(splat)(1);
    if (a->weight) {
        UNROLL for (size_t lane = 0; lane < L; lane++)
            if (t->label[lane] >= 0) w_y[lane] = a->weight[t->label[lane]];
    }
    t->r = F(finish_label)(a, t->weight, s.max, t->x, w_y, s.top, s.rest, F(widen)(t->e), log, t->spread, t->total);
    return (V)((VI)t->r.loss & (t->label >= 0));
}
