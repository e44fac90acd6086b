#if defined(__x86_64__)
#define CK_ISA 2
#define CK_BITS 64
#include "kernels.h"
#endif
