// Vectors of one element type (CK_BITS: 32 or 64) on one instruction set, which `target.h` describes:
// CK_PREFIX begins every symbol, CK_BYTES is the size of a vector, CK_FMA is 1 where a*b+c contracts.
//
// Multiply-adds are written as `a * b + c` in one expression and left to contraction: on the
// baseline an explicit fma would become a call of libm.

#define CK_PASTE_(a, b) a##_##b
#define CK_PASTE(a, b) CK_PASTE_(a, b)
#define F(name) CK_PASTE(CK_PREFIX, CK_PASTE(CK_SUFFIX, name))

#if CK_BITS == 32
#define CK_SUFFIX f32
#define T float
#define I int32_t
#define CK_MANTISSA 23
#define CK_EXPONENT_BIAS 127
#define CONSTANT(name, part) CK_##name##_F32_##part
#define LOG2E CK_LOG2E_F32
#else
#define CK_SUFFIX f64
#define T double
#define I int64_t
#define CK_MANTISSA 52
#define CK_EXPONENT_BIAS 1023
#define CONSTANT(name, part) CK_##name##_F64_##part
#define LOG2E CK_LOG2E_F64
#endif

#define CK_LANES (CK_BYTES * 8 / CK_BITS)
#define L ((size_t)CK_LANES)
#define INLINE static inline __attribute__((always_inline))

// V: a vector of T; VI: integers of the same width; VD: as many doubles, in which a row is finished.
typedef T F(v) __attribute__((ext_vector_type(CK_BYTES * 8 / CK_BITS)));
typedef I F(vi) __attribute__((ext_vector_type(CK_BYTES * 8 / CK_BITS)));
typedef double F(vd) __attribute__((ext_vector_type(CK_BYTES * 8 / CK_BITS)));
typedef int64_t F(vdi) __attribute__((ext_vector_type(CK_BYTES * 8 / CK_BITS)));
typedef uint64_t F(vdu) __attribute__((ext_vector_type(CK_BYTES * 8 / CK_BITS)));
typedef T F(vu) __attribute__((ext_vector_type(CK_BYTES * 8 / CK_BITS), aligned(CK_BITS / 8), may_alias));
#define V F(v)
#define VI F(vi)
#define VD F(vd)
#define VDI F(vdi)
#define VDU F(vdu)

INLINE V F(splat)(T s) { return (V)s; }
INLINE V F(load)(const T *p) { return *(const F(vu) *)p; }
INLINE void F(store)(T *p, V v) { *(F(vu) *)p = v; }

// A value is computed here, however much the compiler would rather do it later.
#if defined(__x86_64__)
#define PIN(v) __asm__("" : "+v"(v))
#else
#define PIN(v) __asm__("" : "+w"(v))
#endif

INLINE VD F(load_doubles)(const double *p) {
    VD v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}
INLINE void F(store_doubles)(double *p, VD v) { __builtin_memcpy(p, &v, sizeof v); }
INLINE VD F(widen)(V v) { return __builtin_convertvector(v, VD); }
INLINE V F(narrow)(VD v) { return __builtin_convertvector(v, V); }

INLINE VI F(iota)(void) {
    VI v;
    for (size_t i = 0; i < L; i++) v[i] = (I)i;
    return v;
}

// Loads the first n < L elements, the others are `fill`.
INLINE V F(load_part)(const T *p, size_t n, T fill) {
#if CK_ISA == 2 && CK_BITS == 32
    return (V)_mm512_mask_loadu_ps((__m512)F(splat)(fill), (__mmask16)((1u << n) - 1), p);
#elif CK_ISA == 2
    return (V)_mm512_mask_loadu_pd((__m512d)F(splat)(fill), (__mmask8)((1u << n) - 1), p);
#elif CK_ISA == 1 && CK_BITS == 32
    __m256i mask = (__m256i)(F(iota)() < (I)n);
    return (V)_mm256_blendv_ps((__m256)F(splat)(fill), _mm256_maskload_ps(p, mask), (__m256)mask);
#elif CK_ISA == 1
    __m256i mask = (__m256i)(F(iota)() < (I)n);
    return (V)_mm256_blendv_pd((__m256d)F(splat)(fill), _mm256_maskload_pd(p, mask), (__m256d)mask);
#else
    V v = F(splat)(fill);
    for (size_t i = 0; i < L - 1; i++)  // not memcpy: of n elements it would be a call
        if (i < n) v[i] = p[i];
    return v;
#endif
}

