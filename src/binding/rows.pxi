# Which steps the rows of a batch have, and where they lie. Part of _core.pyx.

@cython.final
cdef class Rows:
    """The steps of B rows: Rows(B, T, lengths=None, offsets=None, reverse=False), then `fill` for masks and resets.

    Padded: row b has positions [0, lengths[b]) of T. Packed (offsets (B+1)): rows one after the other, row b has
    [offsets[b], offsets[b+1]). Without masks, resets and offsets the kernels need the lengths alone.
    """
    cdef readonly int64_t B, T, total  # total: steps of all rows
    cdef int64_t filled                # how often
    cdef readonly bint reverse, packed
    cdef bint tables                   # whether position, ..., reset are filled
    cdef bint has_reset, allocated
    cdef int64_t[::1] begin, end, index, length, order, position
    cdef cnp.uint8_t[::1] restart      # by step

    def __cinit__(self, int64_t B, int64_t T, lengths=None, offsets=None, bint reverse=False):
        import numpy as np

        cdef int64_t b
        self.B, self.T, self.reverse, self.packed = B, T, reverse, offsets is not None
        if B < 0 or T < 0:
            raise ValueError(f"_core.Rows: expected B >= 0 and T >= 0, got B={B}, T={T}")
        if self.packed:
            own = np.array(offsets, dtype=np.int64, order="C")
            if lengths is not None or own.shape != (B + 1,) or own[0] != 0 or (np.diff(own) < 0).any() or (np.diff(own) > T).any():
                raise ValueError(f"_core.Rows: expected {B + 1} ascending offsets from 0 and rows of at most {T} steps, got {offsets!r}")
            self.begin, self.end, self.index = own[:B].copy(), own[1 : B + 1].copy(), own[:B].copy()
        else:
            own = np.full(B, T, np.int64) if lengths is None else np.array(lengths, dtype=np.int64, order="C")
            if own.shape != (B,) or (own.size and (own.min() < 0 or own.max() > T)):
                raise ValueError(f"_core.Rows: expected {B} lengths in [0, {T}], got {lengths!r}")
            self.begin, self.end, self.index = np.zeros(B, np.int64), own, np.arange(B, dtype=np.int64) * T
        self.length, self.order = np.empty(B, np.int64), np.empty(B, np.int64)
        self.fill()

    @property
    def places(self):
        """Positions that the rows have, masked ones included, padding too."""
        return (self.end[self.B - 1] if self.B else 0) if self.packed else self.B * self.T

    def fill(self, mask=None, reset=None):
        """mask, reset (B,T) or (places): C-contiguous booleans, or None: every step counts, none starts anew."""
        import numpy as np

        cdef int64_t b, k, p, at, n, span, shift, base
        cdef cnp.uint8_t pending
        cdef const cnp.uint8_t *m = flags_of(mask, self.places, "mask")
        cdef const cnp.uint8_t *z = flags_of(reset, self.places, "reset")
        self.filled += 1
        self.has_reset = z != NULL
        self.tables = self.packed or m != NULL or z != NULL
        self.total = 0
        if self.tables and not self.allocated:
            self.allocated = True
            self.position = np.empty(max(self.places, 1), np.int64)
            self.restart = np.empty(self.places + self.B + 1, np.uint8)
        for b in range(self.B):
            span = self.end[b] - self.begin[b]
            if not self.tables:
                self.length[b] = span
                self.total += span
                continue
            base, shift, n, pending = self.index[b], self.index[b] - self.begin[b], 0, 0
            for k in range(span):
                p = self.end[b] - 1 - k if self.reverse else self.begin[b] + k
                if z != NULL and z[shift + p]:
                    pending = 1
                if m == NULL or m[shift + p]:
                    self.position[base + n] = p
                    self.restart[base + b + n] = pending
                    pending = 0
                    n += 1
            self.restart[base + b + n] = pending
            self.length[b] = n
            self.total += n
        if self.B:
            self.order = np.argsort(-np.asarray(self.length), kind="stable")

    cdef void place(self, lf_sequence *a):
        """Points a at the tables."""
        a.lengths = a.order = a.position = a.index = a.begin = a.end = NULL
        a.reset = NULL
        a.packed = self.packed
        if not self.B:
            return
        a.lengths, a.order = &self.length[0], &self.order[0]
        if self.tables:
            a.position, a.index, a.begin, a.end = &self.position[0], &self.index[0], &self.begin[0], &self.end[0]
        if self.has_reset:
            a.reset = &self.restart[0]


cdef const cnp.uint8_t *flags_of(object value, int64_t size, str name) except? NULL:
    """Address of a C-contiguous array of `size` booleans; None is NULL."""
    if value is None:
        return NULL
    if not cnp.PyArray_Check(value) or cnp.PyArray_TYPE(<cnp.ndarray>value) != cnp.NPY_BOOL \
            or cnp.PyArray_SIZE(<cnp.ndarray>value) != size or not cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray>value):
        reject(name, value, f"C-contiguous with {size} booleans")
    return <const cnp.uint8_t *>cnp.PyArray_DATA(<cnp.ndarray>value)
