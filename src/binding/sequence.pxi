# One recurrent problem: forward, backward. Part of _core.pyx.

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
        width = (weights.shape.tape + (weights.w.peepholes and weights.w.zoneout_c > 0)) * H + 2 * P * weights.shape.projected
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

    cdef int use_weights(self, Weights weights) except -1:
        """Other weights of the same kind from now on."""
        if weights is self.weights:
            return 0
        cdef lf_weights *old = &self.weights.w
        if weights.w.cell != old.cell or not weights.alike(self.weights) or weights.w.I != old.I or weights.w.H != old.H \
                or weights.w.P != old.P or weights.w.dtype != old.dtype or (self.a.training and weights.w.backward != old.backward):
            raise ValueError("_core.Sequence.forward: weights of another cell, shape, dtype or kind")
        self.weights = weights
        self.a.weights = &weights.w
        return 0

    cdef int set_forward(self, object x, object h0, object c0, object y, object h, object c, object h_scale=None, object c_seq=None,
                         object zoneout_seed=None) except -1:
        """The arguments of a forward call; the call itself follows."""
        self.enter()
        cdef lf_sequence *a = &self.a
        cdef int dtype = self.weights.w.dtype
        cdef int64_t B = a.B, H = self.weights.w.H, P = self.weights.w.P
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
        return 0

    cdef void begin(self):
        self.busy = True
        self.recorded = False

    cdef int end_forward(self, bint done) except -1:
        self.busy = False
        if done:
            self.recorded_rows = 0 if self.rows is None else self.rows.filled
            self.recorded = self.a.training
        return 0

    def forward(self, x, h0, c0, y, h, c, Weights weights=None, h_scale=None, c_seq=None, zoneout_seed=None):
        """x (B,T,I), h0 (B,P), c0 (B,H) or None -> y (B,T,P) or None, h (B,P), c (B,H) or None. Only an LSTM has c0 and c."""
        cdef lf_status status
        if weights is not None:
            self.use_weights(weights)
        self.set_forward(x, h0, c0, y, h, c, h_scale, c_seq, zoneout_seed)
        self.begin()
        with nogil:
            status = lf_sequence_forward(&self.a)
        self.end_forward(status == LF_OK)
        if status == LF_INTERRUPTED:
            raise_pending()

    cdef int set_backward(self, object x, object dy, object dh, object dc, object dx, object dw_x, object dw_h, object db, object dh0,
                          object dc0, object h0, object c0, bint accumulate=False, object h_scale=None, object dpeephole=None,
                          object dprojection=None, object dc_seq=None, object dlayer_norm=None) except -1:
        """The arguments of a backward call; the call itself follows."""
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
        self.place(&a.dc_seq, dc_seq if self.weights.shape.memory else None, H, False, "dc_seq")
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
        a.dnorm = flat(dlayer_norm, dtype, 10 * H, True, "dlayer_norm")
        if (a.dnorm == NULL) == (self.weights.w.cell == LF_LSTM_NORM):
            raise ValueError("_core.Sequence.backward: expected dlayer_norm beside Weights(layer_norm=True), and only there")
        a.h0 = flat(h0, dtype, B * P, False, "h0")
        a.c0 = flat(c0, dtype, B * H, False, "c0")
        a.accumulate = accumulate
        return 0

    def backward(self, x, dy, dh, dc, dx, dw_x, dw_h, db, dh0, dc0, h0, c0, bint accumulate=False, h_scale=None, dpeephole=None, dprojection=None,
                 dc_seq=None, dlayer_norm=None):
        """Gradients of the last forward, given its x, h0, c0, h_scale; consumes its tape. dy, dh, dc, dc_seq may be None (zeros); dx, dh0, dc0 None (not wanted)."""
        cdef lf_status status
        self.set_backward(x, dy, dh, dc, dx, dw_x, dw_h, db, dh0, dc0, h0, c0, accumulate, h_scale, dpeephole, dprojection, dc_seq,
                          dlayer_norm)
        self.begin()
        with nogil:
            status = lf_sequence_backward(&self.a)
        self.busy = False
        if status == LF_INTERRUPTED:
            raise_pending()
