# Arrays to addresses and strides; these checks keep wrong memory out of the kernels. Part of _core.pyx.

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


cdef int dtype_of(object p) except -1:
    if not cnp.PyArray_Check(p):
        reject("the first argument", p, "an array")
    return kernel_dtype((<cnp.ndarray>p).dtype)


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
