#ifndef CKERNELS_H
#define CKERNELS_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// The instruction sets for which the kernels are compiled, ordered by preference.
typedef enum __attribute__((enum_extensibility(closed))) ck_isa {
    CK_ISA_BASELINE __attribute__((swift_name("baseline"))) = 0,
    CK_ISA_AVX2 __attribute__((swift_name("avx2"))) = 1,
    CK_ISA_AVX512 __attribute__((swift_name("avx512"))) = 2,
} ck_isa;

/// What `normalise` writes.
typedef enum __attribute__((enum_extensibility(closed))) ck_output {
    CK_LOG_SOFTMAX __attribute__((swift_name("logSoftmax"))) = 0,
    CK_SOFTMAX __attribute__((swift_name("softmax"))) = 1,
    CK_LOG_SUM_EXP __attribute__((swift_name("logSumExp"))) = 2,
} ck_output;

/// Where the arrays of a call are to be looked for, which decides what kernels ask for ahead and how they take rows, never a
/// bit of a result.
typedef enum __attribute__((enum_extensibility(closed))) ck_place {
    CK_CACHED __attribute__((swift_name("cached"))) = 0,  /* in the last cache */
    CK_PARTED __attribute__((swift_name("parted"))) = 1,  /* in part there, with whatever else the processors read */
    CK_MEMORY __attribute__((swift_name("memory"))) = 2,  /* they are larger */
    CK_BEYOND __attribute__((swift_name("beyond"))) = 3,  /* so much larger that results are not to displace what is there */
} ck_place;

/// Functions of one element.
typedef enum __attribute__((enum_extensibility(closed))) ck_activation {
    CK_SIGMOID __attribute__((swift_name("sigmoid"))) = 0,
    CK_SILU __attribute__((swift_name("silu"))) = 1,
    CK_GELU __attribute__((swift_name("gelu"))) = 2,
    CK_GELU_TANH __attribute__((swift_name("geluTanh"))) = 3,
    CK_RELU __attribute__((swift_name("relu"))) = 4,
} ck_activation;

/// An operation of a network of linear layers.
typedef enum __attribute__((enum_extensibility(closed))) ck_operation_kind {
    CK_PRODUCT __attribute__((swift_name("product"))) = 0,                       /* c ← a·b (+ bias), of m×k and k×n */
    CK_COLUMN_SUMS __attribute__((swift_name("columnSums"))) = 1,                /* c ← the sums of a's n columns, of k rows */
    CK_ACTIVATE __attribute__((swift_name("activate"))) = 2,                     /* c ← f(a), n elements */
    CK_ACTIVATE_GRADIENT __attribute__((swift_name("activateGradient"))) = 3,    /* c ← b·f′(a) */
    CK_TANH __attribute__((swift_name("tanh"))) = 4,
    CK_TANH_GRADIENT __attribute__((swift_name("tanhGradient"))) = 5,
} ck_operation_kind;

/// Where the operations of a network find what they read and write.
typedef enum __attribute__((enum_extensibility(closed))) ck_memory {
    CK_FEATURES __attribute__((swift_name("features"))) = 0,
    CK_PARAMETERS __attribute__((swift_name("parameters"))) = 1,
    CK_GRADIENTS __attribute__((swift_name("gradients"))) = 2, /* of the parameters */
    CK_VALUES __attribute__((swift_name("values"))) = 3,
} ck_memory;

typedef struct ck_location {
    ck_memory memory;
    size_t place; /* elements */
} ck_location;

typedef struct ck_operation {
    ck_operation_kind kind;
    ck_activation activation;
    ck_location a, b, bias, c;
    size_t m, n, k;
    int a_transposed, b_transposed, has_bias;
} ck_operation;

// Every kernel sees `outer × classes × inner`, row-major and contiguous. Position n = o·inner + i
// is one row of classes whose element c lies at (o·classes + c)·inner + i. A call works on the
// positions begin ..< end, and each position's result depends on that position's data alone, so
// any division among threads gives the same bits.
//
// The losses of single elements are taken strip by strip, CK_STRIP elements at a time and the last what is left; a call
// works on the strips begin ..< end. A sum over a strip has the same terms whatever the division among threads.
enum { CK_STRIP = 2048 };

