#if defined(__x86_64__)
#define CK_ISA 1
#define CK_BITS 32
#include "kernels.h"
#endif
