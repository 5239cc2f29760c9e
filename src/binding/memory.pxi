# Blocks of memory that wait for reuse, and arrays that lie in them. Part of _core.pyx.

cdef extern from "stdlib.h" nogil:
    int posix_memalign(void **, size_t, size_t)

cdef extern from "sys/mman.h" nogil:
    int madvise(void *, size_t, int)
    int MADV_HUGEPAGE


cdef enum:
    HUGE_PAGE = 1 << 21
    SHARED_LEAST = 1 << 15  # bytes of the smallest blocks that share huge pages; of the largest: half a page
    SPARE_BYTES = 1 << 28   # of freed blocks that are kept
    STAGGER = 5 * 64        # bytes between blocks of a page: those of one size then differ in the low bits of their addresses


# Freed blocks wait here for the next call of the same size, so that a training loop pays for its pages once. Guarded by the GIL.
cdef struct Block:
    void *p
    int64_t nbytes

cdef Block[32] spare
cdef int spare_count = 0
cdef int64_t spare_bytes = 0

# The page that blocks are cut from. A page begins with the number of its blocks, and one more while they are cut from it.
cdef char *open_page = NULL
cdef int64_t open_used = 0  # bytes


cdef bint shares(int64_t nbytes) noexcept:  # a page with others
    return SHARED_LEAST <= nbytes <= HUGE_PAGE // 2


cdef int64_t block_size(int64_t nbytes) noexcept:
    """nbytes rounded to 64 bytes, or to whole huge pages."""
    cdef int64_t unit = HUGE_PAGE if nbytes > HUGE_PAGE // 2 else 64
    return max((nbytes + unit - 1) // unit, 1) * unit


cdef void *new_block(int64_t nbytes) noexcept:
    cdef void *p = NULL
    cdef bint huge = nbytes >= HUGE_PAGE
    if posix_memalign(&p, HUGE_PAGE if huge else 64, <size_t>nbytes) != 0:
        return NULL
    if huge:
        madvise(p, <size_t>nbytes, MADV_HUGEPAGE)
    return p


cdef void leave_page(char *page) noexcept:
    """A block less, or no more of them to come."""
    cdef int64_t *count = <int64_t *>page
    count[0] -= 1
    if count[0] == 0:
        free(page)


cdef void *cut_block(int64_t nbytes) noexcept:
    global open_page, open_used
    cdef char *page
    cdef char *block
    if open_page == NULL or open_used + nbytes > HUGE_PAGE:
        page = <char *>new_block(HUGE_PAGE)
        if page == NULL:
            return NULL
        (<int64_t *>page)[0] = 1
        if open_page != NULL:
            leave_page(open_page)
        open_page, open_used = page, 64
    (<int64_t *>open_page)[0] += 1
    block = open_page + open_used
    open_used += nbytes + STAGGER
    return block


cdef void free_block(void *p, int64_t nbytes) noexcept:
    if shares(nbytes):
        leave_page(<char *>(<size_t>p & ~<size_t>(HUGE_PAGE - 1)))
    else:
        free(p)


cdef void *allocate(int64_t nbytes) except NULL:
    """64-byte aligned memory, contents undefined; on huge pages, of its own or shared, which spares page faults and TLB misses."""
    global spare_bytes, spare_count
    cdef void *p
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
    p = cut_block(nbytes) if shares(nbytes) else new_block(nbytes)
    if p == NULL:
        raise MemoryError(f"lstm_fast: {nbytes} bytes do not fit in memory")
    return p


cdef void release(void *p, int64_t nbytes) noexcept:
    """Gives a block of allocate(nbytes) back; the oldest spare blocks make room."""
    global spare_count, spare_bytes
    if p == NULL:
        return
    nbytes = block_size(nbytes)
    if nbytes > SPARE_BYTES:
        free_block(p, nbytes)
        return
    while spare_count == 32 or (spare_count and spare_bytes + nbytes > SPARE_BYTES):
        free_block(spare[0].p, spare[0].nbytes)
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
