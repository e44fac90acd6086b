// A step of Adam over some parameters, with the roundings of PyTorch's on processors that multiply and add in one:
//   m ← m + (1−β₁)·(g − m),  v ← β₂·v + (1−β₂)·g²,  p ← p·keep − step·m / (√v/root + ε)

static void F(adam)(const ADAM *a, size_t begin, size_t end) {
    const ADAM s = *a;
    for (size_t i = begin; i < end; i += L) {
        size_t n = end - i;
        V p = F(load_n)(s.p + i, n, 0), g = F(load_n)(s.g + i, n, 0), m = F(load_n)(s.m + i, n, 0), v = F(load_n)(s.v + i, n, 0);
        // Statements apart are not contracted.
        if (s.l2 != 0) g = g + s.l2 * p;
        p = p * s.keep;
        V difference = g - m;
        m = m + s.first * difference;
        v = v * s.second;
        V fresh = s.fresh * g;
        v = v + fresh * g;
        V root = __builtin_elementwise_sqrt(v) / s.root;
        V step = s.step * m;
        p = p - step / (root + s.epsilon);
        F(store_n)(s.m + i, n, m);
        F(store_n)(s.v + i, n, v);
        F(store_n)(s.p + i, n, p);
    }
}
