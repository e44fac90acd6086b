// The loops behind the machine's limits, once for each instruction set: CB_PREFIX, CB_BYTES (of a vector).

#define CB_PASTE_(a, b) a##_##b
#define CB_PASTE(a, b) CB_PASTE_(a, b)
#define F(name) CB_PASTE(CB_PREFIX, name)
#define L (CB_BYTES / sizeof(float))

typedef float F(v) __attribute__((ext_vector_type(CB_BYTES / 4)));
typedef float F(vu) __attribute__((ext_vector_type(CB_BYTES / 4), aligned(4), may_alias));
typedef double F(vd) __attribute__((ext_vector_type(CB_BYTES / 8)));

// Asks for the memory of as many vectors, so far ahead of x.
#define ASK(x, vectors, written)                            \
    for (size_t k = 0; ahead && k < (vectors) * L; k += 16) \
        if (ahead < CB_TWO_STEPS) __builtin_prefetch((x) + ahead + k, written); \
        else { \
            __builtin_prefetch((x) + ahead + k, written, 2); \
            __builtin_prefetch((x) + 256 + k, written); \
        }

static float F(read)(const float *x, size_t count, size_t ahead) {
    F(v) s[8] = {0};
    size_t i = 0;
    for (; i + 8 * L <= count; i += 8 * L) {
        ASK(x + i, 8, 0)
        for (size_t j = 0; j < 8; j++) s[j] += *(const F(vu) *)(x + i + j * L);
    }
    float sum = 0;
    for (; i < count; i++) sum += x[i];
    for (size_t j = 0; j < 8; j++) sum += s[j][0];
    return sum;
}

static void F(copy)(const float *x, float *y, size_t count, size_t ahead) {
    size_t i = 0;
    for (; i + 4 * L <= count; i += 4 * L) {
        ASK(x + i, 4, 0)
        ASK(y + i, 4, 1)
        for (size_t j = 0; j < 4; j++) *(F(vu) *)(y + i + j * L) = *(const F(vu) *)(x + i + j * L);
    }
    for (; i < count; i++) y[i] = x[i];
}

static void F(stream)(const float *x, float *y, size_t count) {
    size_t i = 0;
    for (; i < count && (uintptr_t)(y + i) % CB_BYTES != 0; i++) y[i] = x[i];
    for (; i + 4 * L <= count; i += 4 * L)
        for (size_t j = 0; j < 4; j++)
            __builtin_nontemporal_store(*(const F(vu) *)(x + i + j * L), (F(v) *)(y + i + j * L));
    for (; i < count; i++) y[i] = x[i];
}

static void F(update)(float *x, size_t count, float factor, size_t ahead) {
    size_t i = 0;
    for (; i + 4 * L <= count; i += 4 * L) {
        ASK(x + i, 4, 1)
        for (size_t j = 0; j < 4; j++) *(F(vu) *)(x + i + j * L) = *(const F(vu) *)(x + i + j * L) * factor;
    }
    for (; i < count; i++) x[i] *= factor;
}

// Fourteen chains hide a latency of up to seven cycles on two units (SSE2: a multiplication of doubles and an addition
// on Zen), and with the factor and the summand fill sixteen registers.
#define CHAINS 14
#define MULTIPLY_ADD(name, V, T)                                                                     \
    static double F(name)(size_t rounds, double *out) {                                              \
        V a[CHAINS], f = (V)(T)0.999999, s = (V)(T)1e-7;                                             \
        for (int i = 0; i < CHAINS; i++) a[i] = (V)(T)(1 + i);                                       \
        for (size_t r = 0; r < rounds; r++)                                                          \
            _Pragma("clang loop unroll(full)") for (int i = 0; i < CHAINS; i++) a[i] = a[i] * f + s; \
        double sum = 0;                                                                              \
        for (int i = 0; i < CHAINS; i++) sum += (double)a[i][0];                                     \
        *out = sum;                                                                                  \
        return 2.0 * CHAINS * (double)(sizeof(V) / sizeof(T)) * (double)rounds;                      \
    }
MULTIPLY_ADD(multiply_add_f32, F(v), float)
MULTIPLY_ADD(multiply_add_f64, F(vd), double)
#undef MULTIPLY_ADD
#undef CHAINS
#undef L
#undef F
