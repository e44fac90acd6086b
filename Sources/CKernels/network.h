// The operations of a small network one after the other, on one thread and in one call: asked for one by one, those of 2→8→3 took
// longer than they computed.

static void F(operate)(const ck_operation *o, size_t count, const MEMORIES *memories) {
    // None writes what it reads, nor features or parameters.
    T *const of[] = {(T *)memories->features, (T *)memories->parameters, memories->gradients, memories->values};
    for (; count > 0; count--, o++) {
        const T *a = of[o->a.memory] + o->a.place, *b = of[o->b.memory] + o->b.place;
        T *c = of[o->c.memory] + o->c.place;
        switch (o->kind) {
        case CK_PRODUCT:
            F(product)(&(PRODUCT){
                a, b, o->has_bias ? of[o->bias.memory] + o->bias.place : NULL, c, o->m, o->n, o->k, o->a_transposed ? o->m : o->k,
                o->b_transposed ? o->k : o->n, o->n, o->a_transposed, o->b_transposed, 0});
            break;
        case CK_COLUMN_SUMS: F(class_sums)(&(SUMS){a, c, o->k, o->n, 1}, 0, o->n); break;
        case CK_ACTIVATE: F(activate)(o->activation, a, c, o->n); break;
        case CK_ACTIVATE_GRADIENT: F(activate_gradient)(o->activation, a, b, c, o->n); break;
        case CK_TANH: F(soft_cap)(a, c, o->n, 1); break;
        case CK_TANH_GRADIENT:
            __builtin_memcpy(c, b, o->n * sizeof(T));
            F(soft_cap_gradient)(a, c, o->n, 1);
        }
    }
}
