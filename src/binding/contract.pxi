# The C contract, lstm_fast.h, as Cython sees it. Part of _core.pyx.

cdef extern from "lstm_fast.h" nogil:
    enum: LF_FLOAT32, LF_FLOAT64, LF_LINEAR, LF_RELU, LF_TANH, LF_SIGMOID, LF_SGD, LF_ADAM, LF_RMSPROP, LF_MSE, LF_MAE
    ctypedef enum lf_status:
        LF_OK, LF_TOO_LARGE, LF_INTERRUPTED, LF_BAD_ISA, LF_NO_ISA
    ctypedef struct lf_seq:
        void *data
        int64_t stride_b, stride_t
    enum: LF_LSTM, LF_GRU, LF_RNN, LF_LSTM_ANY, LF_GRU_ANY, LF_GRU_BEFORE, LF_LSTM_PROJECTED, LF_LSTM_ANY_PROJECTED, LF_LSTM_NORM
    enum: LF_AFFINE, LF_LEAKY_RELU, LF_THRESHOLDED_RELU, LF_SCALED_TANH, LF_HARD_SIGMOID, LF_ELU, LF_SOFTSIGN, LF_SOFTPLUS
    enum: LF_EXPONENTIAL, LF_SILU, LF_RELU6, LF_MISH, LF_GELU
    ctypedef struct lf_function:
        int32_t kind
        double alpha, beta
    ctypedef struct lf_cell_shape:
        int32_t columns, biases, tape, memory, projected
    lf_cell_shape lf_shape_of(int)
    ctypedef struct lf_weights:
        int64_t I, H, P
        int32_t cell, dtype, backward
        lf_function gate, candidate, output
        double zoneout_h, zoneout_c
        double clip, cell_clip
        int32_t coupled, peepholes
        const void *peephole
        double norm_epsilon
        const void *norm
        const void *w_x
        const void *w_h
        const void *w_p
        const void *b
        void *panels
    ctypedef struct lf_sequence:
        const lf_weights *weights
        int64_t B, T
        int32_t training, reverse, threads, accumulate
        int (*interrupted)() noexcept
        const int64_t *lengths
        const int64_t *order
        const int64_t *position
        const int64_t *index
        const int64_t *begin
        const int64_t *end
        const cnp.uint8_t *reset
        int32_t packed
        int32_t zoneout_drawn
        uint64_t zoneout_seed
        const void *h_scale
        int64_t checkpoint_every
        void *checkpoints
        lf_seq x, y, c_seq, dy, dc_seq, dx
        const void *h0
        const void *c0
        void *h
        void *c
        void *tape_gates
        void *tape_cells
        void *scratch
        const void *dh
        const void *dc
        void *dw_x
        void *dw_h
        void *dw_p
        void *db
        void *dh0
        void *dc0
        void *dpeephole
        void *dnorm
    ctypedef struct lf_stack:
        int64_t L
        const lf_sequence **layers
        lf_seq *factors
    ctypedef struct lf_dense:
        int64_t rows, I, O
        int32_t dtype, activation, threads, accumulate, packed
        const void *x
        const void *w
        const void *b
        void *y
        void *dy
        void *dx
        void *dw
        void *db
        void *scratch
    ctypedef struct lf_classes:
        int64_t rows, C, weights
        int32_t dtype
        double scale
        const void *p
        const int64_t *label
        const void *weight
        void *chosen
        void *dlogits
    ctypedef struct lf_update:
        int32_t rule, dtype, nesterov, threads
        int64_t n, step
        void *p
        const void *g
        void *m
        void *v
        void *extra
        double lr, beta_1, beta_2, epsilon, momentum, weight_decay
    const char *lf_isa()
    int lf_isa_count()
    const char *lf_isa_name(int)
    lf_status lf_select_isa(const char *)
    int lf_openmp()
    int lf_get_num_threads()
    void lf_set_num_threads(int)
    void lf_init()
    int64_t lf_weights_bytes(const lf_weights *)
    int64_t lf_sequence_scratch(const lf_sequence *)
    int64_t lf_tape_rows(const lf_sequence *, int64_t)
    int64_t lf_dense_scratch(const lf_dense *)
    void lf_pack(const lf_weights *, int32_t)
    lf_status lf_sequence_forward(const lf_sequence *)
    lf_status lf_sequence_backward(const lf_sequence *)
    lf_status lf_stack_forward(const lf_stack *)
    lf_status lf_stack_backward(const lf_stack *)
    void lf_dense_forward(const lf_dense *)
    void lf_dense_backward(const lf_dense *)
    void lf_apply_update(const lf_update *)
    double lf_loss(int, int, int64_t, int64_t, const void *, const void *, const void *, void *)
    double lf_sum_of_squares(int, int64_t, const void *)
    void lf_activation(int, int, int64_t, const void *, void *)
    void lf_softmax(int, int64_t, int64_t, const void *, void *)
    void lf_class_gradient(const lf_classes *)
    void lf_add_rows(int, int64_t, int64_t, const int64_t *, const void *, void *)
    double lf_probe_fma(int, double)
    double lf_probe_read(const void *, int64_t, double)
    double lf_probe_team(int, int64_t, double)
