// One row of the kernel table: everything that an instruction set's object file offers.
#ifndef LSTM_FAST_ISA_ROW_H
#define LSTM_FAST_ISA_ROW_H
#include "lstm_fast.h"
#include "team.h"

enum { LF_SUM_BLOCK = 256 };  // tape rows per partial sum of the weight gradients: part of the numbers contract

// Tape rows that checkpoints leave: a segment, and behind it the rows of the step after it or those of a block of weight gradients
// that is not complete.
inline int64_t lf_segment_rows(const lf_sequence &a) {
    return a.checkpoint_every * a.B + (a.B > LF_SUM_BLOCK ? a.B : static_cast<int64_t>(LF_SUM_BLOCK));
}

// What the workers of a recurrent call receive.
struct lf_sequence_call {
    const lf_sequence *args;
    int64_t poll_steps;      // steps between two looks at the clock, some milliseconds of work
    const int64_t *offsets;  // (T+1) first tape row of each step of a ragged batch; NULL: s*B
};

// lf_work functions take the struct named in the comment.
struct lf_cell_kernels {  // for one cell and dtype
    int64_t (*weights_numbers)(const lf_weights *);
    int64_t (*scratch_numbers)(const lf_sequence *);
    int (*useful_workers)(const lf_sequence *, int workers);  // so many of them have a share
    lf_work pack;               // lf_weights
    lf_work forward, backward;  // lf_sequence_call
};

struct lf_kernels {  // for one dtype
    lf_cell_kernels cell[LF_CELLS];
    int64_t (*dense_scratch_numbers)(const lf_dense *);
    lf_work dense_forward, dense_backward;  // lf_dense
    lf_work update;                         // lf_update
    void (*activation)(int kind, int64_t n, const void *x, void *y);
    void (*add_rows)(int64_t n, int64_t width, const int64_t *index, const void *source, void *out);
    void (*softmax)(int64_t rows, int64_t C, const void *x, void *y);
    void (*class_gradient)(const lf_classes &);
    double (*probe_fma)(int64_t rounds, double *keep);
    void (*probe_read)(const void *buffer, int64_t n, int64_t rounds, double *keep);
};

struct lf_isa_row {
    const char *name;
    lf_kernels kernels[2];  // by dtype: LF_FLOAT32, LF_FLOAT64
};

#endif
