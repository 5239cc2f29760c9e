# What every call needs: signals while the GIL is released, the number of threads. Part of _core.pyx.

cdef enum:
    MAX_THREADS = 1024


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
