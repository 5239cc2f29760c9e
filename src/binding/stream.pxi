# Streams: the state of some rows between calls of any number of steps. Part of _core.pyx.

cdef enum:
    SMALL_STEP = 200000  # multiply-adds of a step that keeps the GIL: giving it up would cost more


cdef inline bint apart(cnp.ndarray x, cnp.ndarray out):
    """Whether out is writeable and shares no memory with x, both C-contiguous."""
    cdef char *a = <char *>cnp.PyArray_DATA(x)
    cdef char *b = <char *>cnp.PyArray_DATA(out)
    return cnp.PyArray_ISWRITEABLE(out) and (a + cnp.PyArray_NBYTES(x) <= b or b + cnp.PyArray_NBYTES(out) <= a)


@cython.final
cdef class Stream:
    """Parallel streams of one recurrent layer direction: Stream(weights, h, c, otherwise, num_threads=0).

    h (B,P), c (B,H) C are the state (c None unless LSTM), kept and overwritten by each call (`bind` replaces them). `otherwise(x, out, steps)` gets
    every call whose arrays do not fit exactly; None: such a call is an error. Used by one thread at a time.
    """
    cdef lf_sequence a
    cdef Weights weights
    cdef readonly object h, c
    cdef object otherwise
    cdef int64_t requested_threads, scratch_nbytes, reserved_steps
    cdef int type_num
    cdef bint busy, small

    def __cinit__(self, Weights weights not None, h, c, object otherwise=None, int64_t num_threads=0):
        self.weights, self.otherwise, self.requested_threads = weights, otherwise, num_threads
        self.type_num = cnp.NPY_DOUBLE if weights.w.dtype == LF_FLOAT64 else cnp.NPY_FLOAT
        self.a.weights = &weights.w
        self.a.interrupted = interrupted
        self.bind(h, c)

    def __dealloc__(self):
        release(self.a.scratch, self.scratch_nbytes)

    def bind(self, h, c):
        """Goes on from h (B,P) and c (B,H), C-contiguous, perhaps with another B; they are kept."""
        cdef int64_t H = self.weights.w.H, P = self.weights.w.P
        cdef cnp.ndarray rows = checked(h, self.weights.w.dtype, 2, True, "h")
        cdef int64_t B = cnp.PyArray_DIM(rows, 0)
        if self.busy:
            raise RuntimeError("_core.Stream: in use by another thread; create one per thread")
        self.a.h0 = self.a.h = flat(h, self.weights.w.dtype, B * P, True, "h")
        self.a.c0 = self.a.c = flat(c, self.weights.w.dtype, B * H, True, "c")
        if h is None or (c is None and self.weights.shape.memory):
            reject("c", c, "an array")
        self.h, self.c = h, c
        self.a.B = B
        self.reserved_steps = -1
        self.reserve(1)
        self.small = B * 4 * H * (self.weights.w.I + P) <= SMALL_STEP

    cdef int reserve(self, int64_t T) except -1:
        """Scratch for T steps: it grows with T only up to the inputs that are projected at once."""
        cdef lf_sequence a = self.a
        cdef int64_t nbytes
        a.T, a.threads = T, thread_count(self.requested_threads)
        nbytes = lf_sequence_scratch(&a)
        if nbytes < 0:
            raise MemoryError(f"Stream: sizes overflow for B={a.B}, T={T}, I={self.weights.w.I}, H={self.weights.w.H}")
        if nbytes > self.scratch_nbytes:
            a.scratch = allocate(nbytes)
            release(self.a.scratch, self.scratch_nbytes)
            self.a.scratch, self.scratch_nbytes = a.scratch, nbytes
        self.a.threads, self.reserved_steps = a.threads, T
        return 0

    cdef inline bint fits(self, object value, int ndim, int64_t T, int64_t F):
        """Whether value is a C-contiguous array of the kernel's dtype: (B,F), (B,T,F), or without B when it is 1."""
        if not cnp.PyArray_CheckExact(value):
            return False
        cdef cnp.ndarray v = <cnp.ndarray>value
        cdef cnp.npy_intp *n = cnp.PyArray_DIMS(v)
        if cnp.PyArray_NDIM(v) != ndim or cnp.PyArray_TYPE(v) != self.type_num or n[ndim - 1] != F \
                or not (cnp.PyArray_ISCARRAY_RO(v)):
            return False
        if ndim == 1 or (ndim == 2 and T >= 0):
            return self.a.B == 1
        return n[0] == self.a.B

    def step(self, x, out=None):
        """One step: x (B,I) -> y (B,P), or (I,) -> (P,) for one row. out receives y."""
        cdef int64_t B = self.a.B, P = self.weights.w.P
        cdef int ndim = cnp.PyArray_NDIM(<cnp.ndarray>x) if cnp.PyArray_Check(x) else 0
        cdef cnp.npy_intp *size = [B, P]
        if not (1 <= ndim <= 2 and self.fits(x, ndim, -1, self.weights.w.I)):
            return self.refuse(x, out, True)
        if out is None:
            out = cnp.PyArray_EMPTY(ndim, size + 2 - ndim, self.type_num, 0)
        elif not (cnp.PyArray_Check(out) and cnp.PyArray_NDIM(<cnp.ndarray>out) == ndim and self.fits(out, ndim, -1, P)
                  and apart(<cnp.ndarray>x, <cnp.ndarray>out)):
            return self.refuse(x, out, True)
        self.a.T = 1
        self.a.x.data, self.a.x.stride_b, self.a.x.stride_t = cnp.PyArray_DATA(<cnp.ndarray>x), self.weights.w.I, self.weights.w.I
        self.a.y.data, self.a.y.stride_b, self.a.y.stride_t = cnp.PyArray_DATA(<cnp.ndarray>out), P, P
        self.advance()
        return out

    def run(self, x, out=None):
        """Some steps: x (B,T,I) -> y (B,T,P), or (T,I) -> (T,P) for one row. out receives y."""
        cdef int64_t B = self.a.B, P = self.weights.w.P, I = self.weights.w.I, T
        cdef int ndim = cnp.PyArray_NDIM(<cnp.ndarray>x) if cnp.PyArray_Check(x) else 0
        if not (2 <= ndim <= 3 and self.fits(x, ndim, 0, I)):
            return self.refuse(x, out, False)
        T = cnp.PyArray_DIM(<cnp.ndarray>x, ndim - 2)
        cdef cnp.npy_intp *size = [B, T, P]
        if out is None:
            out = cnp.PyArray_EMPTY(ndim, size + 3 - ndim, self.type_num, 0)
        elif not (cnp.PyArray_Check(out) and cnp.PyArray_NDIM(<cnp.ndarray>out) == ndim and self.fits(out, ndim, 0, P)
                  and cnp.PyArray_DIM(<cnp.ndarray>out, ndim - 2) == T and apart(<cnp.ndarray>x, <cnp.ndarray>out)):
            return self.refuse(x, out, False)
        self.a.T = T
        self.a.x.data, self.a.x.stride_b, self.a.x.stride_t = cnp.PyArray_DATA(<cnp.ndarray>x), T * I, I
        self.a.y.data, self.a.y.stride_b, self.a.y.stride_t = cnp.PyArray_DATA(<cnp.ndarray>out), T * P, P
        self.advance()
        return out

    cdef int advance(self) except -1:
        """Runs self.a, whose T, x and y are set."""
        cdef lf_status status
        if self.busy:
            raise RuntimeError("_core.Stream: in use by another thread; create one per thread")
        if self.a.T > self.reserved_steps or self.a.threads != thread_count(self.requested_threads):
            self.reserve(max(self.a.T, self.reserved_steps))
        if self.small and self.a.T == 1:
            lf_sequence_forward(&self.a)
            return 0
        self.busy = True
        with nogil:
            status = lf_sequence_forward(&self.a)
        self.busy = False
        if status == LF_INTERRUPTED:
            raise_pending()
        return 0

    cdef object refuse(self, object x, object out, bint step):
        if self.otherwise is None:
            reject("x and out", x, f"C-contiguous for {self.a.B} streams of {self.weights.w.I} features, got with out {type(out)}")
        return self.otherwise(x, out, step)
