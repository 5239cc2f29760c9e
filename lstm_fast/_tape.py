"""The record between a forward call and its backward call, and the layouts in which a caller may hold sequences."""

from __future__ import annotations

from typing import Any

from lstm_fast._check import Array


class Tape:
    """What `<cell>_backward` needs of one `<cell>_forward`; used once.

    It keeps x, h0 and c0 by reference where they were not copied: leave them unchanged until backward has run.
    """

    __slots__ = ("_sequence", "batched", "c0", "cell", "dtype", "h0", "one_bias", "shape", "time_major", "x")

    def __init__(
        self,
        cell: str,
        sequence: Any,
        x: Array,
        h0: Array | None,
        c0: Array | None,
        H: int,
        batched: bool,
        time_major: bool,
        one_bias: bool = True,
    ) -> None:
        self.cell = cell
        self.x, self.h0, self.c0 = x, h0, c0
        self.dtype = x.dtype
        self.shape = (*x.shape, H)  # B, T, I, H
        self.batched, self.time_major = batched, time_major
        self.one_bias = one_bias  # db has one row, (GH)
        self._sequence = [sequence]

    @property
    def nbytes(self) -> int:
        """Bytes kept for backward, besides the arrays of the caller; 0 once used."""
        return sum(sequence.state_nbytes for sequence in self._sequence)

    @property
    def used(self) -> bool:
        return not self._sequence

    def take(self, op: str) -> Any:
        """The recorded sequence, for the one backward pass."""
        try:
            return self._sequence.pop()  # atomic: of two threads one wins
        except IndexError:
            raise ValueError(
                f"{op}: expected a fresh tape, got one that was used already; "
                f"a tape serves one backward, call {self.cell}_forward again"
            ) from None

    def __repr__(self) -> str:
        B, T, I, H = self.shape
        return f"<Tape of {self.cell}: B={B} T={T} I={I} H={H} {self.dtype}{', used' if self.used else ''}>"


def sequence_shape(B: int, T: int, F: int, batched: bool, time_major: bool) -> tuple[int, ...]:
    """The shape of F features per step in the caller's layout."""
    if not batched:
        return (T, F)
    return (T, B, F) if time_major else (B, T, F)


def batch_major(a: Array, batched: bool, time_major: bool) -> Array:
    """A view of `a` in the caller's layout as (B, T, F)."""
    if not batched:
        return a[None]
    return a.transpose(1, 0, 2) if time_major else a
