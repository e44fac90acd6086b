#if defined(__x86_64__)
#define CK_ISA 2
#define CK_BITS 32
#include "kernels.h"
#endif