// X-macro: `T` is the C type, `S` the suffix.
#define CK_DECLARE(T, S)                                                                         \
    typedef struct ck_normalise_##S {                                                            \
        const T *x;                                                                              \
        T *y; /* may equal x; for log-sum-exp one value a position, otherwise x's shape */       \
        size_t classes, inner;                                                                   \
        ck_place place;                                                                          \
        ck_output output;                                                                        \
    } ck_normalise_##S;                                                                          \
                                                                                                 \
    /* Vector-Jacobian product of (log-)softmax from its own output. */                          \
    typedef struct ck_vjp_##S {                                                                  \
        const T *y;                                                                              \
        const T *upstream;                                                                       \
        T *gradient; /* may equal y or upstream */                                               \
        size_t classes, inner;                                                                   \
        ck_place place;                                                                          \
        ck_output output; /* log-softmax or softmax */                                           \
    } ck_vjp_##S;                                                                                \
                                                                                                 \
    typedef struct ck_cross_entropy_##S {                                                        \
        const T *logits;                                                                         \
        T *_Nullable gradient;               /* may equal logits */                              \
        const int32_t *_Nullable labels;     /* one a position, < 0: ignored */                  \
        const T *_Nullable probabilities;    /* logits' shape; exactly one of the two is given */\
        const T *_Nullable weight;           /* one a class */                                   \
        T *losses;                           /* one a position */                                \
        const T *_Nullable row_weights;      /* one a position; a row of weight 0 is not read */ \
        const T *_Nullable open;             /* one a class: 1, or 0 where smoothing goes past */\
        double smoothing;                    /* ε in 0 ... 1 */                                  \
        double uniform;                      /* ε over the number of open classes */             \
        double z_loss;                       /* λ of λ·lse² */                                   \
        double scale;                        /* of the gradient: 1 or 1/denominator */           \
        size_t classes, inner;                                                                   \
        ck_place place;                                                                          \
    } ck_cross_entropy_##S;                                                                      \
                                                                                                 \
    typedef struct ck_sum_##S {                                                                  \
        const T *x;                                                                              \
        T *y;              /* one a position: the sum over its classes, over the divisor */      \
        size_t classes, inner; /* inner > 1 */                                                   \
        double divisor;                                                                          \
    } ck_sum_##S;                                                                                \
                                                                                                 \
    typedef struct ck_selection_##S {                                                            \
        const T *x;                                                                              \
        const int32_t *_Nullable labels; /* one a position, < 0: none */                         \
        int32_t *places;   /* one a position: of its largest class, or with labels how many */   \
        size_t classes, inner; /* stand before the label, −1 where there is none; classes > 0 */ \
    } ck_selection_##S;                                                                          \
                                                                                                 \
    typedef struct ck_adam_##S {                                                                 \
        T *p, *m, *v;                                                                            \
        const T *g;                                                                              \
        T keep, l2, first, second, fresh, step, root, epsilon;                                   \
    } ck_adam_##S;                                                                               \
                                                                                                 \
    /* (x − mean)/deviation, one of each a column. */                                            \
    typedef struct ck_standardise_##S {                                                          \
        const T *x;                                                                              \
        T *y;                                                                                    \
        const double *mean, *deviation;                                                          \
        const double *_Nullable reciprocal; /* of the deviations: all within 2^±800, or NULL */  \
        size_t columns;                                                                          \
    } ck_standardise_##S;                                                                        \
                                                                                                 \
    typedef struct ck_factors_##S {                                                              \
        const T *_Nullable values; /* one for all, one an element, or one a class; NULL: 1 */    \
        size_t count, apart;       /* `apart` elements have the same one, then the next; after the last the first */\
    } ck_factors_##S;                                                                            \
                                                                                                 \
    /* Binary cross-entropy: losses or their sums or neither, and either derivative. */          \
    typedef struct ck_binary_##S {                                                               \
        const T *logits, *targets;                                                               \
        ck_factors_##S weight, positive; /* of a loss, and of what the target multiplies */      \
        T *_Nullable losses;                                                                     \
        double *_Nullable sums;     /* one a strip; where there are no losses */                 \
        T *_Nullable slopes;        /* by the logits */                                          \
        T *_Nullable target_slopes; /* by the targets; then nothing else */                      \
        double scale;               /* of the slopes */                                          \
        size_t count;                                                                            \
    } ck_binary_##S;                                                                             \
                                                                                                 \
    typedef struct ck_margin_##S {                                                               \
        const T *scores;                                                                         \
        T *_Nullable gradient;                                                                   \
        const int32_t *labels;     /* one a position, < 0: ignored */                            \
        const T *_Nullable weight; /* one a class */                                             \
        T *losses;                 /* one a position */                                          \
        double margin, scale;      /* `scale` of the gradient */                                 \
        int squares;               /* p = 2, not 1 */                                            \
        size_t classes, inner;                                                                   \
    } ck_margin_##S;                                                                             \
                                                                                                 \
    /* Kullback-Leibler divergence: terms or their sums or one of the derivatives. */            \
    typedef struct ck_divergence_##S {                                                           \
        const T *_Nullable log_probabilities; /* not read for `slopes` */                        \
        const T *targets;                                                                        \
        int logarithms; /* whether the targets are */                                            \
        T *_Nullable terms;                                                                      \
        double *_Nullable sums;     /* one a strip */                                            \
        T *_Nullable slopes;        /* by the log-probabilities */                               \
        T *_Nullable target_slopes;                                                              \
        double scale;               /* of the slopes */                                          \
        size_t count;                                                                            \
    } ck_divergence_##S;                                                                         \
                                                                                                 \
    /* C ← A·B, of n columns, each with its bias when there is one, or added to C; no size is 0. */\
    typedef struct ck_product_##S {                                                              \
        const T *a, *b;                                                                          \
        const T *_Nullable bias; /* one a column of C; not when it accumulates */                \
        T *c;                                                                                    \
        size_t m, n, k;                                                                          \
        size_t a_step, b_step, c_step; /* from one row, as it is stored, to the next */          \
        int a_transposed, b_transposed, accumulates;                                             \
    } ck_product_##S;                                                                            \
                                                                                                 \
    /* A network's, as ck_memory says; where no operation is of gradients there are none. */     \
    typedef struct ck_memories_##S {                                                             \
        const T *features, *parameters;                                                          \
        T *_Nullable gradients;                                                                  \
        T *values;                                                                               \
    } ck_memories_##S;                                                                           \
                                                                                                 \
    typedef struct ck_kernels_##S {                                                              \
        void (*normalise)(const ck_normalise_##S *, size_t begin, size_t end);                   \
        void (*vjp)(const ck_vjp_##S *, size_t begin, size_t end);                               \
        void (*cross_entropy)(const ck_cross_entropy_##S *, size_t begin, size_t end);           \
        void (*class_sums)(const ck_sum_##S *, size_t begin, size_t end);                        \
        void (*select)(const ck_selection_##S *, size_t begin, size_t end);                      \
        double (*sum_of)(const T *x, size_t count);                                              \
        void (*exp)(const T *x, T *y, size_t count);                                             \
        void (*log)(const T *x, T *y, size_t count);                                             \
        void (*log1p)(const T *x, T *y, size_t count); /* x ≥ 0 */                               \
        void (*soft_cap)(const T *x, T *y, size_t count, T cap);                                 \
        void (*soft_cap_gradient)(const T *x, T *g, size_t count, T cap);                        \
        void (*divide)(const T *x, T *y, size_t count, T divisor);                               \
        void (*scale)(T *x, const T *factors, size_t count, int are_many); /* count > 0 */       \
        void (*activate)(ck_activation, const T *x, T *y, size_t count);                         \
        void (*activate_gradient)(ck_activation, const T *x, const T *dy, T *dx, size_t count);  \
        void (*adam)(const ck_adam_##S *, size_t begin, size_t end);                             \
        void (*descend)(T *p, const T *v, size_t count, T rate);                                 \
        void (*gather)(T *v, const T *g, size_t count, T momentum, T fresh);                     \
        void (*standardise)(const ck_standardise_##S *, size_t begin, size_t end);               \
        void (*binary)(const ck_binary_##S *, size_t begin, size_t end);                         \
        void (*margin)(const ck_margin_##S *, size_t begin, size_t end);                         \
        void (*divergence)(const ck_divergence_##S *, size_t begin, size_t end);                 \
        void (*product)(const ck_product_##S *);                                                 \
        void (*operate)(const ck_operation *, size_t count, const ck_memories_##S *);            \
    } ck_kernels_##S;

CK_DECLARE(float, f32)
CK_DECLARE(double, f64)

typedef struct ck_table {
    ck_isa isa;
    const ck_kernels_f32 *f32;
    const ck_kernels_f64 *f64;
} ck_table;

/// The kernels for one instruction set, or NULL when this processor lacks it.
const ck_table *_Nullable ck_table_for(ck_isa isa);

// MARK: Thread pool

typedef void (*ck_part)(void *context, size_t part);

/// Runs `body(context, 0 ..< parts)`, each part once, on at most `threads` threads, the caller
/// among them; returns when all are done. Concurrent callers are safe: one has the workers at a
/// time, another runs its parts by itself. A part that calls in again runs its own parts in turn.
void ck_parallel(size_t parts, size_t threads, ck_part body, void *_Nullable context);

/// Bytes of the largest cache that a processor sees; 8 MiB where it does not say.
size_t ck_last_cache(void);

/// Processors this process may run on.
size_t ck_processor_count(void);

#pragma clang assume_nonnull end

#endif
