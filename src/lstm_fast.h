/* lstm_fast: the C contract between the kernels and every caller.
 *
 * Alphabet: T time steps, B batch rows, I input features, H hidden units, P numbers of h (H unless the cell projects them), R tape rows
 * (= sum of lengths), G gate columns per unit (LSTM: 4, in the order i f g o; GRU: 3, z r n; RNN: 1). The rightmost dimension varies fastest. "real" is float or double, as
 * `dtype` says. Strides count elements, never bytes. "C" means contiguous in the order written.
 *
 * Ownership: the caller owns every pointer; the core keeps none after a call returns, allocates nothing, prints nothing,
 * never aborts, and sets the floating-point mode (flush-to-zero) only between entry and exit of a call.
 * Aliasing: pointers must not overlap unless the field says so. Alignment: `panels`, `tape_*` and `scratch` to 64 bytes,
 * everything else to its own type.
 * Threads: a call creates at most `threads` workers; two calls may run at once if they share only read-only memory. */
#ifndef LSTM_FAST_H
#define LSTM_FAST_H
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { LF_FLOAT32 = 0, LF_FLOAT64 = 1 };

/* Activations. alpha and beta default to those of the callers; a kind that does not name them ignores them. */
enum {
    LF_LINEAR = 0, LF_RELU, LF_TANH, LF_SIGMOID,
    LF_AFFINE,           /* alpha*x + beta */
    LF_LEAKY_RELU,       /* x, below 0 alpha*x */
    LF_THRESHOLDED_RELU, /* x above alpha, else 0 */
    LF_SCALED_TANH,      /* alpha*tanh(beta*x) */
    LF_HARD_SIGMOID,     /* alpha*x + beta within [0, 1] */
    LF_ELU,              /* beta*x, below 0 beta*alpha*(e^x - 1); selu too */
    LF_SOFTSIGN,         /* x / (1 + |x|) */
    LF_SOFTPLUS,         /* log(1 + e^x) */
    LF_EXPONENTIAL,      /* e^x */
    LF_SILU,             /* x*sigmoid(x) */
    LF_RELU6,            /* x within [0, 6] */
    LF_MISH,             /* x*tanh(log(1 + e^x)) */
    LF_GELU              /* x*Phi(x), Phi the normal distribution (the error function, not its tanh) */
};

typedef struct lf_function {
    int32_t kind;
    double alpha, beta;
} lf_function;

enum {
    LF_LSTM = 0,    /* gates i f g o */
    LF_GRU,         /* gates z r n, the reset gate after the product: n = tanh(x w_xn + b_xn + r*(h w_hn + b_hn)) */
    LF_RNN,         /* h' = candidate(x w_x + h w_h + b), clip of the argument */
    LF_LSTM_ANY,    /* with every option of lf_weights */
    LF_GRU_ANY,     /* with any gate, candidate and clip */
    LF_GRU_BEFORE,  /* likewise, the reset gate before the product: n = candidate(x w_xn + (r*h) w_hn + b_n); b (3H) */
    LF_LSTM_PROJECTED,      /* LF_LSTM with m = o*tanh(c'), h' = m w_p (Sak et al. 2014): h has P numbers */
    LF_LSTM_ANY_PROJECTED,  /* LF_LSTM_ANY likewise, without zoneout */
    LF_LSTM_NORM,   /* layer normalisation of x w_x, h w_h and c'; with any gate, candidate, output and clip */
    LF_CELLS
};

/* What a cell keeps per hidden unit. */
typedef struct lf_cell_shape {
    int32_t columns;   /* G: columns of w_x and w_h */
    int32_t biases;    /* numbers of b; GRU: b_x (3H), then b_h (3H); GRU_BEFORE: (3H) */
    int32_t tape;      /* numbers of tape_gates per tape row */
    int32_t memory;    /* 1: a second state c beside h; 0: c, c0, dc, dc0 are not used */
    int32_t projected; /* 1: h has P numbers, projected from the H of m; 0: P is H, whatever lf_weights says */
} lf_cell_shape;

