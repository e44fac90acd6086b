// A step of Adam over some parameters, with the roundings of PyTorch's on processors that multiply and add in one:
//   m ← m + (1−β₁)·(g − m),  v ← β₂·v + (1−β₂)·g²,  p ← p·keep − step·m / (√v/root + ε)
// Two divisions and a root are most of the time of a vector: there is nothing to gain but in whole vectors without masks.

INLINE void F(adam_vector)(const ADAM *a, V *p, V g, V *m, V *v) {
    // Statements apart are not contracted.
    if (a->l2 != 0) g = g + a->l2 * *p;
    V kept = *p * a->keep;
    V difference = g - *m;
    *m = *m + a->first * difference;
    V square = *v * a->second;
    V fresh = a->fresh * g;
    *v = square + fresh * g;
    V root = __builtin_elementwise_sqrt(*v) / a->root;
    V step = a->step * *m;
    *p = kept - step / (root + a->epsilon);
}

static void F(adam)(const ADAM *a, size_t begin, size_t end) {
    const ADAM s = *a;
    size_t i = begin;
    for (; i + L <= end; i += L) {
        V p = F(load)(s.p + i), m = F(load)(s.m + i), v = F(load)(s.v + i);
        F(adam_vector)(&s, &p, F(load)(s.g + i), &m, &v);
        F(store)(s.m + i, m);
        F(store)(s.v + i, v);
        F(store)(s.p + i, p);
    }
    if (i == end) return;
    size_t n = end - i;
    V p = F(load_n)(s.p + i, n, 0), m = F(load_n)(s.m + i, n, 0), v = F(load_n)(s.v + i, n, 0);
    F(adam_vector)(&s, &p, F(load_n)(s.g + i, n, 0), &m, &v);
    F(store_n)(s.m + i, n, m);
    F(store_n)(s.v + i, n, v);
    F(store_n)(s.p + i, n, p);
}
