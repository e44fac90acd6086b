// From the sums of a row to its loss and the numbers its gradient needs: once for a single row
// (W is T, D is double), once for rows across lanes (W is V, D is VD).

// A float's row divides once in double, with digits to spare; a double's divides each time and keeps remainders.
#if CK_BITS == 32
#define OVER(x, all, inverse) ((x) * (inverse))
#define SHARE(x, top, rest, inverse, low) (*(low) = (D)0.0, (x) * (inverse))
#else
#define OVER(x, all, inverse) ((x) / (all))
#define SHARE(x, top, rest, inverse, low) ((void)(inverse), G(quotient)(x, top, rest, low))
#endif

typedef struct G(finished) {
    W loss;
    W special;  // the gradient at the label, or at the row's maximum
    D factor;   // the gradient elsewhere is e·(factor + low) − share·scale
    D low;
} G(finished);

// λ·lse² to a loss; returns its part of p's factor.
INLINE D G(add_z)(const CROSS_ENTROPY *a, W max, D log, W *loss) {
    if (a->z_loss == 0) return (D)0.0;
    D lse = TO_D(max) + log, slope = a->z_loss * lse;
    *loss = TO_W(TO_D(*loss) + slope * lse);
    return slope + slope;
}

// Index target y; `spread` and `total` are the smoothing shares' (0 without smoothing).
INLINE G(finished) G(finish_label)(const CROSS_ENTROPY *a, W weight, W max, W x_y, W w_y, D top, D rest, D e_y, D log,
                                   D spread, D total) {
    G(finished) out;
    // In the type's own arithmetic: the very operations of log-softmax and NLL one after the other.
    out.loss = w_y * ((max - x_y) + TO_W(log));
    D all = top + rest, inverse = 1.0 / all, w = TO_D(w_y), hit = (1 - a->smoothing) * w;
    // 1 − p_y as the sum of the other probabilities: a confident row keeps its digits.
    D others = OVER((TO_D(x_y) == TO_D(max) ? rest : top + (rest - e_y)), all, inverse);
    D g = -hit * others;
    if (a->smoothing > 0) {
        out.loss = TO_W((1 - a->smoothing) * TO_D(out.loss) + (spread + total * log));
        // The label's own share, rounded as it was when it went into the total.
        g += OVER(e_y, all, inverse) * total - TO_D(w_y * (T)a->uniform);
    }
    D z = G(add_z)(a, max, log, &out.loss), scale = (D)a->scale;
    if (a->z_loss != 0) g += OVER(e_y, all, inverse) * z;
    if (a->row_weights) {
        out.loss *= weight;
        scale *= TO_D(weight);
    }
    out.special = TO_W(scale * g);
    out.factor = SHARE(scale * (hit + total + z), top, rest, inverse, &out.low);
    return out;
}

// Class probabilities; `share` is that of the class with the largest logit, where
// p·Σa − a = p·(Σa − a) − a·(1 − p) keeps the digits of a confident row.
INLINE G(finished) G(finish_probabilities)(const CROSS_ENTROPY *a, W weight, W max, D top, D rest, D log, D spread, D total,
                                           D share) {
    G(finished) out;
    D all = top + rest, inverse = 1.0 / all;
    out.loss = TO_W(spread + total * log);
    D z = G(add_z)(a, max, log, &out.loss), scale = (D)a->scale;
    if (a->row_weights) {
        out.loss *= weight;
        scale *= TO_D(weight);
    }
    out.special = TO_W(scale * (OVER(top, all, inverse) * (total + z - share) - share * OVER(rest, all, inverse)));
    out.factor = SHARE(scale * (total + z), top, rest, inverse, &out.low);
    return out;
}
#undef OVER
#undef SHARE
