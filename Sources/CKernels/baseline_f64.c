#define CK_ISA 0
#define CK_BITS 64
#include "kernels.h"
