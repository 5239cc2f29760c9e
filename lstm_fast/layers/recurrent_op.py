"""The operation of recurrent layers in a plan: one cell over the steps of a batch, in one direction or in both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lstm_fast import _core
from lstm_fast.layers.steps import MaskedSteps
from lstm_fast.training.parameters import Array
from lstm_fast.training.plan import Op, Plan, Value

if TYPE_CHECKING:
    from lstm_fast.layers.cells import Cell


class Run:
    """One cell over a batch in one direction: what it reads, its last state, and what backward needs.

    While training it packs the weights, which the optimizer has changed, in front of each forward.

    Args:
        cell: the weights and the kind of the recurrence.
        x: (B,T,I), with its mask.
        initial: the first state, a value (B,H) per state of the cell; none: zeros, or `memory`.
        reverse: read the steps from the last to the first; outputs stay beside their inputs.
        zero_output: outputs of masked steps are zero instead of those of the step read before.
        memory: the arrays (B,H) that a stateful layer keeps from batch to batch, on request.
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
        memory: Any = None,
    ) -> None:
        B, T, I = x.shape
        self.cell, self.x, self.initial, self.memory = cell, x, tuple(initial), memory
        self.reverse, self.zero_output = reverse, zero_output
        self.parameters = cell.parameters()
        self.learns = plan.asks_gradient([x, *initial], self.parameters)
        self.last = [np.empty((B, cell.units), plan.dtype) for _ in cell.state_names]  # the state after the last step
        self.start = [np.zeros_like(a) for a in self.last] if memory is not None else []
        self.weights = cell.native(I, self.learns, self.learns and x.needs_grad) if self.learns else cell.packed()
        self.sequence = _core.Sequence(self.weights, B, T, training=self.learns, reverse=reverse)
        self.db = cell.bias_room() if cell.bias is None else None  # the kernel wants a place for db
        self.drop = np.empty((B, 1, I), plan.dtype) if plan.training and 0 < cell.dropout < 1 else None
        self.steps: MaskedSteps | None = None  # of the last forward, when its mask had holes
        self.ran = self.sequence  # the sequence of the last forward
        self.read: Array | None = None  # what it read, where that was not x itself

    def forward(self, y: Array | None) -> None:
        """Fills y (B,T,H), any outer strides, or None; and `last`."""
        cell, last, mask = self.cell, self.last, self.x.mask
        x = self.x.array
        if self.drop is not None:
            x = x * cell.draw(cell.dropout, self.drop)
        if self.learns:
            cell.pack(self.weights)
        else:
            self.weights = cell.packed()
        if self.memory is not None:
            for mine, kept in zip(self.start, self.memory(), strict=True):
                np.copyto(mine, kept)
        first = self._states(self._first())
        self.read = x if self.learns and self.drop is not None else None
        if mask is None or mask.array.all():
            self.steps, self.ran = None, self.sequence
            self.sequence.forward(x, *first, y, *self._states(last), self.weights)
        else:
            self._forward_masked(mask.array, x, first, y)
        if self.memory is not None:
            for mine, kept in zip(last, self.memory(), strict=True):
                np.copyto(kept, mine)

    def _forward_masked(self, mask: Array, x: Array, first: tuple[Any, Any], y: Array | None) -> None:
        steps = self.steps = MaskedSteps(mask, self.reverse, self.zero_output)
        sequence = _core.Sequence(
            self.weights, *mask.shape, training=self.learns, reverse=self.reverse, lengths=steps.lengths
        )
        x = steps.pack(x)
        self.ran, self.read = sequence, x if self.learns and x is not self.x.array else None
        packed = None if y is None else y if steps.in_front and self.zero_output else np.empty(y.shape, y.dtype)
        sequence.forward(x, *first, packed, *self._states(self.last), self.weights)
        if y is not None and packed is not None and packed is not y:
            steps.unpack(packed, y)

    def backward(
        self, dy: Array | None, dlast: Sequence[Any], dx: Array | None, dfirst: Sequence[Any], accumulate: bool
    ) -> None:
        """From the gradients of y and of the last state, those of x, of the first state, and of the weights."""
        cell, steps = self.cell, self.steps
        x = self.x.array if self.read is None else self.read
        if steps is not None and dy is not None:
            dy = steps.pack_gradient(dy)
        target = dx
        if steps is not None and not steps.in_front and dx is not None:
            target = np.empty(dx.shape, dx.dtype)
        dw_x, dw_h = cell.kernel.grad, cell.recurrent_kernel.grad
        db: Any = self.db if cell.bias is None else cell.bias.grad
        (dh, dc), (dh0, dc0), (h0, c0) = map(self._states, (dlast, dfirst, self._first()))
        self.ran.backward(x, dy, dh, dc, target, dw_x, dw_h, db, dh0, dc0, h0, c0, accumulate)
        if dx is not None and target is not dx and steps is not None and target is not None:
            steps.unpack_gradient(target, dx)
        if dx is not None and self.drop is not None:
            dx *= self.drop

    def _first(self) -> Sequence[Any]:
        return [v.array for v in self.initial] if self.initial else self.start

    def _states(self, arrays: Sequence[Any]) -> tuple[Any, Any]:
        """h and c as the kernel wants them; None where there is none."""
        h, c, *_ = (*arrays, None, None)
        return h, c


