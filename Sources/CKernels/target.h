// From CK_ISA (as in ck_isa) to the vector's size and the compiler's target. Without per-function
// targets a whole file, or the package, would need flags that SwiftPM refuses in a dependency.

#if CK_ISA == 2
#define CK_PREFIX ck_avx512
#define CK_BYTES 64
#define CK_FMA 1
#define CK_TARGET "arch=x86-64-v4"
#elif CK_ISA == 1
#define CK_PREFIX ck_avx2
#define CK_BYTES 32
#define CK_FMA 1
#define CK_TARGET "arch=x86-64-v3"
#else
#define CK_PREFIX ck_baseline
#define CK_BYTES 16
#if defined(__aarch64__)
#define CK_FMA 1
#else
#define CK_FMA 0
#endif
#endif
