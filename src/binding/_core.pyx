# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=False
"""The binding: arrays to one argument struct, the GIL released, a bad status to an exception.

Front doors (functional.py, layers) validate for people; the checks here only keep wrong memory out of the kernels. Every
method has four beats: locals, checks, one C call, return. Objects own their scratch; no call allocates.
"""
import os

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memmove
cimport numpy as cnp

cnp.import_array()

cdef extern from "stdlib.h" nogil:
    int posix_memalign(void **, size_t, size_t)

cdef extern from "sys/mman.h" nogil:
    int madvise(void *, size_t, int)
    int MADV_HUGEPAGE

cdef extern from "lstm_fast.h" nogil:
    enum: LF_FLOAT32, LF_FLOAT64, LF_LINEAR, LF_RELU, LF_TANH, LF_SIGMOID, LF_SGD, LF_ADAM, LF_RMSPROP, LF_MSE, LF_MAE
    ctypedef enum lf_status:
        LF_OK, LF_TOO_LARGE, LF_INTERRUPTED, LF_BAD_ISA, LF_NO_ISA
    ctypedef struct lf_seq:
        void *data
        int64_t stride_b, stride_t
    enum: LF_LSTM, LF_GRU, LF_RNN, LF_LSTM_ANY, LF_GRU_ANY, LF_GRU_BEFORE, LF_LSTM_PROJECTED, LF_LSTM_ANY_PROJECTED
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
        lf_seq x, y, c_seq, dy, dx
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
    ctypedef struct lf_update:
        int32_t rule, dtype, nesterov
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
    void lf_pack(const lf_weights *)
    lf_status lf_sequence_forward(const lf_sequence *)
    lf_status lf_sequence_backward(const lf_sequence *)
    void lf_dense_forward(const lf_dense *)
    void lf_dense_backward(const lf_dense *)
    void lf_apply_update(const lf_update *)
    double lf_loss(int, int, int64_t, int64_t, const void *, const void *, const void *, void *)
    double lf_sum_of_squares(int, int64_t, const void *)
    void lf_activation(int, int, int64_t, const void *, void *)
    double lf_probe_fma(int, double)
    double lf_probe_read(const void *, int64_t, double)
    double lf_probe_team(int, int64_t, double)

ctypedef fused number:
    float
    double

cdef extern from *:
    """
    #ifndef LSTM_FAST_VERSION
    #define LSTM_FAST_VERSION "unknown"
    #endif
    """
    const char *LSTM_FAST_VERSION
    const char *__VERSION__

cdef enum:
    HUGE_PAGE = 1 << 21
    SPARE_BYTES = 1 << 28  # of freed blocks that are kept
    MAX_THREADS = 1024


cdef int kernel_dtype(object dtype) except -1:
    """float32 -> LF_FLOAT32, float64 -> LF_FLOAT64."""
    if dtype is None:
        return LF_FLOAT32
    cdef cnp.dtype d = <cnp.dtype>dtype if isinstance(dtype, cnp.dtype) else cnp.dtype(dtype)
    if d.type_num == cnp.NPY_FLOAT:
        return LF_FLOAT32
    if d.type_num == cnp.NPY_DOUBLE:
        return LF_FLOAT64
    raise TypeError(f"expected dtype float32 or float64, got {d}")


# Freed blocks wait here for the next call of the same size, so that a training loop pays for its pages once. Guarded by the GIL.
cdef struct Block:
    void *p
    int64_t nbytes

cdef Block[32] spare
cdef int spare_count = 0
cdef int64_t spare_bytes = 0


