# What runs here: instruction sets, threads, measured limits. Part of _core.pyx.

cdef extern from *:
    """
    #ifndef LSTM_FAST_VERSION
    #define LSTM_FAST_VERSION "unknown"
    #endif
    """
    const char *LSTM_FAST_VERSION
    const char *__VERSION__


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
