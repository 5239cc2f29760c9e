"""The front door: every argument is checked here, before a kernel sees it.

Each check starts with the exit for the common case (a C-contiguous array of the right dtype) and copies only what a
kernel cannot read. Every message names operation, argument, expected, received, and the fix where there is one.
"""

from __future__ import annotations

import operator
import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

Array = np.ndarray[Any, Any]
Dtype = np.dtype[Any]

FLOAT32: Dtype = np.dtype(np.float32)
FLOAT64: Dtype = np.dtype(np.float64)
MAX_BYTES = 2**62  # every size computed by the kernels stays below 63 bits
MAX_THREADS = max(64, 4 * (os.cpu_count() or 1))  # a worker bound above this is lowered to it: the OS may refuse more


def array(op: str, name: str, value: ArrayLike, dtype: Dtype | None = None) -> Array:
    """`value` as a native float32 or float64 array of any layout; with `dtype` (that of x) exactly that one."""
    if type(value) is np.ndarray:
        got = value.dtype
        if got is dtype or (dtype is None and (got is FLOAT32 or got is FLOAT64)):
            return value
    return _convert(op, name, value, dtype)


def _convert(op: str, name: str, value: ArrayLike, dtype: Dtype | None) -> Array:
    wanted = "float32 or float64" if dtype is None else f"{dtype} (the dtype of x)"
    if value is None:
        raise TypeError(f"{op}: expected {name} as an array of {wanted}, got None")
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{op}: expected {name} as an array of {wanted}, got a masked array; fill it with {name}.filled()"
        )
    try:
        a = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise type(error)(
            f"{op}: expected {name} as an array of {wanted}, got {type(value).__name__}: {error}"
        ) from error
    got = a.dtype.newbyteorder("=")
    if got not in (FLOAT32, FLOAT64) or (dtype is not None and got != dtype):
        fix = f"; convert it with {name}.astype('{dtype or FLOAT32}')" if a.dtype.kind in "iufb" else ""
        raise TypeError(f"{op}: expected {name} of dtype {wanted}, got {a.dtype}{fix}")
    return a if a.dtype.isnative else a.astype(got)


def packed(op: str, name: str, value: ArrayLike, dtype: Dtype) -> Array:
    """`value` as a C-contiguous, aligned array of `dtype`; itself when it is one."""
    if type(value) is np.ndarray and value.dtype is dtype and value.flags.carray:
        return value
    a = array(op, name, value, dtype)
    return a if a.flags.c_contiguous and a.flags.aligned else a.copy()


def rows(a: Array) -> Array:
    """`a` itself when aligned and its last axis contiguous (outer strides are free), else a C-contiguous copy."""
    flags = a.flags
    if flags.aligned and (flags.c_contiguous or a.shape[-1] < 2 or a.strides[-1] == a.itemsize):
        return a
    return a.copy()


def sequence(op: str, x: ArrayLike, time_major: bool) -> tuple[Array, bool]:
    """x as (B, T, I) with contiguous rows, and whether it came with a batch axis."""
    a = array(op, "x", x)
    if a.ndim == 3:
        return rows(a.transpose(1, 0, 2) if time_major else a), True
    if a.ndim == 2:
        return rows(a)[None], False
    layout = "(T, B, I)" if time_major else "(B, T, I)"
    fix = "; add axes with x[None, :, None] for one univariate series" if a.ndim == 1 else ""
    raise ValueError(f"{op}: expected x of shape {layout} or (T, I), got {a.shape}{fix}")


def packed_sequence(op: str, x: ArrayLike) -> Array:
    """x as (R, I) with contiguous rows."""
    a = array(op, "x", x)
    if a.ndim != 2:
        raise ValueError(f"{op}: expected x of shape (R, I) beside offsets, got {a.shape}")
    return rows(a)


def offsets(op: str, value: ArrayLike, R: int) -> Array:
    """Where packed rows begin and the last one ends, as int64 (B+1): ascending from 0 to R."""
    a = integers(op, "offsets", "B + 1 integers", value)
    if a.ndim != 1 or a.size == 0:
        raise ValueError(f"{op}: expected offsets of shape (B + 1,), got {a.shape}")
    if a[0] != 0 or a[-1] != R or (np.diff(a) < 0).any():
        down = np.flatnonzero(np.diff(a) < 0)
        got = f"{a[down[0] + 1]} after {a[down[0]]}" if down.size else f"{a[0]} to {a[-1]}"
        raise ValueError(f"{op}: expected offsets ascending from 0 to R = {R}, got {got}")
    return np.ascontiguousarray(a, dtype=np.int64)


