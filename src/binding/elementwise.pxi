# Activations of arrays; rows taken and added by index. Part of _core.pyx.

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


def softmax(x, out):
    """out = exp(x) / sum of exp(x) over the last axis (...,C), C > 0; C arrays of one dtype; x may be out."""
    cdef int dtype = dtype_of(x), ndim = cnp.PyArray_NDIM(x)
    cdef int64_t n = cnp.PyArray_SIZE(x), C = cnp.PyArray_DIM(x, ndim - 1) if ndim else 0
    cdef void *source = flat(x, dtype, n, False, "x")
    cdef void *target = flat(out, dtype, n, True, "out")
    if out is None or C < 1:
        reject("x and out", x if C < 1 else out, "arrays with a last axis of one or more numbers")
    with nogil:
        lf_softmax(dtype, n // C, C, source, target)


def gather(src, index, out, int64_t first=0):
    """out[i] = src[index[first + i]] along the first axis for all rows of out; C arrays of one dtype; index int64."""
    cdef cnp.ndarray s, i, o
    if not (cnp.PyArray_Check(src) and cnp.PyArray_Check(index) and cnp.PyArray_Check(out)):
        raise TypeError("_core.gather: expected three arrays")
    s, i, o = src, index, out
    cdef int64_t n, k, row, at
    if cnp.PyArray_NDIM(s) < 1 or cnp.PyArray_NDIM(o) != cnp.PyArray_NDIM(s) or cnp.PyArray_TYPE(s) != cnp.PyArray_TYPE(o) \
            or cnp.PyArray_TYPE(i) != cnp.NPY_INT64 or not (cnp.PyArray_IS_C_CONTIGUOUS(s) and cnp.PyArray_IS_C_CONTIGUOUS(o)
                                                            and cnp.PyArray_IS_C_CONTIGUOUS(i)):
        raise ValueError("_core.gather: expected C arrays of one dtype and dimension count, and an int64 index")
    if not (cnp.PyTypeNum_ISNUMBER(cnp.PyArray_TYPE(s)) or cnp.PyArray_TYPE(s) == cnp.NPY_BOOL) or not cnp.PyArray_ISWRITEABLE(o):
        raise ValueError("_core.gather: expected numbers, and out to be writeable")
    n = cnp.PyArray_DIM(o, 0)
    at = cnp.PyArray_DIM(s, 0)
    row = (cnp.PyArray_NBYTES(s) // at) if at else 0
    if first < 0 or first > cnp.PyArray_SIZE(i) - n or cnp.PyArray_NBYTES(o) != n * row:
        raise ValueError(f"_core.gather: expected out of at most {cnp.PyArray_SIZE(i) - first} rows of {row} bytes, got shape {out.shape}")
    cdef const int64_t *p = <const int64_t *>cnp.PyArray_DATA(i) + first
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
        lf_add_rows(dtype, n, row, p, source, cnp.PyArray_DATA(o))
