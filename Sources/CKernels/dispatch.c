#include "include/ckernels.h"

extern const ck_kernels_f32 ck_baseline_f32, ck_avx2_f32, ck_avx512_f32;
extern const ck_kernels_f64 ck_baseline_f64, ck_avx2_f64, ck_avx512_f64;

static const ck_table tables[] = {
    {CK_ISA_BASELINE, &ck_baseline_f32, &ck_baseline_f64},
#if defined(__x86_64__)
    {CK_ISA_AVX2, &ck_avx2_f32, &ck_avx2_f64},
    {CK_ISA_AVX512, &ck_avx512_f32, &ck_avx512_f64},
#endif
};

const ck_table *ck_table_for(ck_isa isa) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (isa == CK_ISA_AVX512) return __builtin_cpu_supports("x86-64-v4") ? &tables[isa] : NULL;
    if (isa == CK_ISA_AVX2) return __builtin_cpu_supports("x86-64-v3") ? &tables[isa] : NULL;
#endif
    return isa == CK_ISA_BASELINE ? &tables[isa] : NULL;
}