def weights(
    op: str, gates: int, I: int, w_x: ArrayLike, w_h: ArrayLike, b: ArrayLike | None, dtype: Dtype, biases: int = 1
) -> tuple[Array, Array, Array | None, int]:
    """w_x (I, gates*H), w_h (H, gates*H), b (gates*H) or None, C-contiguous, and H. biases 2: b may be (2, gates*H)."""
    w_x = packed(op, "w_x", w_x, dtype)
    w_h = packed(op, "w_h", w_h, dtype)
    if b is not None:
        b = packed(op, "b", b, dtype)
    H = len(w_h) if w_h.ndim else 0
    G = gates * H
    good_b = b is None or b.shape == (G,) or (biases == 2 and b.shape == (2, G))
    if w_x.shape != (I, G) or w_h.shape != (H, G) or not good_b or H == 0:
        raise ValueError(_weights_message(op, gates, I, w_x, w_h, b, biases))
    return w_x, w_h, b, H


def _weights_message(op: str, gates: int, I: int, w_x: Array, w_h: Array, b: Array | None, biases: int) -> str:
    columns = f"{gates}H" if gates > 1 else "H"
    if w_h.ndim == 2 and w_h.shape[1] == gates * w_h.shape[0]:
        H = w_h.shape[0]
    elif w_h.ndim == 2 and w_h.shape[0] == gates * w_h.shape[1]:  # as PyTorch stores it
        H = w_h.shape[1]
    elif w_x.ndim == 2 and w_x.shape[0] == I and w_x.shape[1] % gates == 0:
        H = w_x.shape[1] // gates
    else:
        return f"{op}: expected w_h of shape (H, {columns}), got {w_h.shape}"
    if H == 0:
        return f"{op}: expected at least one hidden unit (H >= 1), got w_h of shape {w_h.shape}"
    G = gates * H
    for name, a, letters, want in (("w_h", w_h, f"(H, {columns})", (H, G)), ("w_x", w_x, f"(I, {columns})", (I, G))):
        if a.shape != want:
            fix = "; transpose it if it comes from PyTorch" if a.shape == want[::-1] else ""
            return f"{op}: expected {name} of shape {letters} = {want}, got {a.shape}{fix}"
    assert b is not None
    if biases == 2:
        return f"{op}: expected b of shape (2, {columns}) = {(2, G)} (b_x, b_h) or ({columns},) = {(G,)}, got {b.shape}"
    fix = "; PyTorch keeps two biases: pass b_ih + b_hh" if b.size == 2 * G else ""
    return f"{op}: expected b of shape ({columns},) = {(G,)}, got {b.shape}{fix}"


def size(op: str, B: int, T: int, I: int, H: int) -> None:
    """MemoryError when a buffer of this problem would not fit 62 bits, before anything is allocated."""
    if (B * T * (5 * H + I) + 8 * B * H) * 8 > MAX_BYTES:
        raise MemoryError(
            f"{op}: (B, T, I, H) = {(B, T, I, H)} needs more than 2**62 bytes; split the batch or the sequence"
        )


def state(
    op: str, name: str, value: ArrayLike | None, B: int, H: int, dtype: Dtype, batched: bool, letter: str = "H"
) -> Array | None:
    """A state, its gradient or factors per row as (B, H) C-contiguous, or None; unbatched ones come as (H,)."""
    if value is None:
        return None
    a = packed(op, name, value, dtype)
    if batched and a.shape == (B, H):
        return a
    letters, want = (f"(B, {letter})", (B, H)) if batched else (f"({letter},)", (H,))
    if a.shape == want:
        return a[None]
    fix = f"; use {name}[0] if it comes from PyTorch" if a.shape == (1, *want) else ""
    raise ValueError(f"{op}: expected {name} of shape {letters} = {want}, got {a.shape}{fix}")


