// malloc and its family, defined in the program and so found before the C library's by every library in the
// process. Off, a call costs one test of a flag; on, each allocation and release is counted by its usable size.

#include "include/cbenchmarks.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>

static _Atomic bool counting;
static _Atomic uint64_t objects;
static _Atomic int64_t live, peak;

#if defined(__GLIBC__)
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static void add(int64_t bytes) {
    int64_t now = atomic_fetch_add(&live, bytes) + bytes, highest = atomic_load(&peak);
    while (now > highest && !atomic_compare_exchange_weak(&peak, &highest, now)) {}
}

static void *counted(void *p) {
    if (p && atomic_load_explicit(&counting, memory_order_relaxed)) {
        atomic_fetch_add(&objects, 1);
        add((int64_t)malloc_usable_size(p));
    }
    return p;
}

static void released(void *p) {
    if (p && atomic_load_explicit(&counting, memory_order_relaxed)) add(-(int64_t)malloc_usable_size(p));
}

void *malloc(size_t size) { return counted(__libc_malloc(size)); }
void *calloc(size_t count, size_t size) { return counted(__libc_calloc(count, size)); }
void *memalign(size_t alignment, size_t size) { return counted(__libc_memalign(alignment, size)); }
void *aligned_alloc(size_t alignment, size_t size) { return counted(__libc_memalign(alignment, size)); }
int posix_memalign(void **out, size_t alignment, size_t size) {
    void *p = counted(__libc_memalign(alignment, size));
    if (!p) return ENOMEM;
    *out = p;
    return 0;
}
void *realloc(void *p, size_t size) {
    released(p);
    void *moved = __libc_realloc(p, size);
    return counted(moved);
}
void free(void *p) {
    released(p);
    __libc_free(p);
}
#endif

void cb_heap_begin(void) {
    atomic_store(&objects, 0);
    atomic_store(&live, 0);
    atomic_store(&peak, 0);
    atomic_store(&counting, true);
}

cb_heap cb_heap_end(void) {
    atomic_store(&counting, false);
    return (cb_heap){atomic_load(&objects), atomic_load(&live), atomic_load(&peak)};
}

long cb_page_faults(void) {
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_minflt : -1;
}
