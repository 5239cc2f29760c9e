"""Masked steps: recurrences run over the steps that count, packed to the front of each row."""

from __future__ import annotations

from typing import Any

import numpy as np

from lstm_fast.training.parameters import Array


class MaskedSteps:
    """Where the steps of a mask (B,T) lie once they are packed, and how outputs and gradients travel between both.

    A masked step repeats the output of the step that was read before it (zeros at the start, or always with
    `zero_output`), so its gradient goes to that step. Work is proportional to the steps that count.

    Args:
        mask: (B,T) bool.
        reverse: steps are read from the last to the first.
        zero_output: the output of masked steps is zero.
    """

    def __init__(self, mask: Array, reverse: bool, zero_output: bool) -> None:
        B, T = mask.shape
        self.shape = B, T
        self.lengths = mask.sum(axis=1)
        self.in_front = bool((mask[:, 1:] <= mask[:, :-1]).all())  # packed as they lie: x itself serves
        count = mask.cumsum(axis=1)
        at = count - mask if reverse else count - 1  # the packed step whose output is seen at (b,t)
        seen = (at >= 0) & (at < self.lengths[:, None])
        if zero_output:
            seen &= mask
        rows = np.arange(B)[:, None] * T
        self.valid, self.seen = mask.ravel(), seen.ravel()
        self.source = (rows + at)[seen]  # flat packed step of each seen (b,t), never falling
        self.packed = (rows + count - 1)[mask]  # flat packed step of each valid (b,t)
        self.first = np.flatnonzero(np.diff(self.source, prepend=-1))  # of each packed step that is seen

    def pack(self, x: Array) -> Array:
        """x (B,T,F) with the valid steps of each row in front."""
        if self.in_front:
            return x
        out = np.zeros(x.shape, x.dtype)
        self._flat(out)[self.packed] = self._flat(x)[self.valid]
        return out

    def unpack(self, y: Array, out: Array) -> None:
        """Outputs of packed steps (B,T,H) to `out` (B,T,H), with those of masked steps."""
        flat = np.zeros(y.shape, y.dtype)
        self._flat(flat)[self.seen] = self._flat(y)[self.source]
        np.copyto(out, flat)

    def pack_gradient(self, dy: Array) -> Array:
        """The gradient of `out` as that of packed steps: the sum over all places where each is seen."""
        out = np.zeros(dy.shape, dy.dtype)
        if len(self.source):
            seen = self._flat(np.ascontiguousarray(dy))[self.seen]
            self._flat(out)[self.source[self.first]] = np.add.reduceat(seen, self.first, axis=0)
        return out

    def unpack_gradient(self, dx: Array, out: Array) -> None:
        """The gradient of packed x as that of x; zero at masked steps."""
        out.fill(0)
        self._flat(out)[self.valid] = self._flat(dx)[self.packed]

    def _flat(self, a: Array) -> Any:
        return a.reshape(self.shape[0] * self.shape[1], a.shape[-1])