def integers(op: str, name: str, wanted: str, value: ArrayLike) -> Array:
    """`value` as an array of integers of any width."""
    try:
        a = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{op}: expected {name} as {wanted}, got {type(value).__name__}: {error}") from error
    if a.size == 0:
        a = a.astype(np.int64)  # an empty list has no integer dtype of its own
    if a.dtype.kind not in "iu":
        nan = np.flatnonzero(np.isnan(a.ravel())) if a.dtype.kind == "f" else np.empty(0, np.int64)
        got = f"NaN at index {nan[0]}" if nan.size else f"dtype {a.dtype}"
        fix = f"; convert with {name}.astype('int64')" if a.dtype.kind == "f" and not nan.size else ""
        raise TypeError(f"{op}: expected {name} as {wanted}, got {got}{fix}")
    return a


def lengths(op: str, value: ArrayLike | None, B: int, T: int, batched: bool) -> Array | None:
    """The valid steps of each row as int64 (B), each in 0..T, or None for all T."""
    if value is None:
        return None
    a = integers(op, "lengths", f"B = {B} integers", value)
    if not batched and a.shape == ():
        a = a.reshape(1)
    if a.shape != (B,):
        raise ValueError(f"{op}: expected lengths of shape (B,) = {(B,)}, got {a.shape}")
    bad = np.flatnonzero((a < 0) | (a > T))
    if bad.size:
        raise ValueError(f"{op}: expected lengths between 0 and T = {T}, got {a[bad[0]]} at index {bad[0]}")
    return np.ascontiguousarray(a, dtype=np.int64)


def num_threads(op: str, n: Any) -> int:
    """An upper bound on workers: 0 for None (the global setting), else 1..MAX_THREADS."""
    if n is None:
        return 0
    if isinstance(n, (bool, np.bool_)):
        raise TypeError(f"{op}: expected num_threads as an integer >= 1, got {n}")
    try:
        count = operator.index(n)
    except TypeError:
        raise TypeError(f"{op}: expected num_threads as an integer >= 1, got {type(n).__name__}") from None
    if count < 1:
        raise ValueError(f"{op}: expected num_threads >= 1, got {count}; use None for the global setting")
    return min(count, MAX_THREADS)


def checkpoint_every(op: str, k: Any) -> int:
    """Steps between two kept states: 0 for None (keep everything), else k >= 1."""
    if k is None:
        return 0
    try:
        count = operator.index(k)
    except TypeError:
        raise TypeError(f"{op}: expected checkpoint_every as an integer >= 1, got {type(k).__name__}") from None
    if count < 1 or isinstance(k, bool):
        raise ValueError(f"{op}: expected checkpoint_every >= 1, got {k}; use None to keep every step")
    return min(count, 2**62)


def like_output(op: str, name: str, value: ArrayLike | None, shape: tuple[int, ...], dtype: Dtype) -> Array | None:
    """The gradient of an output: its shape in the caller's layout, rows contiguous; or None for zeros."""
    if value is None:
        return None
    a = array(op, name, value, dtype)
    if a.shape != shape:
        raise ValueError(f"{op}: expected {name} of the shape of y = {shape}, got {a.shape}")
    return rows(a)


def output(op: str, out: Any, shape: tuple[int, ...], dtype: Dtype, inputs: tuple[Array | None, ...]) -> Array:
    """`out` when it may take y: an ndarray of y's shape and dtype, writeable, apart from every input."""
    if not isinstance(out, np.ndarray):
        raise TypeError(f"{op}: expected out as a numpy array, got {type(out).__name__}")
    if out.dtype != dtype:
        raise TypeError(f"{op}: expected out of dtype {dtype} (the dtype of x), got {out.dtype}")
    if out.shape != shape:
        raise ValueError(f"{op}: expected out of the shape of y = {shape}, got {out.shape}")
    if not out.flags.writeable:
        raise ValueError(f"{op}: expected out to be writeable, got a read-only array")
    for a in inputs:
        if a is not None and _overlap(out, a):
            raise ValueError(
                f"{op}: expected out in memory of its own, got one that overlaps an input; pass a new array"
            )
    return out


def _overlap(a: Array, b: Array) -> bool:
    if not np.may_share_memory(a, b):  # bounds only: exact when it says no
        return False
    try:
        return bool(np.shares_memory(a, b, max_work=10_000))  # type: ignore[arg-type]
    except getattr(np, "exceptions", np).TooHardError:  # interleaved beyond telling: refuse
        return True
