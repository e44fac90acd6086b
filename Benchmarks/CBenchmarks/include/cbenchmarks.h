#ifndef CBENCHMARKS_H
#define CBENCHMARKS_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// MARK: What the processor can do at all, on one instruction set (0 baseline, 1 AVX2, 2 AVX-512)

enum { CB_TWO_STEPS = 4096 };

/// Reads `count` floats and returns something that depends on each. This one, `cb_copy` and `cb_update` ask for the memory of
/// `ahead` floats on; 0: the processor is left alone; from `CB_TWO_STEPS` on, first to the second cache, then to the first.
float cb_read(int isa, const float *x, size_t count, size_t ahead);
/// y ← x
void cb_copy(int isa, const float *x, float *y, size_t count, size_t ahead);
/// The same past the caches (non-temporal stores).
void cb_stream(int isa, const float *x, float *y, size_t count);
/// x ← x·factor
void cb_update(int isa, float *x, size_t count, float factor, size_t ahead);
/// `rounds` independent multiply-adds in registers, several vectors wide; returns the number of operations (a
/// multiply-add counts two) and writes something that depends on all of them.
double cb_multiply_add_f32(int isa, size_t rounds, double *out);
double cb_multiply_add_f64(int isa, size_t rounds, double *out);

// MARK: The heap, seen through an interposed malloc

typedef struct cb_heap {
    uint64_t objects;   // allocated while counting
    int64_t live;       // bytes allocated less bytes freed while counting
    int64_t peak;       // the highest that `live` has been
} cb_heap;

/// Begins to count, from nothing.
void cb_heap_begin(void);
cb_heap cb_heap_end(void);

/// Page faults of this process that needed no input or output, so far.
long cb_page_faults(void);

#pragma clang assume_nonnull end

#endif
