"""The operations of recurrent layers in a plan: one direction, or both into one array."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from lstm_fast import _core
from lstm_fast.layers.run import Pair, Run, pair
from lstm_fast.layers.run_stack import RunStack, joins
from lstm_fast.training.pair import LEAST_WORK, MOST_WORK, both
from lstm_fast.training.parameters import Array
from lstm_fast.training.plan import Call, Op, Plan, Value


class RecurrentOp(Op):
    """x and the first states of a run -> its output, then, on request, its last states.

    Args:
        sequences: outputs of all steps (B,T,H) instead of the last (B,H).
        states: also give the last states.
        flip: the steps of the output from the last to the first.
    """

    def __init__(self, plan: Plan, x: Value, run: Run, sequences: bool, states: bool, flip: bool = False) -> None:
        self.run, self.sequences, self.states = run, sequences, states
        self.step = slice(None, None, -1) if flip else slice(None)
        self.y: Array | None = None
        self.own: Array | None = None  # the last output, where it may differ from the last h
        if sequences:
            y = _core.empty((*run.size, run.cell.output_size), plan.dtype)
            self.y = y[:, self.step]
            outputs = [Value(y, x.mask)]
        else:  # with `states`, two outputs may be one array: each has its own gradient
            self.own = None if x.mask is None else np.empty_like(run.h)
            outputs = [Value(run.h if self.own is None else self.own)]
        outputs += [Value(a) for a in run.last] if states else []
        super().__init__([x, *run.initial], outputs, run.parameters)
        self.group: list[RecurrentOp] = [self]  # operations that run in one native call, up to this one

    def follow(self, before: Op) -> Call | None:
        if not isinstance(before, RecurrentOp) or before.outputs[0] is not self.inputs[0] or not before.sequences:
            return None
        if before.step != slice(None) or not joins(before.run, self.run):
            return None
        self.group = [*before.group, self]
        return RunStack([op.run for op in self.group], [op.y for op in self.group]).forward

    def forward(self) -> None:
        self.run.forward(self.y)
        if self.own is not None:
            self.run.last_output(self.own)

    def backward(self) -> None:
        self.run.backward(*self._gradients(), self.accumulate)

    def forward_calls(self) -> list[Call]:
        return self.run.forward_calls(self.y) if self.run.plain and self.run.learns else [self.forward]

    def backward_calls(self) -> list[Call]:
        if not self.run.plain or self.states:  # gradients of states may be sums
            return [self.backward]
        return [self.run.backward_call(*self._gradients(), self.accumulate)]

    def _gradients(self) -> tuple[Any, Pair, Any, Pair]:
        """Those of the output and of the last state; where those of x and of the first state go."""
        dx, outputs = self.dx, self.outputs
        dy = dh = dc = None
        first = outputs[0].grad
        if self.y is None:
            dh = first if self.own is None else self.run.last_output_gradient(first)
        elif first is not None:
            dy = first[:, self.step]
        if self.states:
            dh, dc = last_gradients(dh, outputs[1:])
        dfirst = pair(dx[1:]) if self.run.initial else (None, None)
        return dy, (dh, dc), dx[0], dfirst


class BidirectionalOp(Op):
    """x and the first states of two runs -> their outputs, in one array or in two, then their last states.

    Long runs go at once, each with half of the threads, so that no thread waits for another between steps.

    Args:
        concat: the outputs side by side in one array.
        others: as in RecurrentOp.
    """

    def __init__(
        self, plan: Plan, x: Value, runs: Sequence[Run], sequences: bool, states: bool, flip: bool, concat: bool
    ) -> None:
        self.runs, self.sequences, self.states, self.concat = tuple(runs), sequences, states, concat
        self.step = slice(None, None, -1) if flip else slice(None)
        widths = [run.cell.output_size for run in runs]
        self.features = [slice(0, widths[0]), slice(widths[0], sum(widths))]
        lead = runs[0].size if sequences else runs[0].size[:1]
        if concat:
            arrays = [_core.empty((*lead, sum(widths)), plan.dtype)]
        else:
            arrays = [_core.empty((*lead, n), plan.dtype) if sequences or x.mask is not None else run.h
                      for n, run in zip(widths, runs, strict=True)]  # fmt: skip
        self.count = len(arrays)  # outputs in front of the states
        outputs = [Value(a, x.mask if sequences else None) for a in arrays]
        outputs += [Value(a) for run in runs for a in run.last] if states else []
        inputs = [x, *(v for run in runs for v in run.initial)]
        super().__init__(inputs, outputs, [p for run in runs for p in run.parameters])
        self.views = [self._part(arrays, k) for k in range(2)]
        self.apart = not sequences and (concat or x.mask is not None)  # the last outputs lie beside the last states
        self.other: Array | None = None  # dx of the second run
        self.long = all(LEAST_WORK <= run.work <= MOST_WORK for run in runs)
        self.parallel = False  # as the last forward was

    def _part(self, arrays: Sequence[Any], k: int) -> Any:
        """What run k has of the outputs or of their gradients, in the order of x."""
        a = arrays[0 if self.concat else k]
        if a is None:
            return None
        a = a[..., self.features[k]] if self.concat else a
        return a[:, self.step] if self.sequences else a

    def forward(self) -> None:
        n = _core.get_num_threads() if self.long else 1
        self.parallel = n > 1
        for run in self.runs:
            run.use_threads(n // 2 if self.parallel else 0)
        views = self.views if self.sequences else [None, None]
        self._call([partial(run.forward, view) for run, view in zip(self.runs, views, strict=True)])
        if self.apart:
            for run, view in zip(self.runs, self.views, strict=True):
                run.last_output(view)

    def backward(self) -> None:
        grads = [v.grad for v in self.outputs]
        after, before, dx = self.count, 1, self.dx[0]
        calls: list[Call] = []
        for k, run in enumerate(self.runs):
            n = len(run.last)
            own = self._part(grads, k)
            dy, dlast = (own, (None, None)) if self.sequences else (None, (own, None))
            if dy is None and own is not None:
                dlast = (run.last_output_gradient(np.ascontiguousarray(own)), None)
            if self.states:
                dlast = last_gradients(dlast[0], self.outputs[after : after + n])
            dfirst = pair(self.dx[before : before + n]) if run.initial else (None, None)
            after, before = after + n, before + len(run.initial)
            if k and dx is not None:
                dx = self.other = _core.empty(dx.shape, dx.dtype) if self.other is None else self.other
            calls.append(partial(run.backward, dy, dlast, dx, dfirst, self.accumulate))
        self._call(calls)
        if dx is not None:
            self.dx[0] += dx

    def _call(self, calls: Sequence[Call]) -> None:
        if self.parallel:
            both(*calls)
        else:
            for call in calls:
                call()


def last_gradients(dh: Any, states: Sequence[Value]) -> tuple[Any, Any]:
    """The gradients of the last h and c, given that of h as an output and the values of the last states."""
    more, dc = pair([v.grad for v in states])
    return more if dh is None else dh if more is None else dh + more, dc
