# Dense layers. Part of _core.pyx.

cdef dict ACTIVATIONS = {"linear": LF_LINEAR, "relu": LF_RELU, "tanh": LF_TANH, "sigmoid": LF_SIGMOID}


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
