"""How a caller holds the rows of a batch, and what happens to them at each step."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]


class Moment(NamedTuple):
    """What happens to the rows of the batch at one step: each index array is as long as its positions."""

    rows: Array  # rows that take the step
    t: Array  # at which position of each
    held: Array  # masked rows: state and output stay as they were
    held_t: Array
    restarted: Array  # rows whose state is zero from here on


class Layout(NamedTuple):
    """How the caller holds sequences: (B,T,F), (T,B,F) with time_major, (T,F), or packed (R,F) with offsets."""

    shape: tuple[int, ...]  # of x
    time_major: bool
    offsets: Array | None

    def batch(self, a: Any) -> Array:
        """An array in the caller's layout as (B,T,F), zeros beyond packed rows."""
        a = np.asarray(a)
        if self.offsets is not None:
            lengths = np.diff(self.offsets)
            padded = np.zeros((len(lengths), max(lengths, default=0), a.shape[-1]), a.dtype)
            for row, start, n in zip(padded, self.offsets, lengths, strict=False):
                row[:n] = a[start : start + n]
            return padded
        if len(self.shape) == 2:
            return np.asarray(a[None])
        return np.asarray(a.swapaxes(0, 1) if self.time_major else a)

    def caller(self, a: Array) -> Array:
        """(B,T,F) in the caller's layout."""
        if self.offsets is not None:
            parts = [row[:n] for row, n in zip(a, np.diff(self.offsets), strict=True)]
            return np.concatenate([np.zeros((0, a.shape[2]), a.dtype), *parts])
        if len(self.shape) == 2:
            return np.asarray(a[0])
        return a.swapaxes(0, 1) if self.time_major else a

    def flags(self, a: Any, B: int, T: int) -> Array | None:
        """mask or reset, (B,T), (T,) or packed (R,), as (B,T)."""
        if a is None:
            return None
        return self.batch(np.asarray(a)[:, None])[..., 0] if self.offsets is not None else np.reshape(a, (B, T))


def timetable(
    B: int, T: int, lengths: Any = None, reverse: bool = False, mask: Array | None = None, reset: Array | None = None
) -> list[Moment]:
    """The moments of a batch, in the order in which they run.

    Example:
        >>> for m in timetable(2, 3, lengths=[3, 1], mask=np.array([[1, 0, 1], [1, 1, 1]], bool)):
        ...     print(m.rows.tolist(), m.t.tolist(), m.held.tolist())
        [0, 1] [0, 0] []
        [] [] [0]
        [0] [2] []
    """
    lengths = np.full(B, T) if lengths is None else np.asarray(lengths, dtype=np.int64).reshape(B)
    moments = []
    for s in range(T):
        rows = np.flatnonzero(s < lengths)
        t = lengths[rows] - 1 - s if reverse else np.full(len(rows), s)
        live = np.ones(len(rows), bool) if mask is None else mask[rows, t].astype(bool)
        restarted = rows[:0] if reset is None else rows[reset[rows, t].astype(bool)]
        moments.append(Moment(rows[live], t[live], rows[~live], t[~live], restarted))
    return moments
