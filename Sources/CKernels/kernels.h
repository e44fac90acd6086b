// All kernels of one element type (CK_BITS: 32 or 64) on one instruction set (CK_ISA, as in ck_isa):
// what each `<isa>_<type>.c` compiles.

#include "coefficients.h"
#include "include/ckernels.h"
#include "target.h"

#if CK_ISA > 0
#include <immintrin.h>
#endif
#ifdef CK_TARGET
#pragma clang attribute push(__attribute__((target(CK_TARGET))), apply_to = function)
#endif
// The wide vectors never cross a call: everything that takes one is inlined.
#pragma clang diagnostic ignored "-Wpsabi"

#include "simd.h"

#define NORMALISE CK_PASTE(ck_normalise, CK_SUFFIX)
#define SUMS CK_PASTE(ck_sum, CK_SUFFIX)
#define ADAM CK_PASTE(ck_adam, CK_SUFFIX)
#define STANDARDISE CK_PASTE(ck_standardise, CK_SUFFIX)
#define SELECTION CK_PASTE(ck_selection, CK_SUFFIX)
#define VJP CK_PASTE(ck_vjp, CK_SUFFIX)
#define KERNELS CK_PASTE(ck_kernels, CK_SUFFIX)
#define CROSS_ENTROPY CK_PASTE(ck_cross_entropy, CK_SUFFIX)
#define BINARY CK_PASTE(ck_binary, CK_SUFFIX)
#define FACTORS CK_PASTE(ck_factors, CK_SUFFIX)
#define PRODUCT CK_PASTE(ck_product, CK_SUFFIX)
#define MEMORIES CK_PASTE(ck_memories, CK_SUFFIX)
#define MARGIN CK_PASTE(ck_margin, CK_SUFFIX)

#define UNROLL _Pragma("clang loop unroll(full)")

#include "elementary.h"
#include "shares.h"
#include "sweep.h"
#include "finish.h"
#include "rows.h"
#include "cross_entropy.h"
#include "transpose.h"
#include "blocks.h"
#include "planes.h"
#include "lanes.h"
#include "target_lanes.h"
#include "few.h"
#include "vjp.h"
#include "sums.h"
#include "selection.h"
#include "soft_cap.h"
#include "activations.h"
#include "adam.h"
#include "descent.h"
#include "standardise.h"
#include "binary.h"
#include "margin.h"
#include "dots.h"
#include "product.h"
#include "network.h"

// Both types' divergences are taken in double, with the doubles' functions: in their file.
#define DIVERGENCE_OF(suffix) CK_PASTE(CK_PREFIX, CK_PASTE(divergence, suffix))
#if CK_BITS == 64
#define E float
#define E_SUFFIX f32
#define G(name) F(CK_PASTE(name, of_floats))
#include "divergence.h"
#undef E
#undef E_SUFFIX
#undef G
#define E double
#define E_SUFFIX f64
#define G(name) F(CK_PASTE(name, of_doubles))
#include "divergence.h"
#undef E
#undef E_SUFFIX
#undef G
#else
void DIVERGENCE_OF(f32)(const ck_divergence_f32 *, size_t begin, size_t end);
#endif

static void F(normalise)(const NORMALISE *a, size_t begin, size_t end) {
    if (a->inner == 1 && a->classes > FEW) F(normalise_rows)(a, begin, end);
#if STAYS
    else if (a->inner == 1 && a->classes > 0 && a->output != CK_LOG_SUM_EXP) F(normalise_few)(a, begin, end);
#endif
    else if (a->inner > 1 && IS_PACKED(a->classes)) F(normalise_planes)(a, begin, end);
    else F(normalise_lanes)(a, begin, end);
}

static void F(cross_entropy)(const CROSS_ENTROPY *a, size_t begin, size_t end) {
    int shared = a->probabilities || a->smoothing > 0;
    if (a->inner == 1 && a->classes > (shared ? TRANSPOSED : FEW)) F(cross_entropy_rows)(a, begin, end);
#if STAYS
    else if (a->inner == 1 && a->classes > 0 && a->gradient && !shared) F(cross_entropy_few)(a, begin, end);
#endif
    else F(cross_entropy_lanes)(a, begin, end);
}

#define ELEMENTWISE(name, value)                                                 \
    static void F(name)(const T *x, T *y, size_t count) {                        \
        for (size_t i = 0; i < count; i += L) {                                  \
            V v = F(load_n)(x + i, count - i, 1);                                \
            F(store_n)(y + i, count - i, value);                                 \
        }                                                                        \
    }
ELEMENTWISE(exp, F(exp_full)(v))
ELEMENTWISE(log, F(narrow)(F(log_of)(F(widen)(v))))
ELEMENTWISE(log1p, F(narrow)(F(log1p_of)(F(widen)(v))))
#undef ELEMENTWISE

#ifdef CK_TARGET
#pragma clang attribute pop
#endif

const KERNELS CK_PASTE(CK_PREFIX, CK_SUFFIX) = {
    F(normalise), F(vjp), F(cross_entropy), F(class_sums), F(select), F(sum_of), F(exp), F(log), F(log1p),
    F(soft_cap), F(soft_cap_gradient), F(divide), F(scale), F(activate), F(activate_gradient), F(adam), F(descend), F(gather),
    F(standardise), F(binary), F(margin), DIVERGENCE_OF(CK_SUFFIX), F(product), F(operate)};
