// Gradient descent's passes over some parameters. As PyTorch's, each product and each sum is rounded: statements apart are not
// contracted.

static void F(descend)(T *p, const T *v, size_t count, T rate) {
    for (size_t i = 0; i < count; i += L) {
        V step = rate * F(load_n)(v + i, count - i, 0);
        F(store_n)(p + i, count - i, F(load_n)(p + i, count - i, 0) - step);
    }
}

static void F(gather)(T *v, const T *g, size_t count, T momentum, T fresh) {
    for (size_t i = 0; i < count; i += L) {
        V kept = momentum * F(load_n)(v + i, count - i, 0), added = fresh * F(load_n)(g + i, count - i, 0);
        F(store_n)(v + i, count - i, kept + added);
    }
}