INLINE void F(store_part)(T *p, size_t n, V v) {
#if CK_ISA == 2 && CK_BITS == 32
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
#elif CK_ISA == 2
    _mm512_mask_storeu_pd(p, (__mmask8)((1u << n) - 1), (__m512d)v);
#elif CK_ISA == 1 && CK_BITS == 32
    _mm256_maskstore_ps(p, (__m256i)(F(iota)() < (I)n), (__m256)v);
#elif CK_ISA == 1
    _mm256_maskstore_pd(p, (__m256i)(F(iota)() < (I)n), (__m256d)v);
#else
    for (size_t i = 0; i < L - 1; i++)
        if (i < n) p[i] = v[i];
#endif
}

INLINE V F(load_n)(const T *p, size_t n, T fill) { return n >= L ? F(load)(p) : F(load_part)(p, n, fill); }
INLINE void F(store_n)(T *p, size_t n, V v) {
    if (n >= L) F(store)(p, v);
    else F(store_part)(p, n, v);
}

// The larger and the smaller of a and b as a permutation of the two, NaN or not: whatever `larger`
// drops, `smaller` keeps. (In this operand order each is one instruction on x86.)
INLINE V F(larger)(V a, V b) { return a > b ? a : b; }
INLINE V F(smaller)(V a, V b) { return b < a ? b : a; }

// The same of numbers that have no sign, in which order integers are too, and NaN. (Zen 4 compares integers in all four of its
// units, floats in the two that add. SSE2 cannot.)
#if CK_BITS == 32 && CK_ISA > 0
INLINE V F(larger_positive)(V a, V b) { return (V)((VI)a > (VI)b ? (VI)a : (VI)b); }
INLINE V F(smaller_positive)(V a, V b) { return (V)((VI)b < (VI)a ? (VI)b : (VI)a); }
#else
INLINE V F(larger_positive)(V a, V b) { return F(larger)(a, b); }
INLINE V F(smaller_positive)(V a, V b) { return F(smaller)(a, b); }
#endif

INLINE int F(any)(VI v) {
#if CK_ISA == 2 && CK_BITS == 32
    return _mm512_movepi32_mask((__m512i)v) != 0;
#elif CK_ISA == 2
    return _mm512_movepi64_mask((__m512i)v) != 0;
#else
    return __builtin_reduce_or(v) != 0;
#endif
}

INLINE int F(any_greater)(V a, V b) {
#if CK_ISA == 2 && CK_BITS == 32
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GT_OQ) != 0;
#elif CK_ISA == 2
    return _mm512_cmp_pd_mask((__m512d)a, (__m512d)b, _CMP_GT_OQ) != 0;
#else
    return __builtin_reduce_or(a > b) != 0;
#endif
}

// Half the lanes against the other half, again and again.
#if CK_LANES == 16
#define HALVES(v, step) step(v, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15) \
    step(v, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7) step(v, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3) \
    step(v, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)
#elif CK_LANES == 8
#define HALVES(v, step) step(v, 4, 5, 6, 7, 4, 5, 6, 7) step(v, 2, 3, 2, 3, 2, 3, 2, 3) step(v, 1, 1, 1, 1, 1, 1, 1, 1)
#elif CK_LANES == 4
#define HALVES(v, step) step(v, 2, 3, 2, 3) step(v, 1, 1, 1, 1)
#else
#define HALVES(v, step) step(v, 1, 1)
#endif

