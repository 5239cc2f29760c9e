# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=False
"""The binding: arrays to one argument struct, the GIL released, a bad status to an exception.

Front doors (functional.py, layers) validate for people; the checks here only keep wrong memory out of the kernels. Every
method has four beats: locals, checks, one C call, return. Objects own their scratch; no call allocates.
"""
import os

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memmove
cimport numpy as cnp

cnp.import_array()

include "contract.pxi"
include "arrays.pxi"
include "memory.pxi"
include "calls.pxi"
include "weights.pxi"
include "rows.pxi"
include "sequence.pxi"
include "stack.pxi"
include "stream.pxi"
include "dense.pxi"
include "training.pxi"
include "elementwise.pxi"
include "machine.pxi"


def _start():
    lf_init()
    forced = os.environ.get("LSTM_FAST_ISA", "")
    cdef lf_status status = lf_select_isa(forced.encode())
    if status == LF_BAD_ISA:
        raise ImportError(f"LSTM_FAST_ISA: expected one of generic, avx2, avx512, neon, got {forced!r}")
    if status == LF_NO_ISA:
        raise ImportError(f"LSTM_FAST_ISA={forced}: this CPU or build has only {', '.join(isas())}")


_start()