typedef enum lf_status {
    LF_OK = 0,
    LF_TOO_LARGE,   /* a size does not fit 63 bits */
    LF_INTERRUPTED, /* `interrupted` asked to stop; outputs are incomplete */
    LF_BAD_ISA,     /* LSTM_FAST_ISA names an unknown instruction set */
    LF_NO_ISA       /* LSTM_FAST_ISA names one that this CPU or build lacks */
} lf_status;

/* A (B, T, F) array with any outer strides and contiguous features; data may be NULL where the field says so. */
typedef struct lf_seq {
    void *data;
    int64_t stride_b, stride_t;
} lf_seq;

/* Packed weights of one recurrent layer direction. Sizes: lf_weights_bytes. */
typedef struct lf_weights {
    int64_t I, H, P;
    int32_t cell, dtype;
    lf_function gate, candidate, output;  /* LSTM: of i f o, of g, of c'. GRU: of z r, of n. RNN: candidate. Where the cell lets choose */
    double zoneout_h, zoneout_c; /* LSTM_ANY: in [0, 1], how much of the old h and c each unit keeps; see zoneout_drawn */
    double clip, cell_clip;      /* bounds of the arguments of gate and candidate, and of c'; <= 0: none */
    int32_t coupled;             /* LSTM_ANY: f = 1 - i; the columns of f are not used, their gradients are 0 */
    int32_t peepholes;           /* LSTM_ANY: i, f see p*c, o sees p*c' */
    const void *peephole;        /* (3H) C: i f o, or NULL without; read by lf_pack only */
    double norm_epsilon; /* LSTM_NORM: > 0, added to each variance */
    const void *norm;    /* LSTM_NORM: (10H) C: gains of x w_x (4H), of h w_h (4H), of c' (H), shift of c' (H); read by lf_pack only */
    int32_t backward;    /* also hold the transposed panels: bit 0 w_h (for dh), bit 1 w_x (for dx) */
    const void *w_x;     /* (I, GH) C; read by lf_pack only */
    const void *w_h;     /* (P, GH) C; read by lf_pack only */
    const void *w_p;     /* (H, P) C where the cell projects; read by lf_pack only */
    const void *b;       /* (biases*H) or NULL (zeros); read by lf_pack only */
    void *panels;        /* written by lf_pack, read by forward and backward; must outlive both */
} lf_weights;