// The largest lane. A NaN may be lost or be the result.
INLINE T F(reduce_max)(V v) {
#define STEP(v, ...) v = F(larger)(v, __builtin_shufflevector(v, v, __VA_ARGS__));
    HALVES(v, STEP)
#undef STEP
    return v[0];
}

// The first lane that holds a value, L when none does.
INLINE size_t F(first_lane)(V v, T value) {
#if CK_ISA == 2 && CK_BITS == 32
    return (size_t)__builtin_ctz(1u << 16 | _mm512_cmp_ps_mask((__m512)v, _mm512_set1_ps(value), _CMP_EQ_OQ));
#elif CK_ISA == 2
    return (size_t)__builtin_ctz(1u << 8 | _mm512_cmp_pd_mask((__m512d)v, _mm512_set1_pd(value), _CMP_EQ_OQ));
#else
    size_t first = L;
    for (size_t lane = L; lane-- > 0;) first = v[lane] == value ? lane : first;
    return first;
#endif
}

INLINE double F(reduce_add)(VD v) {
#define STEP(v, ...) v += __builtin_shufflevector(v, v, __VA_ARGS__);
    HALVES(v, STEP)
#undef STEP
    return v[0];
}

// Sums of many terms: of floats in double after trees of four or eight, of doubles after pairs with the
// rounding errors kept (two-sum), so that the sum of 2¹⁷ terms is as good as the sum of eight or two.
typedef struct F(sum) {
    VD high;
#if CK_BITS == 64
    VD low;
#endif
} F(sum);
#define SUM F(sum)

INLINE void F(add)(SUM *s, V v) {
#if CK_BITS == 32
    s->high += F(widen)(v);
#else
    VD total = s->high + v, part = total - s->high;
    s->low += (s->high - (total - part)) + (v - part);
    s->high = total;
#endif
}

INLINE void F(add2)(SUM *s, V a, V b) { F(add)(s, a + b); }

INLINE void F(add4)(SUM *s, V a, V b, V c, V d) {
#if CK_BITS == 32
    F(add)(s, (a + b) + (c + d));
#else
    F(add2)(s, a, b);
    F(add2)(s, c, d);
#endif
}

INLINE VD F(total)(const SUM *s) {
#if CK_BITS == 32
    return s->high;
#else
    // An infinite sum has no rounding error to keep; ∞ − ∞ made one up.
    return s->high + (s->low == s->low ? s->low : (VD)0.0);
#endif
}

// v·by to a sum.
INLINE void F(add_product)(SUM *s, V v, VD by) {
#if CK_BITS == 32
    s->high += F(widen)(v) * by;
#else
    F(add)(s, v * by);
#endif
}

// The largest of the lanes of `top`; into `rest` the sum's and those of all the others. Or NaN, where any is.
INLINE T F(largest_and_rest)(V top, SUM sum, double *rest) {
#if CK_BITS == 32
    // Half against half, what loses goes into the sum.
    VD t = F(widen)(top), r = sum.high;
#define STEP(v, ...) {                                                                         \
        VD u = __builtin_shufflevector(v, v, __VA_ARGS__);                                     \
        r = (r + __builtin_shufflevector(r, r, __VA_ARGS__)) + (u < v ? u : v);                \
        v = v > u ? v : u;                                                                     \
    }
    HALVES(t, STEP)
#undef STEP
    *rest = r[0];
    return (T)t[0];
#else
    T largest = F(reduce_max)(top);
    F(add)(&sum, F(iota)() == (I)F(first_lane)(top, largest) ? F(splat)(0) : top);
    *rest = F(reduce_add)(F(total)(&sum));
    return largest;
#endif
}

INLINE T F(infinity)(void) { return (T)__builtin_inf(); }
INLINE T F(nan)(void) { return (T)__builtin_nan(""); }
