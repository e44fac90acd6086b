// Positions of an inner axis, each class of which is a plane of memory of its own. With 2^k elements between planes all lie in one
// cache set, of which there are fewer lines than planes, so that a haul that is asked for as a whole is gone before it is
// read. So while the blocks of one haul are worked on, the next is packed and the results of the one before are written,
// a plane at a time between the classes of a block, and only the planes that come after those are asked for. (Zen 4,
// 262144 positions of 21 classes, loss and gradient, cycles a vector, one after the other and so: 54, 43; in place 39, 33; in cache
// 35, 31. 150 classes in cache 28, 22.)

typedef struct F(planes) {
    size_t classes, inner;
    const T *x, *q;  // q: class probabilities or NULL
    T *y;            // where results go, or NULL
    int asks;        // for what comes next, as the caches do not hold it
    int logs;        // the results are (x − by.first) − by.second
} F(planes);

#define HAULED (PACKED / 8)

// A haul, and of each block what the results are made with on their way out: the exponentials times a factor, except at the
// label, whose number has taken its place. Those of a finished block go as they are.
typedef struct F(hauled) {
    RUN run;
    T *x, *q;  // packed
    int any;   // is finished
    unsigned char finished[HAULED];
    VI label[HAULED];
    F(factor) by[HAULED];
} F(hauled);

INLINE void F(hold)(F(hauled) * h, size_t b, F(factor) f, VI label, int finished) {
    h->any |= finished;
    h->finished[b] = (unsigned char)finished;
    h->label[b] = label;
    h->by[b] = f;
}

typedef enum { AS_LOGS, AS_PRODUCTS, AS_EITHER } F(held_as);

INLINE V F(held)(const F(hauled) * h, size_t c, const T *from, size_t b, F(held_as) as) {
    V v = F(load)(from);
    if (as == AS_LOGS) return (v - h->by[b].first) - h->by[b].second;
    if (as == AS_EITHER && h->finished[b]) return v;
    return h->label[b] == (I)c ? v : F(scaled_once)(v, h->by[b]);
}

INLINE void F(write_plane_as)(const F(planes) * p, const F(hauled) * h, size_t c, F(held_as) as) {
    const size_t n = h->run.n, whole = n / L;
    T *to = p->y + h->run.first + c * p->inner;
    const T *from = h->x + c * L;
    for (size_t b = 0; b < whole; b++, from += L * p->classes) F(store)(to + b * L, F(held)(h, c, from, b, as));
    if (whole * L < n) F(store_part)(to + whole * L, n - whole * L, F(held)(h, c, from, whole, as));
}

INLINE void F(write_plane)(const F(planes) * p, const F(hauled) * h, size_t c) {
    if (p->logs) F(write_plane_as)(p, h, c, AS_LOGS);
    else if (h->any) F(write_plane_as)(p, h, c, AS_EITHER);
    else F(write_plane_as)(p, h, c, AS_PRODUCTS);
}

// What is done beside the sweep of a block: planes of the haul after and of the one before, from `plane` to `end`, and those
// up to `ahead` beside the next.
typedef struct F(beside) {
    const F(planes) * p;
    size_t plane, end, ahead;
    size_t each, extra, rest, blocks;  // `each` to a block, and one more where the remainders, `rest`, have come to `blocks`
    RUN next;
    T *x, *q;  // where it is packed
    const F(hauled) * done;
} F(beside);

INLINE void F(one_beside)(F(beside) * w) {
    if (w->plane >= w->end) return;
    const F(planes) *p = w->p;
    size_t c = w->plane++;
    F(pack_planes)(w->next, p->x + w->next.first, p->classes, p->inner, c, c + 1, w->x);
    if (p->q) F(pack_planes)(w->next, p->q + w->next.first, p->classes, p->inner, c, c + 1, w->q);
    if (p->y) F(write_plane)(p, w->done, c);
}

INLINE void F(ask_ahead)(F(beside) * w) {
    const F(planes) *p = w->p;
    size_t c = w->ahead;
    w->ahead += w->each;
    w->rest += w->extra;
    if (w->rest >= w->blocks) w->ahead++, w->rest -= w->blocks;
    if (w->ahead > p->classes) w->ahead = p->classes;
    for (; p->asks && c < w->ahead; c++) {
        size_t next = w->next.first + c * p->inner, done = w->done->run.first + c * p->inner;
        for (size_t i = 0; i < w->next.n; i += 64 / sizeof(T)) {
            __builtin_prefetch(p->x + next + i, 0, 2);
            if (p->q) __builtin_prefetch(p->q + next + i, 0, 2);
        }
        // What is written where it was read is near enough.
        if (!p->y || p->y == p->x) continue;
        for (size_t i = 0; i < w->done->run.n; i += 64 / sizeof(T)) __builtin_prefetch(p->y + done + i, 1, 2);
    }
}

// Before the sweep of each block.
INLINE void F(turn_to_next)(F(beside) * w) {
    w->end = w->ahead;
    F(ask_ahead)(w);
}

// Does a haul's blocks, turning to each before it sweeps it. `position` is its first.
typedef void F(haul_work)(const void *arguments, F(hauled) * now, size_t position, F(beside) * w);

INLINE void F(over_planes)(const void *arguments, const F(planes) * p, size_t begin, size_t end, F(haul_work) work) {
    T x[3][PACKED * L] __attribute__((aligned(64))), q[2][PACKED * L] __attribute__((aligned(64)));
    F(hauled) two[2];
    size_t classes = p->classes, inner = p->inner, haul = F(haul)(classes, inner), turn = 0;
    two[1].run = (RUN){0, 0};  // nothing is to be written yet
    two[1].x = x[0];
    two[1].any = 0;
    RUN run = F(run_at)(classes, inner, begin, end, haul);
    F(pack_planes)(run, p->x + run.first, classes, inner, 0, classes, x[0]);
    if (p->q) F(pack_planes)(run, p->q + run.first, classes, inner, 0, classes, q[0]);
    for (size_t position = begin; position < end; turn++) {
        size_t after = position + run.n;
        RUN next = after < end ? F(run_at)(classes, inner, after, end, haul) : (RUN){0, 0};
        F(hauled) *now = &two[turn % 2], *done = &two[(turn + 1) % 2];
        now->run = run;
        now->any = 0;
        now->x = x[turn % 3];
        now->q = p->q ? q[turn % 2] : NULL;
        size_t blocks = F(blocks_of)(run);
        F(beside) w = {p, 0, 0, 0, classes / blocks, classes % blocks, 0, blocks, next, x[(turn + 1) % 3], q[(turn + 1) % 2], done};
        F(ask_ahead)(&w);
        work(arguments, now, position, &w);
        position = after;
        run = next;
    }
    for (size_t c = 0; p->y && c < classes; c++) F(write_plane)(p, &two[(turn + 1) % 2], c);
}
