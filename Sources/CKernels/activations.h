// The sigmoid, the activations that gate x by it or by the normal distribution, the one that lets what is positive pass, and
// what each makes of a gradient.
// Every tail is computed as itself, from a decaying exponential, never as what is left of 1.

// Beyond ±BEYOND the sigmoid is 0 or 1, and so is the normal distribution.
#define BEYOND (CK_BITS == 32 ? (T)105 : (T)746)
#define NORMAL_BEYOND (CK_BITS == 32 ? (T)15 : (T)39)
#define CUBIC_BEYOND (CK_BITS == 32 ? (T)11 : (T)22)

INLINE V F(within)(V x, T limit) {
    x = x < -limit ? (V)-limit : x;
    return x > limit ? (V)limit : x;
}
INLINE V F(fall)(V w) { return F(exp_full)(w < 0 ? w : -w); }

INLINE V F(sigmoid_of)(V x) {
    V e = F(fall)(x);
    return (x < 0 ? e : (V)(T)1) / (1 + e);
}
INLINE V F(sigmoid_slope)(V x) {
    V e = F(fall)(x), sum = 1 + e;
    return e / (sum * sum);
}

// x·σ(w), near being x within the bounds beyond which σ is 0 or 1: (−∞)·0 would be NaN.
INLINE V F(gated)(V x, V near, V w) {
    V e = F(fall)(w);
    return (w < 0 ? near * e : x) / (1 + e);
}
// σ(w) + x·σ(w)·(1 − σ(w))·dw/dx, where v = x·dw/dx.
INLINE V F(gated_slope)(V w, V v) {
    V e = F(fall)(w), sum = 1 + e;
    return (w < 0 ? e * (sum + v) : sum + e * v) / (sum * sum);
}

INLINE V F(silu_of)(V x) {
    V near = F(within)(x, BEYOND);
    return F(gated)(x, near, near);
}
INLINE V F(silu_slope)(V x) {
    V near = F(within)(x, BEYOND);
    return F(gated_slope)(near, near);
}

// ½(1 + tanh u) = σ(2u): 2√(2/π) and that times 0.044715.
#define CUBIC_1 ((T)1.5957691216057307118)
#define CUBIC_3 ((T)0.0713548162726002527)
INLINE V F(gelu_tanh_of)(V x) {
    V near = F(within)(x, CUBIC_BEYOND);
    return F(gated)(x, near, near * (CUBIC_1 + CUBIC_3 * (near * near)));
}
INLINE V F(gelu_tanh_slope)(V x) {
    V near = F(within)(x, CUBIC_BEYOND), square = near * near;
    return F(gated_slope)(near * (CUBIC_1 + CUBIC_3 * square), near * (CUBIC_1 + (3 * CUBIC_3) * square));
}

// exp(−x²/2), with what is lost when x is squared: it would cost x²/2 ULP.
INLINE V F(bell)(V x) {
    V square = x * x;
#if CK_FMA
    V lost = x * x - square;
#else
    // Dekker's product: of half the digits each, so that every partial product is exact.
    VI mask = (VI)F(splat)((T)0) + ~(((I)1 << (CK_MANTISSA + 1) / 2) - 1);
    V high = (V)((VI)x & mask), low = x - high;
    V lost = ((high * high - square) + 2 * (high * low)) + low * low;
#endif
    V e = F(exp_full)((T)-0.5 * square);
    return e - e * ((T)0.5 * lost);
}

// Φ(−|x|)/exp(−x²/2) = ½·p/(1 + 2z), z = |x|/√2 (coefficients.h).
INLINE V F(normal_ratio)(V size) {
    static const T p[] = CONSTANT(ERFC, P);
    V z = (T)0.70710678118654752440 * size, t = (z - CONSTANT(ERFC, K)) / (z + CONSTANT(ERFC, K));
    V q = F(splat)(p[sizeof p / sizeof *p - 1]);
    UNROLL for (size_t i = sizeof p / sizeof *p - 1; i-- > 0;) q = p[i] + t * q;
    return q / (2 + 4 * z);
}

INLINE V F(gelu_of)(V x) {
    V near = F(within)(x, NORMAL_BEYOND), size = near < 0 ? -near : near;
    V part = near * (F(bell)(near) * F(normal_ratio)(size));
    return x < 0 ? part : x - part;
}
// Φ(x) + x·φ(x)
INLINE V F(gelu_slope)(V x) {
    V near = F(within)(x, NORMAL_BEYOND), size = near < 0 ? -near : near;
    V low = F(bell)(near) * (F(normal_ratio)(size) - (T)0.39894228040143267794 * size);
    return x < 0 ? low : 1 - low;
}

INLINE V F(relu_of)(V x) { return x < 0 ? (V)(T)0 : x; }

static __attribute__((noinline)) void F(activate)(ck_activation activation, const T *x, T *y, size_t count) {
#define ACTIVATE(value)                                 \
    for (size_t i = 0; i < count; i += L) {             \
        V v = F(load_n)(x + i, count - i, 0);           \
        F(store_n)(y + i, count - i, value(v));         \
    }                                                   \
    return;
    switch (activation) {
    case CK_SIGMOID: ACTIVATE(F(sigmoid_of))
    case CK_SILU: ACTIVATE(F(silu_of))
    case CK_GELU: ACTIVATE(F(gelu_of))
    case CK_GELU_TANH: ACTIVATE(F(gelu_tanh_of))
    case CK_RELU: ACTIVATE(F(relu_of))
    }
#undef ACTIVATE
}

// dx ← dy·f′(x); 0 stays 0, whatever x is.
static __attribute__((noinline)) void F(activate_gradient)(ck_activation activation, const T *x, const T *dy, T *dx, size_t count) {
#define GRADIENT(value)                                                                 \
    for (size_t i = 0; i < count; i += L) {                                             \
        V v = F(load_n)(x + i, count - i, 0), above = F(load_n)(dy + i, count - i, 0);  \
        F(store_n)(dx + i, count - i, value);                                           \
    }                                                                                   \
    return;
#define SLOPE(slope) GRADIENT(above == 0 ? above : above * slope(v))
    switch (activation) {
    case CK_SIGMOID: SLOPE(F(sigmoid_slope))
    case CK_SILU: SLOPE(F(silu_slope))
    case CK_GELU: SLOPE(F(gelu_slope))
    case CK_GELU_TANH: SLOPE(F(gelu_tanh_slope))
    case CK_RELU: GRADIENT(v <= 0 ? (V)(T)0 : above)
    }
#undef SLOPE
#undef GRADIENT
}
#undef BEYOND
#undef NORMAL_BEYOND
#undef CUBIC_BEYOND
