"""The record between a forward call and its backward call."""

from __future__ import annotations

from typing import Any

from lstm_fast._check import Array
from lstm_fast._rows import Layout


class Tape:
    """What `<cell>_backward` needs of one `<cell>_forward`; used once.

    It keeps x, h0 and c0 by reference where they were not copied: leave them unchanged until backward has run.
    """

    __slots__ = (
        "_sequence",
        "biases",
        "c0",
        "cell",
        "dtype",
        "h0",
        "h_scale",
        "layer_norm",
        "layout",
        "one_bias",
        "peephole",
        "projection",
        "shape",
        "x",
        "x_scale",
    )

    def __init__(
        self,
        cell: str,
        sequence: Any,
        x: Array,
        h0: Array | None,
        c0: Array | None,
        H: int,
        layout: Layout,
        biases: int = 1,
        one_bias: bool = True,
        peephole: bool = False,
        x_scale: Array | None = None,
        h_scale: Array | None = None,
        projection: int | None = None,
        layer_norm: bool = False,
    ) -> None:
        self.cell = cell
        self.x, self.h0, self.c0 = x, h0, c0
        self.dtype = x.dtype
        self.shape = (layout.B, layout.T, x.shape[-1], H)  # B, T, I, H
        self.layout, self.x_scale, self.h_scale = layout, x_scale, h_scale
        self.biases = biases  # rows of db in the kernel
        self.one_bias = one_bias  # db has one row, (GH)
        self.peephole, self.layer_norm = peephole, layer_norm  # their gradient is wanted
        self.projection = projection  # P, or None without
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
