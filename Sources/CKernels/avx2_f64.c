#if defined(__x86_64__)
#define CK_ISA 1
#define CK_BITS 64
#include "kernels.h"
#endif
