#define CK_ISA 0
#define CK_BITS 32
#include "kernels.h"
