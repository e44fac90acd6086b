#include "include/start.h"

// OpenBLAS starts its threads when it is loaded. They get no work, as products are divided here, and spin for a tenth of a
// second of processor time against the package's own threads before they sleep. This is what OpenBLAS itself calls before
// a fork; it starts them again when someone asks for more than one. (Not in the builds of it that have no threads.)
extern int blas_thread_shutdown_(void) __attribute__((weak));

__attribute__((constructor, used)) static void end_threads_of_openblas(void) {
    if (blas_thread_shutdown_) blas_thread_shutdown_();
}