/* One recurrent layer direction over one batch: the arguments of forward and backward. */
typedef struct lf_sequence {
    const lf_weights *weights;
    int64_t B, T;
    int32_t training;          /* keep the tape */
    int32_t reverse;           /* step s reads and writes position len-1-s */
    int32_t threads;           /* upper bound on workers, >= 1 */
    int32_t accumulate;        /* backward adds to dw_x, dw_h, db instead of overwriting them */
    int (*interrupted)(void);  /* asked on the caller's thread about five times a second; nonzero: stop. May be NULL */
    const int64_t *lengths;    /* (B), 0 <= len <= T, or NULL (all T) */
    const int64_t *order;      /* (B): rows by descending length, or NULL when lengths is NULL */

    /* Where steps lie, for masks with holes, packed rows and resets; NULL: as `reverse` says. T then bounds the lengths.
     * Step s of row b is at position[index[b] + s] along stride_t, s < lengths[b]; positions ascend, or descend if reverse.
     * Row b has positions begin[b] .. end[b]; one without a step repeats y of the step before it (zeros before the first).
     * packed: rows lie one after the other (stride_b 0, nothing beyond end); else y and dx are zero from end[b] to T. */
    const int64_t *position, *index, *begin, *end;
    const uint8_t *reset;      /* reset[index[b] + b + s], s <= lengths[b]: the state is zero before step s (after the last
                                  one if s is the length) and the gradient stops there; NULL: nowhere. Needs position */
    int32_t packed;
    int32_t zoneout_drawn;     /* 1: a unit keeps all of its old state or nothing, drawn with probability zoneout_h, zoneout_c;
                                  0: it keeps that part of it, the expectation */
    uint64_t zoneout_seed;     /* the draw of a unit depends on the seed, B row, step, and unit alone */
    const void *h_scale;       /* (B, P) C: factors of h in the product with w_h (recurrent dropout), or NULL (ones) */

    lf_seq x;                  /* (B, T, I) */
    const void *h0, *c0;       /* (B, P), (B, H) C or NULL (zeros); may alias h, c */
    lf_seq y;                  /* (B, T, P) written; zeros beyond a row's length; data may be NULL */
    lf_seq c_seq;              /* (B, T, H) written: c of each step, elsewhere as y; data NULL: not wanted; memory only */
    void *h, *c;               /* (B, P), (B, H) C, written: the state after each row's last step */

    void *tape_gates;          /* (lf_tape_rows, tape*H): gates after forward, dG after backward; NULL unless training.
                                  projected: (lf_tape_rows, tape*H + 2P), h and dh behind them. With peepholes and
                                  zoneout_c > 0: (lf_tape_rows, (tape + 1)*H), c' before zoneout behind them */
    void *tape_cells;          /* (lf_tape_rows, H): c (without memory: h) after forward, h after backward; NULL unless training */
    void *scratch;             /* lf_sequence_scratch bytes */
    int64_t checkpoint_every;  /* training: keep h and c each so many steps, backward computes the tape again from them, one
                                  such segment at a time; 0: keep the whole tape. The numbers are the same */
    void *checkpoints;         /* (segments - 1, B*P + memory*B*H) h, then c; written by forward, read by backward; NULL without */

    lf_seq dy;                 /* (B, T, P) or data NULL (zeros) */
    lf_seq dc_seq;             /* (B, T, H) or data NULL (zeros): gradient of c_seq; memory only */
    const void *dh, *dc;       /* (B, P), (B, H) C or NULL (zeros): gradient of the last state */
    lf_seq dx;                 /* (B, T, I) written, zeros beyond the length; data NULL: not wanted */
    void *dw_x, *dw_h, *db;    /* (I, GH) (P, GH) (biases*H) C */
    void *dw_p;                /* (H, P) C where the cell projects */
    void *dh0, *dc0;           /* (B, P), (B, H) C or NULL (not wanted) */
    void *dpeephole;           /* (3H) C or NULL (not wanted) */
    void *dnorm;               /* LSTM_NORM: (10H) C, as norm */
} lf_sequence;

/* Layers of equal B, T and rows, of which each reads what the one before has written. */
typedef struct lf_stack {
    int64_t L;                         /* >= 1 */
    const lf_sequence *const *layers;  /* (L), first to last. x of layer l is y of layer l-1, and while backward runs dy of layer l-1
                                          is dx of layer l: the same memory, of the stack alone */
    const lf_seq *factors;             /* (L): of l >= 1 factors (B, T, I) of x of layer l, any strides, also 0, or data NULL (ones).
                                          Forward multiplies x in place, backward dx */
} lf_stack;

/* y = activation(x w + b) over `rows` rows of I inputs and O outputs, everything C. */
typedef struct lf_dense {
    int64_t rows, I, O;
    int32_t dtype, activation, threads, accumulate;
    int32_t packed;            /* forward: scratch holds w and b as the forward before packed them; no backward in between */
    const void *x;             /* (rows, I) */
    const void *w, *b;         /* (I, O); (O) or NULL */
    void *y;                   /* (rows, O): written by forward, read by backward */
    void *dy;                  /* (rows, O): backward overwrites it with the gradient before the activation */
    void *dx;                  /* (rows, I) or NULL */
    void *dw, *db;             /* (I, O); (O) or NULL */
    void *scratch;             /* lf_dense_scratch bytes */
} lf_dense;

