"""The rows of a batch: how a caller lays sequences out, which steps count, where the state starts anew."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lstm_fast import _check, _core
from lstm_fast._check import Array


class Layout(NamedTuple):
    """B rows of at most T steps: (B,T,F), (T,B,F), (T,F), or `packed` rows one after the other as (R,F)."""

    B: int
    T: int
    batched: bool = True
    time_major: bool = False
    packed: int | None = None  # R
    spans: Array | None = None  # (B) steps of each packed row

    def shape(self, F: int) -> tuple[int, ...]:
        """The shape of F features per step, as the caller has it."""
        if self.packed is not None:
            return (self.packed, F)
        if not self.batched:
            return (self.T, F)
        return (self.T, self.B, F) if self.time_major else (self.B, self.T, F)

    def kernel(self, a: Array) -> Array:
        """A view of the caller's array as the kernels take it: (B,T,F), or packed (R,F)."""
        if self.packed is not None:
            return a
        if not self.batched:
            return a[None]
        return a.transpose(1, 0, 2) if self.time_major else a

    def scaled(self, a: Array, factor: Array, out: Array | None = None) -> Array:
        """a * factor, factor (B,F) for all steps of a row; a as the kernels take it."""
        wide = factor[:, None] if self.spans is None else np.repeat(factor, self.spans, axis=0)
        product: Array = np.multiply(a, wide, out=out)
        return product


def read(
    op: str,
    x: ArrayLike,
    *,
    lengths: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    reset: ArrayLike | None = None,
    offsets: ArrayLike | None = None,
    reverse: bool = False,
    time_major: bool = False,
) -> tuple[Array, Layout, Any]:
    """x as the kernels take it, its layout, and its rows (None: B full rows without masks and resets)."""
    if offsets is not None:
        if lengths is not None or time_major:
            other = "lengths" if lengths is not None else "time_major"
            raise ValueError(f"{op}: offsets and {other} contradict each other; pass one of them")
        x = _check.packed_sequence(op, x)
        own = _check.offsets(op, offsets, len(x))
        spans = np.diff(own)
        layout = Layout(len(spans), int(spans.max(initial=0)), packed=len(x), spans=spans)
        rows = _core.Rows(layout.B, layout.T, offsets=own, reverse=reverse)
    else:
        x, batched = _check.sequence(op, x, time_major)
        layout = Layout(x.shape[0], x.shape[1], batched, time_major)
        valid = None if lengths is None else _check.lengths(op, lengths, layout.B, layout.T, batched)
        if valid is None and mask is None and reset is None:
            return x, layout, None
        rows = _core.Rows(layout.B, layout.T, lengths=valid, reverse=reverse)
    if mask is not None or reset is not None:
        rows.fill(flags(op, "mask", mask, layout), flags(op, "reset", reset, layout))
    return x, layout, rows


def flags(op: str, name: str, value: ArrayLike | None, layout: Layout) -> Array | None:
    """A mask or resets as a C-contiguous array of bool: (B,T), unbatched (T,), packed (R,)."""
    if value is None:
        return None
    a = np.asarray(value)
    if a.dtype != np.bool_:
        meaning = "True where a step counts" if name == "mask" else "True where the state starts anew"
        raise TypeError(
            f"{op}: expected {name} as booleans, {meaning}, got dtype {a.dtype}; convert it with {name}.astype(bool)"
        )
    B, T, packed = layout.B, layout.T, layout.packed
    letters, want = (
        ("(R,)", (packed,)) if packed is not None else ("(B, T)", (B, T)) if layout.batched else ("(T,)", (T,))
    )
    if a.shape != want:
        fix = "; transpose it" if layout.time_major and a.shape == (T, B) else ""
        raise ValueError(f"{op}: expected {name} of shape {letters} = {want}, got {a.shape}{fix}")
    return np.ascontiguousarray(a)
