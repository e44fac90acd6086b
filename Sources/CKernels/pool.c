// The one thread pool. Workers spin briefly for the next job, then sleep on a futex; they hold no
// state of their own, so after fork the child starts a pool of its own at its first call.

#define _GNU_SOURCE
#include "include/ckernels.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
static void sleep_while(_Atomic uint32_t *word, uint32_t value) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}
static void wake_all(_Atomic uint32_t *word) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1 << 30, NULL, NULL, 0); }
#else
static void sleep_while(_Atomic uint32_t *word, uint32_t value) {
    if (atomic_load(word) == value) usleep(50);
}
static void wake_all(_Atomic uint32_t *word) { (void)word; }
#endif

static inline void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#define MAX_THREADS 256

// About 40 µs at 20–140 cycles a pause: longer than the gap between two kernels of a training step,
// far shorter than what a sleeping process should burn. Waking a sleeper costs 30–50 µs.
#define SPINS 2000

static struct {
    // `generation` announces a job, `left` counts the workers that may still touch it, `sleepers`
    // those that need a wake-up. All sequentially consistent: a worker writes `sleepers` and reads
    // `generation`, the caller the other way round.
    _Alignas(64) _Atomic uint32_t generation;
    _Alignas(64) _Atomic uint32_t sleepers;
    _Alignas(64) _Atomic uint32_t left;
    // The parts of each thread that nobody has taken: the first in the lower half, the end in the upper.
    struct {
        _Alignas(64) _Atomic uint64_t parts;
    } share[MAX_THREADS];
    ck_part body;
    void *context;
    uint32_t wanted;   // workers 0 ..< wanted take part, and the caller
    uint32_t workers;  // started so far
} pool;

static pthread_mutex_t owner = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local bool inside;

// A part of a thread's share: its owner takes the first, others the last.
static bool take(_Atomic uint64_t *share, bool first, size_t *part) {
    uint64_t seen = atomic_load_explicit(share, memory_order_relaxed);
    for (;;) {
        uint32_t begin = (uint32_t)seen, end = (uint32_t)(seen >> 32);
        if (begin >= end) return false;
        uint64_t rest = first ? seen + 1 : seen - (UINT64_C(1) << 32);
        *part = first ? begin : end - 1;
        if (atomic_compare_exchange_weak_explicit(share, &seen, rest, memory_order_relaxed, memory_order_relaxed)) return true;
    }
}

// Each thread goes through neighbouring parts, the same in each loop over the same arrays: what it reads it has often written
// itself, and the processor's prefetchers follow it from part to part. Who is done helps the others.
static void take_parts(uint32_t thread) {
    uint32_t threads = pool.wanted + 1;
    for (uint32_t i = 0; i < threads; i++) {
        size_t part;
        while (take(&pool.share[(thread + i) % threads].parts, i == 0, &part)) pool.body(pool.context, part);
    }
}

struct seat {
    uint32_t number, generation;
};

static void *work(void *argument) {
    struct seat seat = *(struct seat *)argument;
    free(argument);
    inside = true;
    for (uint32_t seen = seat.generation;;) {
        for (int spin = 0; spin < SPINS && atomic_load_explicit(&pool.generation, memory_order_relaxed) == seen; spin++)
            relax();
        while (atomic_load(&pool.generation) == seen) {
            atomic_fetch_add(&pool.sleepers, 1);
            sleep_while(&pool.generation, seen);
            atomic_fetch_sub(&pool.sleepers, 1);
        }
        seen = atomic_load(&pool.generation);
        // Every worker answers every generation, so no late one can meet the next job's fields.
        if (seat.number < pool.wanted) take_parts(seat.number + 1);
        atomic_fetch_sub_explicit(&pool.left, 1, memory_order_release);
    }
    return NULL;
}

// With the pool owned: starts workers up to `wanted`; fewer when the system refuses.
static void start_workers(uint32_t wanted) {
    // Signals stay with the program's own threads.
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 2 << 20);  // a kernel's packed block takes 512 KB, BLAS more
    while (pool.workers < wanted) {
        struct seat *seat = malloc(sizeof *seat);
        pthread_t thread;
        if (!seat) break;
        *seat = (struct seat){pool.workers, atomic_load(&pool.generation)};
        if (pthread_create(&thread, &attributes, work, seat) != 0) {
            free(seat);
            break;
        }
        pool.workers++;
    }
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

// Around fork the pool is owned by the forking thread, so the child inherits it between two jobs (unless
// a part itself forks); its workers do not exist there.
static void before_fork(void) {
    if (!inside) pthread_mutex_lock(&owner);
}
static void in_parent(void) {
    if (!inside) pthread_mutex_unlock(&owner);
}
static void in_child(void) {
    pool.workers = 0;
    atomic_store(&pool.left, 0);
    atomic_store(&pool.sleepers, 0);
    pthread_mutex_init(&owner, NULL);
}
static void register_fork_handlers(void) { pthread_atfork(before_fork, in_parent, in_child); }

void ck_parallel(size_t parts, size_t threads, ck_part body, void *context) {
    if (threads > parts) threads = parts;
    if (threads > MAX_THREADS) threads = MAX_THREADS;
    // (More parts than a share can number are more than there is memory for.)
    if (threads <= 1 || parts > UINT32_MAX || inside || pthread_mutex_trylock(&owner) != 0) {
        for (size_t part = 0; part < parts; part++) body(context, part);
        return;
    }
    pthread_once(&once, register_fork_handlers);
    if (pool.workers < threads - 1) start_workers((uint32_t)(threads - 1));
    pool.body = body;
    pool.context = context;
    for (size_t i = 0; i < threads; i++) {
        uint64_t begin = parts * i / threads, end = parts * (i + 1) / threads;
        atomic_store_explicit(&pool.share[i].parts, begin | end << 32, memory_order_relaxed);
    }
    pool.wanted = (uint32_t)(threads - 1);
    atomic_store_explicit(&pool.left, pool.workers, memory_order_relaxed);
    atomic_fetch_add(&pool.generation, 1);
    if (atomic_load(&pool.sleepers) != 0) wake_all(&pool.generation);
    inside = true;
    take_parts(0);
    inside = false;
    for (int spin = 0; atomic_load_explicit(&pool.left, memory_order_acquire) != 0; spin++) {
        if (spin < SPINS) relax();
        else sched_yield();  // more threads than processors: let them finish
    }
    pthread_mutex_unlock(&owner);
}

size_t ck_processor_count(void) {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return (size_t)CPU_COUNT(&set);
#endif
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (size_t)count : 1;
}
