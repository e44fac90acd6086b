#include "include/cbenchmarks.h"

#pragma clang diagnostic ignored "-Wpsabi"

#define CB_PREFIX baseline
#define CB_BYTES 16
#include "limits.h"
#undef CB_PREFIX
#undef CB_BYTES

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("arch=x86-64-v3"))), apply_to = function)
#define CB_PREFIX avx2
#define CB_BYTES 32
#include "limits.h"
#undef CB_PREFIX
#undef CB_BYTES
#pragma clang attribute pop

// Without the width the compiler cuts vectors in two: half the rate of Zen 5.
#pragma clang attribute push(__attribute__((target("arch=x86-64-v4"), min_vector_width(512))), apply_to = function)
#define CB_PREFIX avx512
#define CB_BYTES 64
#include "limits.h"
#undef CB_PREFIX
#undef CB_BYTES
#pragma clang attribute pop
#define DISPATCH(call) (isa == 2 ? avx512_##call : isa == 1 ? avx2_##call : baseline_##call)
#else
#define DISPATCH(call) ((void)isa, baseline_##call)
#endif

float cb_read(int isa, const float *x, size_t count, size_t ahead) { return DISPATCH(read(x, count, ahead)); }
void cb_copy(int isa, const float *x, float *y, size_t count, size_t ahead) { DISPATCH(copy(x, y, count, ahead)); }
void cb_stream(int isa, const float *x, float *y, size_t count) { DISPATCH(stream(x, y, count)); }
void cb_update(int isa, float *x, size_t count, float factor, size_t ahead) { DISPATCH(update(x, count, factor, ahead)); }
double cb_multiply_add_f32(int isa, size_t rounds, double *out) { return DISPATCH(multiply_add_f32(rounds, out)); }
double cb_multiply_add_f64(int isa, size_t rounds, double *out) { return DISPATCH(multiply_add_f64(rounds, out)); }
