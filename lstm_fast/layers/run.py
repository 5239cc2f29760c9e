"""One cell over the steps of a batch, in one direction: what operations of recurrent layers consist of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from lstm_fast import _core
from lstm_fast.training.parameters import Array
from lstm_fast.training.plan import Call, Plan, Value

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
        checkpoint_every: keep only the state of every so many steps for backward; None: everything.
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
        checkpoint_every: int | None = None,
    ) -> None:
        B, T, I = x.shape
        self.cell, self.x, self.initial, self.memory = cell, x, tuple(initial), memory
        self.reverse, self.zero_output, self.size = reverse, zero_output, (B, T)
        self.checkpoint_every = checkpoint_every or 0
        self.parameters = cell.parameters()
        self.learns = plan.asks_gradient([x, *initial], self.parameters)
        self.last = [np.empty((B, n), plan.dtype) for n in cell.state_sizes]  # the state after the last step
        self.start = [np.zeros_like(a) for a in self.last] if memory is not None else []
        self.h, self.c = pair(self.last)
        self.first = pair(self.start)
        self.weights = cell.native(I, self.learns, self.learns and x.needs_grad) if self.learns else cell.packed()
        self.threads = -1
        self.use_threads(0)
        self.ran = self.sequence  # the sequence of the last forward
        self.db: Any = cell.bias_room() if cell.bias is None else None  # the kernel wants a place for db
        drops, fades = (plan.training and 0 < rate < 1 for rate in (cell.dropout, cell.recurrent_dropout))
        self.x_scale = np.empty((B, 1, I), plan.dtype) if drops else None
        self.h_scale = np.empty((B, cell.state_sizes[0]), plan.dtype) if fades else None
        self.dropped = np.empty(x.shape, plan.dtype) if drops else None  # x * x_scale
        self.zones = plan.training and cell.zoneout is not None

    def _sequence(self, **rows: Any) -> Any:
        return _core.Sequence(self.weights, *self.size, training=self.learns, reverse=self.reverse,
                              num_threads=self.threads, checkpoint_every=self.checkpoint_every, **rows)  # fmt: skip

    @property
    def work(self) -> int:
        """Multiply-adds of a forward."""
        B, T, I = self.x.shape
        cell, P = self.cell, self.cell.output_size
        return B * T * cell.units * (cell.gates * (I + P) + (P if cell.projection else 0))

    def use_threads(self, n: int) -> None:
        """At most n workers from the next forward on; 0: as many as a call may use."""
        if n != self.threads:
            self.threads = n
            self.sequence = self._sequence()
            self.rows: Any = None  # the steps that a mask leaves, and the sequence of them, made at need
            self.masked: Any = None

    def forward(self, y: Array | None) -> None:
        """Fills y (B,T,H), any outer strides, or None; and `last`."""
        cell, x = self.cell, self.x.array
        if self.x_scale is not None:
            x = np.multiply(x, cell.draw(cell.dropout, self.x_scale), out=self.dropped)
        if self.h_scale is not None:
            cell.draw(cell.recurrent_dropout, self.h_scale)
        if self.learns:
            cell.pack_call(self.weights, self.threads)()
        else:
            self.weights = cell.packed()
        if self.memory is not None:
            for mine, kept in zip(self.start, self.memory(), strict=True):
                np.copyto(mine, kept)
        h0, c0 = self._first()
        holes = self._holes()
        self.ran = self.sequence if holes is None else self._masked_sequence()
        seed = cell.draw_seed() if self.zones else None
        self.ran.forward(x, h0, c0, y, self.h, self.c, self.weights, self.h_scale, zoneout_seed=seed)
        if holes is not None and y is not None and self.zero_output:
            y[holes] = 0
        if self.memory is not None:
            for mine, kept in zip(self.last, self.memory(), strict=True):
                np.copyto(kept, mine)

    def _first(self) -> Pair:
        return pair([v.array for v in self.initial]) if self.initial else self.first

    @property
    def plain(self) -> bool:
        """Whether both directions are native calls and nothing else."""
        return not self.zones and all(e is None for e in (self.x_scale, self.h_scale, self.memory, self.x.mask))

    @property
    def only_calls(self) -> bool:
        """Whether a forward is one native call from zero states and nothing else, for inference."""
        return self.plain and not (self.learns or self.initial)

    def forward_calls(self, y: Array | None) -> list[Call]:
        """`forward` of a plain run that learns, as long as no array moves."""
        forward = partial(self.sequence.forward, self.x.array, *self._first(), y, self.h, self.c)
        return [self.cell.pack_call(self.weights, self.threads), forward]

    def _holes(self) -> Array | None:
        """Where the mask says that steps do not count; None: it says so nowhere."""
        mask = self.x.mask
        return None if mask is None or mask.array.all() else ~mask.array

    def _silent(self) -> Array | None:
        """(B): rows whose last output is zero: no step counts or, with zero_output, not the last; None: none is."""
        holes = self._holes()
        if holes is None:
            return None
        rows: Array = holes[:, 0 if self.reverse else -1] if self.zero_output else np.all(holes, axis=1)
        return rows if np.any(rows) else None

    def last_output(self, out: Array) -> None:
        """Fills out (B,H) with the output of the last step read: h, but zeros where no step gave one."""
        np.copyto(out, self.h)
        silent = self._silent()
        if silent is not None:
            out[silent] = 0

    def last_output_gradient(self, d: Array | None) -> Array | None:
        """The gradient of `last_output` as that of h."""
        silent = None if d is None else self._silent()
        return d if d is None or silent is None else np.where(silent[:, None], 0, d)

    def _masked_sequence(self) -> Any:
        """The sequence of the steps that count."""
        if self.rows is None:
            self.rows = _core.Rows(*self.size, reverse=self.reverse)
            self.masked = self._sequence(rows=self.rows, refill=True)
        mask = self.x.mask
        assert mask is not None
        self.rows.fill(np.ascontiguousarray(mask.array))
        return self.masked

    def backward(self, dy: Array | None, dlast: Pair, dx: Array | None, dfirst: Pair, accumulate: bool) -> None:
        """From the gradients of y and of the last state, those of x, of the first state, and of the weights."""
        holes = self._holes() if self.zero_output and dy is not None else None
        if holes is not None and dy is not None:
            dy = np.where(holes[..., None], 0, dy)
        self.backward_call(dy, dlast, dx, dfirst, accumulate)()
        if dx is not None and self.x_scale is not None:
            dx *= self.x_scale

    def backward_call(self, dy: Array | None, dlast: Pair, dx: Array | None, dfirst: Pair, accumulate: bool) -> Call:
        """The native part of `backward`: all of it where the run is plain."""
        cell, x = self.cell, self.x.array if self.dropped is None else self.dropped
        db = self.db if cell.bias is None else cell.bias.grad
        gradients = (dx, cell.kernel.grad, cell.recurrent_kernel.grad, db, *dfirst)
        more = cell.extra_gradients()
        return partial(self.ran.backward, x, dy, *dlast, *gradients, *self._first(), accumulate, self.h_scale, **more)


def pair(arrays: Sequence[Any]) -> Pair:
    """h and c as the kernels want them; None where there is none."""
    h, c, *_ = (*arrays, None, None)
    return h, c
