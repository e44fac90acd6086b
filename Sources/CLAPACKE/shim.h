#ifndef CLAPACKE_SHIM_H
#define CLAPACKE_SHIM_H
/* C99's complex types cannot be imported; structures can, and are laid out alike. */
#define LAPACK_COMPLEX_STRUCTURE
#include <lapacke.h>
#endif
