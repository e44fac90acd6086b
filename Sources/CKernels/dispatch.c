#include "include/ckernels.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

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

size_t ck_last_cache(void) {
    size_t bytes = 0;
#if defined(__x86_64__)
    // Intel's leaf and AMD's, alike: type, 0 after the last; line, partitions, ways and sets less 1. (sysconf gives the sum
    // of a socket's caches on some processors, of which a thread has one.)
    for (unsigned l = 0; l < 2; l++) {
        unsigned leaf = l ? 0x8000001D : 4, a, b, c, d;
        for (unsigned i = 0; __get_cpuid_count(leaf, i, &a, &b, &c, &d) && (a & 31) != 0; i++) {
            size_t size = (size_t)((b >> 22) + 1) * ((b >> 12 & 1023) + 1) * ((b & 4095) + 1) * ((size_t)c + 1);
            if (size > bytes) bytes = size;
        }
    }
#endif
    return bytes > 0 ? bytes : (size_t)8 << 20;
}