/* Cross-entropy of a softmax p with labels: dlogits = (p - one-hot) * weight * scale, chosen = p of the labels. */
typedef struct lf_classes {
    int64_t rows, C, weights;
    int32_t dtype;
    double scale;
    const void *p;             /* (rows, C) */
    const int64_t *label;      /* (rows), in [0, C) */
    const void *weight;        /* (weights), each of rows / weights rows in turn, or NULL: 1 */
    void *chosen, *dlogits;    /* (rows); (rows, C) or NULL */
} lf_classes;

/* One update of n parameters in place. Slots are (n) arrays; which are used depends on the rule. */
enum { LF_SGD = 0, LF_ADAM, LF_RMSPROP };
typedef struct lf_update {
    int32_t rule, dtype, nesterov, threads;
    int64_t n, step;                 /* step counts from 1 */
    void *p;                         /* parameters, updated */
    const void *g;                   /* gradients */
    void *m, *v, *extra;             /* sgd: m momentum or NULL. adam: m, v, extra = max of v (amsgrad) or NULL.
                                        rmsprop: v, m momentum or NULL, extra = mean gradient (centered) or NULL */
    double lr, beta_1, beta_2, epsilon, momentum, weight_decay;   /* rmsprop: beta_1 is rho */
} lf_update;

enum { LF_MSE = 0, LF_MAE };

const char *lf_isa(void);                          /* the row that runs */
int lf_isa_count(void);                            /* rows that this build and this CPU have, best first */
const char *lf_isa_name(int index);
lf_status lf_select_isa(const char *forced);       /* NULL or "": the best one */

int lf_openmp(void);
int lf_get_num_threads(void);
void lf_set_num_threads(int n);                    /* n < 1 is ignored */
void lf_init(void);                                /* once per process, before anything else: fork handler */

lf_cell_shape lf_shape_of(int cell);               /* of a cell in [0, LF_CELLS) */

/* Sizes in bytes, 64-byte multiples; -1 when they do not fit. */
int64_t lf_weights_bytes(const lf_weights *w);
int64_t lf_sequence_scratch(const lf_sequence *a);
int64_t lf_tape_rows(const lf_sequence *a, int64_t R);   /* rows that the tape of a batch of R steps needs, in rows */
int64_t lf_dense_scratch(const lf_dense *a);

void lf_pack(const lf_weights *w, int32_t threads);
lf_status lf_sequence_forward(const lf_sequence *a);     /* LF_OK or LF_INTERRUPTED */
lf_status lf_sequence_backward(const lf_sequence *a);
lf_status lf_stack_forward(const lf_stack *a);           /* as lf_sequence_forward of each layer in turn, the same bits */
lf_status lf_stack_backward(const lf_stack *a);          /* likewise, from the last layer to the first */
void lf_dense_forward(const lf_dense *a);
void lf_dense_backward(const lf_dense *a);
void lf_apply_update(const lf_update *u);

/* Mean loss over n = rows * width elements, each row weighted by weight[row] (NULL: 1). dpred (n) or NULL. */
double lf_loss(int kind, int dtype, int64_t rows, int64_t width, const void *y_true, const void *y_pred,
               const void *weight, void *dpred);
double lf_sum_of_squares(int dtype, int64_t n, const void *x);
void lf_activation(int kind, int dtype, int64_t n, const void *x, void *y);   /* x may alias y */
void lf_softmax(int dtype, int64_t rows, int64_t C, const void *x, void *y);  /* likewise; over each of the rows of C > 0 */
void lf_class_gradient(const lf_classes *a);
void lf_add_rows(int dtype, int64_t n, int64_t width, const int64_t *index, const void *source, void *out);   /* out[index[k]] += source[k] */

double lf_probe_fma(int dtype, double seconds);                 /* GFLOP/s of this core */
double lf_probe_read(const void *buffer, int64_t bytes, double seconds);   /* GB/s reading the buffer again and again */
double lf_probe_team(int threads, int64_t barriers, double seconds);       /* seconds of one team that waits so often */

#ifdef __cplusplus
}
#endif
#endif