class RecurrentOp(Op):
    """x and the first states of each run -> the outputs of the runs, then, on request, their last states.

    Args:
        runs: one, or one per direction.
        sequences: outputs of all steps (B,T,H) instead of the last (B,H).
        states: also give the last states.
        flip: the steps of the outputs from the last to the first.
        concat: the outputs of the runs side by side in one array.
    """

    def __init__(
        self, plan: Plan, x: Value, runs: Sequence[Run], *, sequences: bool, states: bool, flip: bool, concat: bool
    ) -> None:
        self.runs, self.sequences, self.states, self.concat = tuple(runs), sequences, states, concat
        self.step = slice(None, None, -1 if flip else None)
        widths = [run.cell.units for run in runs]
        ends = np.cumsum(widths)
        lead = x.shape[:2] if sequences else x.shape[:1]
        if concat:
            arrays = [_core.empty((*lead, int(ends[-1])), plan.dtype)]
        else:  # without sequences the output of a run is its last h; each has its own gradient
            arrays = [_core.empty((*lead, n), plan.dtype) if sequences else run.last[0]
                      for n, run in zip(widths, runs, strict=True)]  # fmt: skip
        self.count = len(arrays)  # outputs in front of the states
        outputs = [Value(a, x.mask if sequences else None) for a in arrays]
        if states:
            outputs += [Value(a) for run in runs for a in run.last]
        inputs = [x, *(v for run in runs for v in run.initial)]
        super().__init__(inputs, outputs, [p for run in runs for p in run.parameters])
        self.features = [slice(int(end) - n, int(end)) for n, end in zip(widths, ends, strict=True)]
        self.views = [self._part(arrays, k) for k in range(len(runs))]
        self.other: Array | None = None  # dx of the second run

    def _part(self, arrays: Sequence[Any], k: int) -> Any:
        """What run k has of the outputs or of their gradients, in the order of x."""
        a = arrays[0 if self.concat else k]
        if a is None:
            return None
        a = a[..., self.features[k]] if self.concat else a
        return a[:, self.step] if self.sequences else a

    def forward(self) -> None:
        for run, view in zip(self.runs, self.views, strict=True):
            run.forward(view if self.sequences else None)
            if self.concat and not self.sequences:
                np.copyto(view, run.last[0])

    def backward(self) -> None:
        grads = [v.grad for v in self.outputs]
        after, before = self.count, 1
        for k, run in enumerate(self.runs):
            n = len(run.last)
            own = self._part(grads, k)
            dlast = grads[after : after + n] if self.states else [None] * n
            after += n
            if not self.sequences and own is not None:
                own = np.ascontiguousarray(own)
                dlast[0] = own if dlast[0] is None else own + dlast[0]
            dfirst = self.dx[before : before + n] if run.initial else [None] * n
            before += len(run.initial)
            dx = self.dx[0]
            if k and dx is not None:
                dx = self.other = np.empty_like(dx) if self.other is None else self.other
            run.backward(own if self.sequences else None, dlast, dx, dfirst, self.accumulate)
            if k and dx is not None:
                self.dx[0] += dx