cdef int64_t block_size(int64_t nbytes) noexcept:
    """nbytes rounded to 64 bytes, or to whole huge pages."""
    cdef int64_t unit = HUGE_PAGE if nbytes >= HUGE_PAGE else 64
    return max((nbytes + unit - 1) // unit, 1) * unit


cdef void *allocate(int64_t nbytes) except NULL:
    """64-byte aligned memory, contents undefined; large blocks on huge pages, which spares page faults and TLB misses."""
    global spare_count, spare_bytes
    cdef void *p = NULL
    cdef int k
    if nbytes < 0 or nbytes > (1 << 62):
        raise MemoryError("lstm_fast: sizes overflow")
    nbytes = block_size(nbytes)
    for k in range(spare_count):
        if spare[k].nbytes == nbytes:
            p = spare[k].p
            spare_bytes -= nbytes
            spare_count -= 1
            spare[k] = spare[spare_count]
            return p
    if posix_memalign(&p, HUGE_PAGE if nbytes >= HUGE_PAGE else 64, <size_t>nbytes) != 0:
        raise MemoryError(f"lstm_fast: {nbytes} bytes do not fit in memory")
    if nbytes >= HUGE_PAGE:
        madvise(p, <size_t>nbytes, MADV_HUGEPAGE)
    return p


cdef void release(void *p, int64_t nbytes) noexcept:
    """Gives a block of allocate(nbytes) back; the oldest spare blocks make room."""
    global spare_count, spare_bytes
    if p == NULL:
        return
    nbytes = block_size(nbytes)
    if nbytes > SPARE_BYTES:
        free(p)
        return
    while spare_count == 32 or (spare_count and spare_bytes + nbytes > SPARE_BYTES):
        free(spare[0].p)
        spare_bytes -= spare[0].nbytes
        spare_count -= 1
        memmove(&spare[0], &spare[1], spare_count * sizeof(Block))
    spare[spare_count].p, spare[spare_count].nbytes = p, nbytes
    spare_count += 1
    spare_bytes += nbytes


@cython.final
cdef class Memory:
    """A block of allocate(), for the life of the array that lies in it."""
    cdef void *p
    cdef int64_t nbytes

    def __cinit__(self, int64_t nbytes):
        self.nbytes = nbytes
        self.p = allocate(nbytes)

    def __dealloc__(self):
        release(self.p, self.nbytes)


def empty(tuple shape, dtype=None):
    """An uninitialised C array of float32 (None) or float64, aligned to a cache line: a vector store then never spans two."""
    cdef int typenum = cnp.NPY_DOUBLE if kernel_dtype(dtype) == LF_FLOAT64 else cnp.NPY_FLOAT
    cdef int ndim = len(shape), k
    cdef cnp.npy_intp[32] dims
    cdef int64_t nbytes = 8 if typenum == cnp.NPY_DOUBLE else 4
    if ndim > 32:
        raise ValueError(f"_core.empty: expected at most 32 dimensions, got {ndim}")
    for k in range(ndim):
        dims[k] = shape[k]
        if dims[k] < 0 or (dims[k] and nbytes > (1 << 62) // dims[k]):
            raise MemoryError(f"lstm_fast: an array of shape {shape} does not fit in memory")
        nbytes *= dims[k]
    if nbytes < 4096:  # all of it is near the caches anyway; NumPy's own small blocks are faster to get
        return cnp.PyArray_EMPTY(ndim, dims, typenum, 0)
    cdef Memory memory = Memory(nbytes)
    cdef cnp.ndarray array = cnp.PyArray_SimpleNewFromData(ndim, dims, typenum, memory.p)
    cnp.set_array_base(array, memory)
    return array


cdef inline int reject(str name, object a, str expected) except -1:
    got = f"{a.dtype} array of shape {a.shape}, strides {a.strides}" if cnp.PyArray_Check(a) else type(a).__name__
    raise ValueError(f"_core: expected {name} to be {expected}, got {got}")


cdef inline cnp.ndarray checked(object a, int dtype, int ndim, bint write, str name):
    """a as an array of the kernel's dtype, aligned, native, with ndim dimensions; writeable if asked."""
    if not cnp.PyArray_Check(a):
        reject(name, a, "an array")
    cdef cnp.ndarray array = <cnp.ndarray>a
    cdef int type_num = cnp.NPY_DOUBLE if dtype == LF_FLOAT64 else cnp.NPY_FLOAT
    if cnp.PyArray_TYPE(array) != type_num or cnp.PyArray_NDIM(array) != ndim or not cnp.PyArray_ISBEHAVED_RO(array):
        reject(name, a, f"an aligned float{64 if dtype == LF_FLOAT64 else 32} array with {ndim} dimensions")
    if write and not cnp.PyArray_ISWRITEABLE(array):
        reject(name, a, "writeable")
    return array


cdef inline void *flat(object a, int dtype, int64_t size, bint write, str name) except? NULL:
    """Address of a C-contiguous array of `size` numbers, any shape; None is NULL."""
    if a is None:
        return NULL
    if not cnp.PyArray_Check(a):
        reject(name, a, "an array")
    cdef cnp.ndarray array = checked(a, dtype, cnp.PyArray_NDIM(<cnp.ndarray>a), write, name)
    if cnp.PyArray_SIZE(array) != size or not cnp.PyArray_IS_C_CONTIGUOUS(array):
        reject(name, a, f"C-contiguous with {size} numbers")
    return cnp.PyArray_DATA(array)


cdef inline int series(lf_seq *out, object a, int dtype, int64_t B, int64_t T, int64_t F, bint write, str name) except -1:
    """Fills out with a (B, T, F) array whose features are contiguous; None is NULL."""
    out.data = NULL
    if a is None:
        return 0
    cdef cnp.ndarray array = checked(a, dtype, 3, write, name)
    cdef cnp.npy_intp *n = cnp.PyArray_DIMS(array)
    cdef cnp.npy_intp *stride = cnp.PyArray_STRIDES(array)
    cdef int64_t item = 8 if dtype == LF_FLOAT64 else 4
    if n[0] != B or n[1] != T or n[2] != F or (F > 1 and B > 0 and T > 0 and stride[2] != item):
        reject(name, a, f"of shape {(B, T, F)} with contiguous features")
    if (B > 1 and stride[0] % item) or (T > 1 and stride[1] % item):
        reject(name, a, f"strided by whole numbers of {item} bytes")
    out.data = cnp.PyArray_DATA(array)
    out.stride_b = stride[0] // item
    out.stride_t = stride[1] // item
    return 0


cdef inline int packed_series(lf_seq *out, object a, int dtype, int64_t R, int64_t F, bint write, str name) except -1:
    """Fills out with packed rows (R, F) whose features are contiguous; None is NULL."""
    out.data = NULL
    if a is None:
        return 0
    cdef cnp.ndarray array = checked(a, dtype, 2, write, name)
    cdef int64_t item = 8 if dtype == LF_FLOAT64 else 4, stride = cnp.PyArray_STRIDE(array, 0)
    if cnp.PyArray_DIM(array, 0) != R or cnp.PyArray_DIM(array, 1) != F or (F > 1 and R > 0 and cnp.PyArray_STRIDE(array, 1) != item) \
            or (R > 1 and stride % item):
        reject(name, a, f"of shape {(R, F)} with contiguous features")
    out.data, out.stride_b, out.stride_t = cnp.PyArray_DATA(array), 0, stride // item
    return 0


cdef int interrupted() noexcept with gil:
    """Asked by the caller's worker while the GIL is released: runs pending signal handlers; 1 if one raised."""
    try:
        PyErr_CheckSignals()
    except BaseException as e:
        pending.append(e)
        return 1
    return 0


cdef list pending = []  # what signal handlers raised inside a call


cdef int raise_pending() except -1:
    raise pending.pop() if pending else KeyboardInterrupt()


cdef int32_t thread_count(int64_t n) noexcept:
    if n <= 0:
        n = lf_get_num_threads()
    return <int32_t>(n if n < MAX_THREADS else MAX_THREADS)


cdef dict ACTIVATIONS = {"linear": LF_LINEAR, "relu": LF_RELU, "tanh": LF_TANH, "sigmoid": LF_SIGMOID}
# kind, alpha, beta where none are given
cdef dict FUNCTIONS = {
    "linear": (LF_LINEAR, 1, 0), "relu": (LF_RELU, 1, 0), "tanh": (LF_TANH, 1, 1), "sigmoid": (LF_SIGMOID, 1, 0),
    "affine": (LF_AFFINE, 1, 0), "leaky_relu": (LF_LEAKY_RELU, 0.2, 0), "thresholded_relu": (LF_THRESHOLDED_RELU, 1, 0),
    "scaled_tanh": (LF_SCALED_TANH, 1, 1), "hard_sigmoid": (LF_HARD_SIGMOID, 1 / 6.0, 0.5), "elu": (LF_ELU, 1, 1),
    "selu": (LF_ELU, 1.6732632423543772, 1.0507009873554805), "softsign": (LF_SOFTSIGN, 1, 0), "softplus": (LF_SOFTPLUS, 1, 0),
    "exponential": (LF_EXPONENTIAL, 1, 0), "silu": (LF_SILU, 1, 0), "swish": (LF_SILU, 1, 0), "relu6": (LF_RELU6, 1, 0),
    "mish": (LF_MISH, 1, 0), "gelu": (LF_GELU, 1, 0),
}
cdef dict CELLS = {"lstm": LF_LSTM, "gru": LF_GRU, "rnn": LF_RNN}


cdef lf_function function_of(object spec) except *:
    """'name', ('name', alpha) or ('name', alpha, beta)."""
    cdef lf_function f
    name, numbers = (spec, ()) if isinstance(spec, str) else (spec[0], tuple(spec[1:]))
    if name not in FUNCTIONS:
        raise ValueError(f"_core: expected an activation in {sorted(FUNCTIONS)}, got {name!r}")
    kind, alpha, beta = FUNCTIONS[name]
    f.kind, f.alpha, f.beta = kind, numbers[0] if numbers else alpha, numbers[1] if len(numbers) > 1 else beta
    return f


def activations():
    """The names that Weights takes for its activations."""
    return tuple(FUNCTIONS)


@cython.final
cdef class Weights:
    """Packed panels of one recurrent layer direction: Weights(cell, I, H, dtype, backward=False, input_grad=True, options).

    cell 'lstm' (gates i f g o), 'gru' (z r n, reset after the product or before) or 'rnn'. An activation is 'name' or ('name', alpha,
    beta): `activation` of g, n, h'; `recurrent_activation` of the other gates; `output_activation` of c' (None: activation).
    Readers may share it between threads as long as nobody packs.
    """
    cdef lf_weights w
    cdef lf_cell_shape shape
    cdef readonly str cell
    cdef tuple options
    cdef readonly int64_t nbytes

    def __cinit__(self, str cell, int64_t I, int64_t H, object dtype, bint backward=False, bint input_grad=True,
                  *, object activation="tanh", object recurrent_activation="sigmoid", object output_activation=None,
                  double clip=0, double cell_clip=0, bint input_forget=False, bint peephole=False,
                  double zoneout_h=0, double zoneout_c=0,
                  bint reset_after=True, int64_t projection=0):
        if cell not in CELLS:
            raise ValueError(f"_core.Weights: expected cell in {sorted(CELLS)}, got {cell!r}")
        if I < 0 or H < 1 or projection < 0:
            raise ValueError(f"_core.Weights: expected I >= 0, H >= 1 and projection >= 0, got I={I}, H={H}, projection={projection}")
        if projection and (cell != "lstm" or zoneout_h > 0 or zoneout_c > 0):
            raise ValueError("_core.Weights: expected projection in an lstm without zoneout")
        self.cell = cell
        self.w.cell = CELLS[cell]
        self.w.gate, self.w.candidate = function_of(recurrent_activation), function_of(activation)
        self.w.output = self.w.candidate if output_activation is None else function_of(output_activation)
        self.w.zoneout_h, self.w.zoneout_c = zoneout_h, zoneout_c
        self.w.clip, self.w.cell_clip, self.w.coupled, self.w.peepholes = clip, cell_clip, input_forget, peephole
        plain = self.w.gate.kind == LF_SIGMOID and self.w.candidate.kind == LF_TANH and clip <= 0
        if cell == "lstm" and not (plain and self.w.output.kind == LF_TANH and cell_clip <= 0 and not input_forget
                                   and not peephole and zoneout_h <= 0 and zoneout_c <= 0):
            self.w.cell = LF_LSTM_ANY_PROJECTED if projection else LF_LSTM_ANY
        elif projection:
            self.w.cell = LF_LSTM_PROJECTED
        elif cell == "gru" and not (plain and reset_after):
            self.w.cell = LF_GRU_ANY if reset_after else LF_GRU_BEFORE
        self.options = (recurrent_activation, activation, output_activation, clip, cell_clip, input_forget, peephole, reset_after,
                        zoneout_h, zoneout_c)
        self.shape = lf_shape_of(self.w.cell)
        self.w.I, self.w.H, self.w.P, self.w.dtype = I, H, projection or H, kernel_dtype(dtype)
        self.w.backward = (1 | (2 if input_grad else 0)) if backward else 0
        self.nbytes = lf_weights_bytes(&self.w)
        self.w.panels = allocate(self.nbytes)

    def __dealloc__(self):
        release(self.w.panels, self.nbytes)

    cdef bint alike(self, Weights other):
        return self.options == other.options

    def pack(self, w_x, w_h, b, peephole=None, projection=None):
        """Reads w_x (I,GH), w_h (P,GH), b or None, peephole (3H) i f o and projection (H,P) if the cell has them; no array is kept.

        lstm: G 4, b (4H). gru: G 3, b (2,3H): b_x, b_h, or (3H) with reset_after=False. rnn: G 1, b (H).
        """
        cdef lf_weights w = self.w
        cdef int64_t G = self.shape.columns
        w.w_x = flat(w_x, w.dtype, w.I * G * w.H, False, "w_x")
        w.w_h = flat(w_h, w.dtype, w.P * G * w.H, False, "w_h")
        w.b = flat(b, w.dtype, self.shape.biases * w.H, False, "b")
        w.peephole = flat(peephole, w.dtype, 3 * w.H, False, "peephole")
        if (w.peephole == NULL) == bool(w.peepholes):
            raise ValueError("_core: expected peephole beside Weights(peephole=True), and only there")
        w.w_p = flat(projection, w.dtype, w.H * w.P, False, "projection")
        if (w.w_p == NULL) == bool(self.shape.projected):
            raise ValueError("_core: expected projection beside Weights(projection=P), and only there")
        if w.w_x == NULL or w.w_h == NULL:
            raise ValueError("_core: expected w_x and w_h to be arrays, got None")
        with nogil:
            lf_pack(&w)


include "rows.pxi"


@cython.final
cdef class Sequence:
    """One recurrent problem of fixed shape: Sequence(weights, B, T, training=, reverse=, lengths= or rows=, num_threads=).

    Owns scratch and tape; used by one thread at a time. `rows` may be filled anew between calls if `refill` says so: the
    tape then has room for every position.
    """
    cdef lf_sequence a
    cdef Weights weights
    cdef void *memory
    cdef Rows rows
    cdef void *own_h
    cdef void *own_c
    cdef int64_t requested_threads, memory_nbytes, tape_rows, recorded_rows
    cdef bint busy, recorded
    cdef readonly int64_t state_nbytes, scratch_nbytes

    def __cinit__(self, Weights weights not None, int64_t B, int64_t T, *, bint training=False, bint reverse=False,
                  lengths=None, Rows rows=None, bint refill=False, int64_t num_threads=0, int64_t checkpoint_every=0):
        cdef int64_t item = 8 if weights.w.dtype == LF_FLOAT64 else 4, H = weights.w.H, P = weights.w.P, R, state, width, kept = 0
        if B < 0 or T < 0:
            raise ValueError(f"_core.Sequence: expected B >= 0 and T >= 0, got B={B}, T={T}")
        if training and not weights.w.backward:
            raise ValueError("_core.Sequence: training needs Weights(backward=True)")
        if lengths is not None:
            rows = Rows(B, T, lengths, None, reverse)
        if rows is not None and (rows.B != B or rows.T != T or rows.reverse != reverse):
            raise ValueError(f"_core.Sequence: expected rows of B={B}, T={T}, reverse={reverse}, got {rows.B}, {rows.T}, {rows.reverse}")
        self.weights = weights
        self.requested_threads = num_threads
        self.a.weights = &weights.w
        self.a.interrupted = interrupted
        self.a.B, self.a.T, self.a.training, self.a.reverse = B, T, training, reverse
        self.rows = rows
        if rows is not None:
            rows.place(&self.a)
        self.set_threads(thread_count(num_threads))
        R = B * T if rows is None else rows.places if refill else rows.total
        self.tape_rows = R
        if training and 0 < checkpoint_every < T:
            self.a.checkpoint_every = checkpoint_every
            kept = (T - 1) // checkpoint_every * (P + weights.shape.memory * H) * B * item
        R = lf_tape_rows(&self.a, R)
        width = weights.shape.tape * H + 2 * P * weights.shape.projected
        self.state_nbytes = R * (width + H) * item + kept if training else 0
        state = (B * max(H, P) * item + 63) // 64 * 64
        self.memory_nbytes = 2 * state + self.state_nbytes
        self.memory = allocate(self.memory_nbytes)
        self.own_h = self.memory
        self.own_c = <char *>self.own_h + state
        if training:
            self.a.tape_gates = <char *>self.own_c + state
            self.a.tape_cells = <char *>self.a.tape_gates + R * width * item
            self.a.checkpoints = <char *>self.a.tape_cells + R * H * item

    def __dealloc__(self):
        release(self.memory, self.memory_nbytes)
        release(self.a.scratch, self.scratch_nbytes)

    cdef int set_threads(self, int32_t threads) except -1:
        """Scratch for this many workers; its layout depends on the count."""
        cdef lf_sequence a = self.a
        a.threads = threads
        cdef int64_t nbytes = lf_sequence_scratch(&a)
        if nbytes < 0:
            raise MemoryError(f"{self.weights.cell}: sizes overflow for B={a.B}, T={a.T}, I={self.weights.w.I}, H={self.weights.w.H}")
        a.scratch = allocate(nbytes)
        release(self.a.scratch, self.scratch_nbytes)
        self.a, self.scratch_nbytes = a, nbytes
        return 0

    cdef int enter(self) except -1:
        """Refuses a second thread; follows set_num_threads where the call did not name a count."""
        if self.busy:
            raise RuntimeError("_core.Sequence: in use by another thread; create one per thread")
        if self.rows is not None:
            self.rows.place(&self.a)
        if self.requested_threads <= 0 and self.a.threads != thread_count(0):
            self.set_threads(thread_count(0))
        return 0

    cdef int place(self, lf_seq *out, object a, int64_t F, bint write, str name) except -1:
        """Fills out with (B,T,F), or packed (R,F)."""
        if self.rows is not None and self.rows.packed:
            return packed_series(out, a, self.weights.w.dtype, self.rows.places, F, write, name)
        return series(out, a, self.weights.w.dtype, self.a.B, self.a.T, F, write, name)

    cdef int set_h_scale(self, object h_scale) except -1:
        """Factors (B,P) of h in the product, or None; scratch grows when they come for the first time."""
        self.a.h_scale = flat(h_scale, self.weights.w.dtype, self.a.B * self.weights.w.P, False, "h_scale")
        if self.needs_scratch():
            self.set_threads(self.a.threads)
        return 0

    cdef bint needs_scratch(self) except -1:
        return lf_sequence_scratch(&self.a) > self.scratch_nbytes

    def forward(self, x, h0, c0, y, h, c, Weights weights=None, h_scale=None, c_seq=None, zoneout_seed=None):
        """x (B,T,I), h0 (B,P), c0 (B,H) or None -> y (B,T,P) or None, h (B,P), c (B,H) or None. Only an LSTM has c0 and c."""
        self.enter()
        cdef lf_sequence *a = &self.a
        cdef int dtype = self.weights.w.dtype
        cdef int64_t B = a.B, H = self.weights.w.H, P = self.weights.w.P
        if weights is not None:
            if weights.w.cell != self.weights.w.cell or not weights.alike(self.weights) or weights.w.I != self.weights.w.I or weights.w.H != H or weights.w.P != P or weights.w.dtype != dtype or (a.training and weights.w.backward != self.weights.w.backward):
                raise ValueError("_core.Sequence.forward: weights of another cell, shape, dtype or kind")
            self.weights = weights
            a.weights = &weights.w
        if self.rows is not None and a.training and self.rows.total > self.tape_rows:
            raise ValueError("_core.Sequence.forward: rows with more steps than at first need refill=True")
        self.set_h_scale(h_scale)
        self.place(&a.x, x, self.weights.w.I, False, "x")
        self.place(&a.y, y, P, True, "y")
        self.place(&a.c_seq, c_seq if self.weights.shape.memory else None, H, True, "c_seq")
        a.zoneout_drawn = zoneout_seed is not None
        a.zoneout_seed = zoneout_seed if a.zoneout_drawn else 0
        if x is None:
            reject("x", x, "an array")
        a.h0 = flat(h0, dtype, B * P, False, "h0")
        a.c0 = flat(c0, dtype, B * H, False, "c0")
        a.h = flat(h, dtype, B * P, True, "h")
        a.c = flat(c, dtype, B * H, True, "c")
        if a.h == NULL:
            a.h = self.own_h
        if a.c == NULL:
            a.c = self.own_c
        self.busy = True
        self.recorded = False
        cdef lf_status status
        with nogil:
            status = lf_sequence_forward(a)
        self.busy = False
        if status == LF_INTERRUPTED:
            raise_pending()
        self.recorded_rows = 0 if self.rows is None else self.rows.filled
        self.recorded = a.training

    def backward(self, x, dy, dh, dc, dx, dw_x, dw_h, db, dh0, dc0, h0, c0, bint accumulate=False, h_scale=None, dpeephole=None, dprojection=None):
        """Gradients of the last forward, given its x, h0, c0, h_scale; consumes its tape. dy, dh, dc may be None (zeros); dx, dh0, dc0 None (not wanted)."""
        self.enter()
        if not self.recorded:
            raise ValueError("_core.Sequence.backward: needs a forward with training=True before each call")
        if self.rows is not None and self.rows.filled != self.recorded_rows:
            raise ValueError("_core.Sequence.backward: its rows were filled anew since forward")
        cdef lf_sequence *a = &self.a
        cdef int dtype = self.weights.w.dtype
        cdef int64_t B = a.B, I = self.weights.w.I, H = self.weights.w.H, P = self.weights.w.P, G = self.weights.shape.columns
        self.set_h_scale(h_scale)
        self.place(&a.x, x, I, False, "x")
        self.place(&a.dy, dy, P, False, "dy")
        self.place(&a.dx, dx, I, True, "dx")
        if dx is not None and not self.weights.w.backward & 2:
            raise ValueError("_core.Sequence.backward: dx needs Weights(input_grad=True)")
        if x is None or dw_x is None or dw_h is None or db is None:
            raise ValueError("_core.Sequence.backward: expected x, dw_x, dw_h, db to be arrays, got None")
        a.dh = flat(dh, dtype, B * P, False, "dh")
        a.dc = flat(dc, dtype, B * H, False, "dc")
        a.dw_x = flat(dw_x, dtype, I * G * H, True, "dw_x")
        a.dw_h = flat(dw_h, dtype, P * G * H, True, "dw_h")
        a.db = flat(db, dtype, self.weights.shape.biases * H, True, "db")
        a.dh0 = flat(dh0, dtype, B * P, True, "dh0")
        a.dc0 = flat(dc0, dtype, B * H, True, "dc0")
        a.dpeephole = flat(dpeephole, dtype, 3 * H, True, "dpeephole")
        a.dw_p = flat(dprojection, dtype, H * P, True, "dprojection")
        if (a.dw_p == NULL) == bool(self.weights.shape.projected):
            raise ValueError("_core.Sequence.backward: expected dprojection beside Weights(projection=P), and only there")
        a.h0 = flat(h0, dtype, B * P, False, "h0")
        a.c0 = flat(c0, dtype, B * H, False, "c0")
        a.accumulate = accumulate
        self.recorded = False
        self.busy = True
        cdef lf_status status
        with nogil:
            status = lf_sequence_backward(a)
        self.busy = False
        if status == LF_INTERRUPTED:
            raise_pending()


include "stream.pxi"


@cython.final
cdef class Dense:
    """y = activation(x w + b): Dense(rows, I, O, dtype, activation='linear', training=False, num_threads=0)."""
    cdef lf_dense a
    cdef int64_t nbytes
    cdef bint ran

    def __cinit__(self, int64_t rows, int64_t I, int64_t O, object dtype, str activation="linear", bint training=False,
                  int64_t num_threads=0):
        if rows < 0 or I < 0 or O < 1:
            raise ValueError(f"_core.Dense: expected rows >= 0, I >= 0, O >= 1, got {rows}, {I}, {O}")
        if activation not in ACTIVATIONS:
            raise ValueError(f"_core.Dense: expected activation in {sorted(ACTIVATIONS)}, got {activation!r}")
        self.a.rows, self.a.I, self.a.O = rows, I, O
        self.a.dtype, self.a.activation = kernel_dtype(dtype), ACTIVATIONS[activation]
        self.a.threads = thread_count(num_threads)
        self.nbytes = lf_dense_scratch(&self.a)
        self.a.scratch = allocate(self.nbytes)

    def __dealloc__(self):
        release(self.a.scratch, self.nbytes)

    def forward(self, x, w, b, y, bint packed=False):
        """x (rows,I), w (I,O), b (O) or None -> y (rows,O). packed: w and b are those of the call before."""
        cdef lf_dense *a = &self.a
        a.packed = packed and self.ran
        self.ran = True
        a.x = flat(x, a.dtype, a.rows * a.I, False, "x")
        a.w = flat(w, a.dtype, a.I * a.O, False, "w")
        a.b = flat(b, a.dtype, a.O, False, "b")
        a.y = flat(y, a.dtype, a.rows * a.O, True, "y")
        if x is None or w is None or y is None:
            raise ValueError("_core.Dense.forward: expected x, w, y to be arrays, got None")
        with nogil:
            lf_dense_forward(a)

    def backward(self, x, w, y, dy, dx, dw, db, bint accumulate=False):
        """dy (rows,O), overwritten -> dx (rows,I) or None, dw (I,O), db (O) or None."""
        cdef lf_dense *a = &self.a
        self.ran = False
        a.x = flat(x, a.dtype, a.rows * a.I, False, "x")
        a.w = flat(w, a.dtype, a.I * a.O, False, "w")
        a.y = flat(y, a.dtype, a.rows * a.O, False, "y")
        a.dy = flat(dy, a.dtype, a.rows * a.O, True, "dy")
        a.dx = flat(dx, a.dtype, a.rows * a.I, True, "dx")
        a.dw = flat(dw, a.dtype, a.I * a.O, True, "dw")
        a.db = flat(db, a.dtype, a.O, True, "db")
        a.accumulate = accumulate
        if x is None or w is None or y is None or dy is None or dw is None:
            raise ValueError("_core.Dense.backward: expected x, w, y, dy, dw to be arrays, got None")
        with nogil:
            lf_dense_backward(a)


cdef int dtype_of(object p) except -1:
    if not cnp.PyArray_Check(p):
        reject("the first argument", p, "an array")
    return kernel_dtype((<cnp.ndarray>p).dtype)


cdef int update(lf_update *u, object p, object g, object m, object v, object extra, double lr, double weight_decay) except -1:
    u.dtype = dtype_of(p)
    u.n = cnp.PyArray_SIZE(p)
    u.p, u.g = flat(p, u.dtype, u.n, True, "p"), flat(g, u.dtype, u.n, False, "g")
    u.m, u.v = flat(m, u.dtype, u.n, True, "m"), flat(v, u.dtype, u.n, True, "v")
    u.extra = flat(extra, u.dtype, u.n, True, "extra slot")
    u.lr, u.weight_decay = lr, weight_decay
    if g is None or (u.rule == LF_ADAM and (m is None or v is None)) or (u.rule == LF_RMSPROP and v is None):
        raise ValueError("_core: expected an array for every gradient and slot, got None")
    with nogil:
        lf_apply_update(u)
    return 0


def adam(p, g, m, v, double lr, double beta_1, double beta_2, double epsilon, int64_t step, double weight_decay=0.0, vhat=None):
    """One Adam (AdamW, amsgrad with vhat) update of flat arrays, Keras 3's rule; step counts from 1."""
    cdef lf_update u
    u.rule, u.step, u.beta_1, u.beta_2, u.epsilon = LF_ADAM, step, beta_1, beta_2, epsilon
    update(&u, p, g, m, v, vhat, lr, weight_decay)


def sgd(p, g, mom, double lr, double momentum, bint nesterov, double weight_decay=0.0):
    """One SGD update of flat arrays, Keras 3's rule; mom None: no momentum."""
    cdef lf_update u
    u.rule, u.momentum, u.nesterov = LF_SGD, momentum, nesterov
    update(&u, p, g, mom, None, None, lr, weight_decay)


def rmsprop(p, g, v, mom, mg, double lr, double rho, double momentum, double epsilon, double weight_decay=0.0):
    """One RMSprop update of flat arrays, Keras 3's rule; mom, mg None: no momentum, not centered."""
    cdef lf_update u
    u.rule, u.beta_1, u.momentum, u.epsilon = LF_RMSPROP, rho, momentum, epsilon
    update(&u, p, g, mom, v, mg, lr, weight_decay)


cdef double loss(int kind, object y_true, object y_pred, object dpred, object weight) except? -1:
    cdef int dtype = dtype_of(y_pred)
    cdef int64_t n = cnp.PyArray_SIZE(y_pred), rows = n
    cdef void *t = flat(y_true, dtype, n, False, "y_true")
    cdef void *p = flat(y_pred, dtype, n, False, "y_pred")
    cdef void *d = flat(dpred, dtype, n, True, "dpred")
    cdef void *w
    cdef double value
    if cnp.PyArray_NDIM(y_pred) > 0:
        rows = cnp.PyArray_DIM(y_pred, 0)
    w = flat(weight, dtype, rows, False, "weight")
    if y_true is None or n == 0:
        raise ValueError("_core: expected a loss over at least one element")
    with nogil:
        value = lf_loss(kind, dtype, rows, n // rows, t, p, w, d)
    return value


def mse(y_true, y_pred, dpred, weight):
    """Mean squared error; dpred (or None) receives its gradient; weight per row of the first axis, or None."""
    return loss(LF_MSE, y_true, y_pred, dpred, weight)


def mae(y_true, y_pred, dpred, weight):
    """Mean absolute error; dpred (or None) receives its gradient; weight per row of the first axis, or None."""
    return loss(LF_MAE, y_true, y_pred, dpred, weight)


def norm2(g):
    """Sum of squares, in float64 and a fixed order."""
    cdef int dtype = dtype_of(g)
    cdef int64_t n = cnp.PyArray_SIZE(g)
    cdef void *p = flat(g, dtype, n, False, "g")
    cdef double value
    with nogil:
        value = lf_sum_of_squares(dtype, n, p)
    return value


cdef int elementwise(int kind, object x, object out) except -1:
    cdef int dtype = dtype_of(x)
    cdef int64_t n = cnp.PyArray_SIZE(x)
    cdef void *source = flat(x, dtype, n, False, "x")
    cdef void *target = flat(out, dtype, n, True, "out")
    if out is None:
        reject("out", out, "an array")
    with nogil:
        lf_activation(kind, dtype, n, source, target)
    return 0


def tanh(x, out):
    """out = tanh(x), the kernels' own; x may be out."""
    elementwise(LF_TANH, x, out)


def sigmoid(x, out):
    """out = 1 / (1 + exp(-x)), the kernels' own; x may be out."""
    elementwise(LF_SIGMOID, x, out)


def gather(src, index, out):
    """out[i] = src[index[i]] along the first axis; C arrays of one dtype; index int64."""
    cdef cnp.ndarray s, i, o
    if not (cnp.PyArray_Check(src) and cnp.PyArray_Check(index) and cnp.PyArray_Check(out)):
        raise TypeError("_core.gather: expected three arrays")
    s, i, o = src, index, out
    cdef int64_t n, k, row, at
    if cnp.PyArray_NDIM(s) < 1 or cnp.PyArray_NDIM(o) != cnp.PyArray_NDIM(s) or cnp.PyArray_TYPE(s) != cnp.PyArray_TYPE(o) \
            or cnp.PyArray_TYPE(i) != cnp.NPY_INT64 or not (cnp.PyArray_IS_C_CONTIGUOUS(s) and cnp.PyArray_IS_C_CONTIGUOUS(o)
                                                            and cnp.PyArray_IS_C_CONTIGUOUS(i)):
        raise ValueError("_core.gather: expected C arrays of one dtype and dimension count, and an int64 index")
    if s.dtype.hasobject or not cnp.PyArray_ISWRITEABLE(o):
        raise ValueError("_core.gather: expected numbers, and out to be writeable")
    n = cnp.PyArray_SIZE(i)
    at = cnp.PyArray_DIM(s, 0)
    row = (cnp.PyArray_NBYTES(s) // at) if at else 0
    if cnp.PyArray_DIM(o, 0) != n or cnp.PyArray_NBYTES(o) != n * row:
        raise ValueError(f"_core.gather: expected out of {n} rows of {row} bytes, got shape {out.shape}")
    cdef const int64_t *p = <const int64_t *>cnp.PyArray_DATA(i)
    for k in range(n):
        if p[k] < 0 or p[k] >= at:
            raise IndexError(f"_core.gather: index {p[k]} is out of range for {at} rows")
    cdef char *source = <char *>cnp.PyArray_DATA(s)
    cdef char *target = <char *>cnp.PyArray_DATA(o)
    with nogil:
        for k in range(n):
            memcpy(target + k * row, source + p[k] * row, row)


def scatter_add(src, index, out):
    """out[index[i]] += src[i] along the first axis, in the order of i; C arrays of one dtype; index int64."""
    cdef int dtype = dtype_of(src)
    cdef cnp.ndarray i = index, o = checked(out, dtype, cnp.PyArray_NDIM(out), True, "out")
    if cnp.PyArray_TYPE(i) != cnp.NPY_INT64 or not (cnp.PyArray_IS_C_CONTIGUOUS(i) and cnp.PyArray_IS_C_CONTIGUOUS(o)):
        raise ValueError("_core.scatter_add: expected a C array, and an int64 index")
    cdef int64_t n = cnp.PyArray_SIZE(i), at = cnp.PyArray_DIM(o, 0), k
    cdef int64_t row = cnp.PyArray_SIZE(o) // at if at else 0
    cdef const int64_t *p = <const int64_t *>cnp.PyArray_DATA(i)
    cdef void *source = flat(src, dtype, n * row, False, "src")
    for k in range(n):
        if p[k] < 0 or p[k] >= at:
            raise IndexError(f"_core.scatter_add: index {p[k]} is out of range for {at} rows")
    with nogil:
        if dtype == LF_FLOAT64:
            add_rows(<double *>source, p, n, row, <double *>cnp.PyArray_DATA(o))
        else:
            add_rows(<float *>source, p, n, row, <float *>cnp.PyArray_DATA(o))


cdef void add_rows(number *source, const int64_t *index, int64_t n, int64_t row, number *out) noexcept nogil:
    cdef int64_t k, j
    cdef number *target
    for k in range(n):
        target = out + index[k] * row
        for j in range(row):
            target[j] += source[k * row + j]


def isa():
    """The instruction set that runs: 'avx512', 'avx2', 'neon' or 'generic'."""
    return lf_isa().decode()


def isas():
    """The instruction sets that this build and this CPU have, best first."""
    return tuple(lf_isa_name(k).decode() for k in range(lf_isa_count()))


def get_num_threads():
    """Workers that a call may use when it does not say."""
    return lf_get_num_threads()


def set_num_threads(int n):
    """Sets what get_num_threads returns; n >= 1."""
    if n < 1:
        raise ValueError(f"set_num_threads: expected n >= 1, got {n}")
    lf_set_num_threads(n)


def build_info():
    """How the extension was compiled."""
    return {"version": LSTM_FAST_VERSION.decode(), "compiler": __VERSION__.decode(), "openmp": bool(lf_openmp())}


def probe_fma(double seconds, dtype="float32"):
    """Peak of one core in GFLOP/s, measured by independent fma chains."""
    cdef int kind = kernel_dtype(dtype)
    cdef double rate
    with nogil:
        rate = lf_probe_fma(kind, seconds)
    return rate


def probe_bandwidth(int64_t nbytes, double seconds):
    """Read bandwidth of one core in GB/s over a buffer of nbytes read again and again."""
    nbytes = max(4096, nbytes // 4096 * 4096)
    cdef void *p = allocate(nbytes)
    cdef double rate
    cdef int64_t k
    for k in range(nbytes // 4):
        (<float *>p)[k] = 1.0
    try:
        with nogil:
            rate = lf_probe_read(p, nbytes, seconds)
    finally:
        release(p, nbytes)
    return rate


def probe_barrier(int threads, double seconds):
    """(seconds to start and end a team of threads, seconds of one barrier between its workers): the shortest seen."""
    if threads < 1:
        raise ValueError(f"probe_barrier: expected threads >= 1, got {threads}")
    cdef double team, waiting
    with nogil:
        team = lf_probe_team(threads, 0, 0.5 * seconds)
        waiting = lf_probe_team(threads, 200, 0.5 * seconds)
    return team, max(0.0, waiting - team) / 200


def _start():
    lf_init()
    forced = os.environ.get("LSTM_FAST_ISA", "")
    cdef lf_status status = lf_select_isa(forced.encode())
    if status == LF_BAD_ISA:
        raise ImportError(f"LSTM_FAST_ISA: expected one of generic, avx2, avx512, neon, got {forced!r}")
    if status == LF_NO_ISA:
        raise ImportError(f"LSTM_FAST_ISA={forced}: this CPU or build has only {', '.join(isas())}")


_start()
