# Layers one after the other in one call. Part of _core.pyx.

@cython.final
cdef class Stack:
    """Layers of which each reads the y of the one before: Stack(sequences), first to last, of equal B, T and rows.

    Below, a name in the plural is a list with an entry per layer.
    """
    cdef tuple layers
    cdef lf_stack a
    cdef lf_seq *factors
    cdef int64_t nbytes

    def __cinit__(self, sequences):
        cdef Sequence layer, below = None
        cdef const lf_sequence **pointers
        cdef int64_t L, k
        self.layers = tuple(sequences)
        self.a.L = L = len(self.layers)
        if L == 0 or len(set(map(id, self.layers))) != L:
            raise ValueError("_core.Stack: expected at least one sequence, each of them once")
        self.nbytes = L * (sizeof(lf_seq) + sizeof(void *))
        self.factors = self.a.factors = <lf_seq *>allocate(self.nbytes)
        pointers = <const lf_sequence **>(self.factors + L)
        self.a.layers = pointers
        for k in range(L):
            layer = self.layers[k]
            pointers[k] = &layer.a
            if layer.rows is not None and layer.rows.packed:
                raise ValueError("_core.Stack: expected rows side by side, got packed ones")
            if below is not None and (layer.a.B != below.a.B or layer.a.T != below.a.T or layer.weights.w.I != below.weights.w.P
                                      or layer.weights.w.dtype != below.weights.w.dtype or layer.a.training != below.a.training):
                raise ValueError(f"_core.Stack: expected layer {k} to read what layer {k - 1} writes, for the same B, T, dtype and purpose")
            below = layer

    def __dealloc__(self):
        release(self.factors, self.nbytes)

    @property
    def state_nbytes(self):
        return sum(layer.state_nbytes for layer in self.layers)

    cdef int set_factors(self, factors) except -1:
        """Factors (B,T,I) of x of each layer but the first, or None."""
        cdef Sequence layer
        for k, layer in enumerate(self.layers):
            layer.place(&self.factors[k], None if factors is None else factors[k], layer.weights.w.I, False, "factors")
        return 0

    cdef int begin(self, bint whether) except -1:
        """Marks all layers as in use, or none."""
        cdef Sequence layer
        for layer in self.layers:
            if whether:
                layer.begin()
            else:
                layer.busy = False
        return 0

    def forward(self, x, h0s, c0s, ys, hs, cs, factors=None, weights=None):
        """x (B,T,I) -> ys, hs, cs, as Sequence.forward; ys of all layers but the last hold their factors until backward has run."""
        cdef lf_status status
        cdef Sequence layer
        for k, layer in enumerate(self.layers):
            if ys[k] is None and k + 1 < len(self.layers):
                reject("y", None, "an array")
            if weights is not None:
                layer.use_weights(weights[k])
            layer.set_forward(ys[k - 1] if k else x, h0s[k], c0s[k], ys[k], hs[k], cs[k])
        self.set_factors(factors)
        self.begin(True)
        with nogil:
            status = lf_stack_forward(&self.a)
        for layer in self.layers:
            layer.end_forward(status == LF_OK)
        if status == LF_INTERRUPTED:
            raise_pending()

    def backward(self, x, ys, dy, dhs, dcs, dxs, dweights, dh0s, dc0s, h0s, c0s, factors=None, bint accumulate=False):
        """Gradients of the last forward, as Sequence.backward; dy that of the last y, dxs[0] of x, dweights (dw_x, dw_h, db) per layer."""
        cdef lf_status status
        cdef Sequence layer
        last = len(self.layers) - 1
        for k, layer in enumerate(self.layers):
            if k and dxs[k] is None:
                reject("dx", None, "an array")
            dw_x, dw_h, db = dweights[k]
            layer.set_backward(ys[k - 1] if k else x, dxs[k + 1] if k < last else dy, dhs[k], dcs[k], dxs[k], dw_x, dw_h, db,
                               dh0s[k], dc0s[k], h0s[k], c0s[k], accumulate)
        self.set_factors(factors)
        self.begin(True)
        with nogil:
            status = lf_stack_backward(&self.a)
        self.begin(False)
        if status == LF_INTERRUPTED:
            raise_pending()
