"""One cell over the steps of a batch, in one direction: what operations of recurrent layers consist of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lstm_fast import _core
from lstm_fast.layers.steps import MaskedSteps
from lstm_fast.training.parameters import Array
from lstm_fast.training.plan import Plan, Value

if TYPE_CHECKING:
    from lstm_fast.layers.cells import Cell

Pair = tuple[Any, Any]  # something of h, and of c where the cell has one, else None


class Run:
    """What one pass over a batch reads, its last state, and what backward needs.

    While training it packs the weights, which the optimizer has changed, in front of each forward.

    Args:
        cell: the weights and the kind of the recurrence.
        x: (B,T,I), with its mask.
        initial: the first state, a value (B,H) per state of the cell; none: zeros, or `memory`.
        reverse: read the steps from the last to the first; outputs stay beside their inputs.
        zero_output: outputs of masked steps are zero instead of those of the step read before.
        memory: gives the arrays (B,H) that a stateful layer keeps from batch to batch.
    """

    def __init__(
        self,
        cell: Cell,
        plan: Plan,
        x: Value,
        initial: Sequence[Value] = (),
        *,
        reverse: bool = False,
        zero_output: bool = False,
        memory: Callable[[], list[Array]] | None = None,
    ) -> None:
        B, T, I = x.shape
        self.cell, self.x, self.initial, self.memory = cell, x, tuple(initial), memory
        self.reverse, self.zero_output, self.size = reverse, zero_output, (B, T)
        self.parameters = cell.parameters()
        self.learns = plan.asks_gradient([x, *initial], self.parameters)
        self.last = [np.empty((B, cell.units), plan.dtype) for _ in cell.state_names]  # the state after the last step
        self.start = [np.zeros_like(a) for a in self.last] if memory is not None else []
        self.h, self.c = pair(self.last)
        self.first = pair(self.start)
        self.weights = cell.native(I, self.learns, self.learns and x.needs_grad) if self.learns else cell.packed()
        self.threads = 0  # workers of this run; 0: as many as a call may use
        self.sequence = self._sequence()
        self.db: Any = cell.bias_room() if cell.bias is None else None  # the kernel wants a place for db
        self.drop = np.empty((B, 1, I), plan.dtype) if plan.training and 0 < cell.dropout < 1 else None
        self.steps: MaskedSteps | None = None  # of the last forward, when its mask had holes
        self.ran = self.sequence  # the sequence of the last forward
        self.read: Array | None = None  # what it read, where that was not x itself

    def _sequence(self, lengths: Array | None = None) -> Any:
        return _core.Sequence(self.weights, *self.size, training=self.learns, reverse=self.reverse, lengths=lengths,
                              num_threads=self.threads)  # fmt: skip

    @property
    def work(self) -> int:
        """Multiply-adds of a forward."""
        B, T, I = self.x.shape
        return B * T * self.cell.gates * self.cell.units * (I + self.cell.units)

    def use_threads(self, n: int) -> None:
        """At most n workers from the next forward on; 0: as many as a call may use."""
        if n != self.threads:
            self.threads = n
            self.sequence = self._sequence()

    def forward(self, y: Array | None) -> None:
        """Fills y (B,T,H), any outer strides, or None; and `last`."""
        cell, mask, x = self.cell, self.x.mask, self.x.array
        if self.drop is not None:
            x = x * cell.draw(cell.dropout, self.drop)
            self.read = x if self.learns else None
        if self.learns:
            cell.pack(self.weights)
        else:
            self.weights = cell.packed()
        if self.memory is not None:
            for mine, kept in zip(self.start, self.memory(), strict=True):
                np.copyto(mine, kept)
        if self.initial:
            self.first = pair([v.array for v in self.initial])
        h0, c0 = self.first
        if mask is None or mask.array.all():
            self.steps, self.ran = None, self.sequence
            self.ran.forward(x, h0, c0, y, self.h, self.c, self.weights)
        else:
            self._forward_masked(mask.array, x, y)
        if self.memory is not None:
            for mine, kept in zip(self.last, self.memory(), strict=True):
                np.copyto(kept, mine)
        if self.initial:
            self.first = None, None  # a plan keeps no data

    def _forward_masked(self, mask: Array, x: Array, y: Array | None) -> None:
        steps = self.steps = MaskedSteps(mask, self.reverse, self.zero_output)
        self.ran = self._sequence(steps.lengths)
        x = steps.pack(x)
        self.read = x if self.learns and x is not self.x.array else None
        packed = None if y is None else y if steps.in_front and self.zero_output else np.empty(y.shape, y.dtype)
        self.ran.forward(x, *self.first, packed, self.h, self.c, self.weights)
        if y is not None and packed is not None and packed is not y:
            steps.unpack(packed, y)

    def backward(self, dy: Array | None, dlast: Pair, dx: Array | None, dfirst: Pair, accumulate: bool) -> None:
        """From the gradients of y and of the last state, those of x, of the first state, and of the weights."""
        cell, steps, target = self.cell, self.steps, dx
        x = self.x.array if self.read is None else self.read
        if steps is not None:
            dy = None if dy is None else steps.pack_gradient(dy)
            target = dx if dx is None or steps.in_front else np.empty(dx.shape, dx.dtype)
        h0, c0 = pair([v.array for v in self.initial]) if self.initial else self.first
        dw_x, dw_h = cell.kernel.grad, cell.recurrent_kernel.grad
        db = self.db if cell.bias is None else cell.bias.grad
        self.ran.backward(x, dy, dlast[0], dlast[1], target, dw_x, dw_h, db, dfirst[0], dfirst[1], h0, c0, accumulate)
        if dx is None:
            return
        if steps is not None and target is not None and target is not dx:
            steps.unpack_gradient(target, dx)
        if self.drop is not None:
            dx *= self.drop


def pair(arrays: Sequence[Any]) -> Pair:
    """h and c as the kernels want them; None where there is none."""
    h, c, *_ = (*arrays, None, None)
    return h, c
