#ifndef CZLIB_SHIM_H
#define CZLIB_SHIM_H

#include <zlib.h>

// A macro, which Swift does not see. `bits`: −15 for deflated bytes alone, 31 for gzip's.
static inline int cz_inflate_init(z_streamp stream, int bits) { return inflateInit2(stream, bits); }

#endif
