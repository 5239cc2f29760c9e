"""Plans: a graph of layers for one input shape, all memory allocated, run by a handful of native calls.

A layer adds its operations with `add_ops(plan, inputs)`. Operations read the arrays of their values at each run, so an
input is bound by assigning `value.array`, without a copy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from lstm_fast import _core
from lstm_fast.training.parameters import Array, Dtype, Parameter

Call = Callable[[], Any]


class Value:
    """An array that flows through a plan, the gradient to it (None: nobody asks), and its mask (B,T) or None."""

    __slots__ = ("array", "grad", "mask", "needs_grad")

    def __init__(self, array: Array, mask: Value | None = None) -> None:
        self.array: Any = array
        self.grad: Any = None
        self.needs_grad = False
        self.mask = mask

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.array.shape)


class Op:
    """One operation of a plan: `forward` fills the outputs, `backward` the gradients of inputs and parameters.

    Before `backward` the plan sets `dx` (per input: the array to overwrite, or None) and `accumulate` (add to the
    gradients of the parameters instead of overwriting them); `outputs[k].grad` is None where nobody used output k.
    """

    accumulate = False
    needs_grad = False
    penalises = False  # part of the loss comes from here: backward runs though nobody used the outputs
    passes = False  # the gradient of the input is that of the output, in the same memory: there is no backward
    dx: list[Any]

    def __init__(self, inputs: Sequence[Value], outputs: Sequence[Value], parameters: Sequence[Parameter] = ()) -> None:
        self.inputs, self.outputs, self.parameters = tuple(inputs), tuple(outputs), tuple(parameters)

    def follow(self, before: Op) -> Call | None:
        """One call for the forward of `before`, of what runs in one call with it, and of this; None: each its own."""
        return None

    def forward(self) -> None:
        raise NotImplementedError

    def backward(self) -> None:
        raise NotImplementedError

    def forward_calls(self) -> list[Call]:
        """`forward` as long as no array of a value or a parameter moves: the native calls, where it is nothing else."""
        return [self.forward]

    def backward_calls(self) -> list[Call]:
        """`backward` in the same way."""
        return [self.backward]


class Plan:
    """The operations of one graph for fixed shapes.

    training: dropout is active. gradients: `backward` will be asked for, parameters are trained. frozen: the weights
    never change, so that what is packed of them stays.
    """

    def __init__(self, dtype: Dtype, training: bool = False, gradients: bool = False, frozen: bool = False) -> None:
        self.dtype, self.training, self.gradients, self.frozen = dtype, training, gradients, frozen
        self.inputs: list[Value] = []
        self.outputs: list[Value] = []
        self.ops: list[Op] = []
        self.forwards: list[Call] = []
        self.backwards: list[Call] = []
        self.penalties: list[Callable[[], float]] = []  # numbers that are part of the loss

    def value(self, shape: Sequence[int], dtype: Any = None, mask: Value | None = None) -> Value:
        return Value(_core.empty(tuple(shape), self.dtype) if dtype is None else np.empty(shape, dtype), mask)

    def asks_gradient(self, inputs: Sequence[Value], parameters: Sequence[Parameter] = ()) -> bool:
        """Whether an operation on these will have to run backward."""
        return self.gradients and (any(v.needs_grad for v in inputs) or any(p.trainable for p in parameters))

    def add(self, op: Op) -> None:
        op.needs_grad = self.asks_gradient(op.inputs, op.parameters)
        for v in op.outputs:
            v.needs_grad = op.needs_grad
        joined = op.follow(self.ops[-1]) if self.ops else None
        if joined is None:
            self.forwards.append(op.forward)
        else:
            self.forwards[-1] = joined
        self.ops.append(op)

    def forward(self) -> None:
        for call in self.forwards:
            call()

    def backward(self) -> None:
        for call in self.backwards:
            call()

    def bound(self, calls: Sequence[Call]) -> list[Call]:
        """`calls`, some of them of this plan, as long as no array of a value or a parameter moves."""
        parts = {op.forward: op.forward_calls for op in self.ops} | {op.backward: op.backward_calls for op in self.ops}
        return [part for call in calls for part in (parts[call]() if call in parts else [call])]

    def prepare_backward(self) -> None:
        """Allocates gradients and orders the backward calls; the outputs that a loss reads must have their `grad`."""
        written: set[int] = set()
        for op in reversed(self.ops):
            if not op.needs_grad or (all(v.grad is None for v in op.outputs) and not op.penalises):
                continue
            op.accumulate = any(id(p) in written for p in op.parameters)
            written.update(map(id, op.parameters))
            op.dx, sums = [], []
            for v in op.inputs:
                if not v.needs_grad:
                    op.dx.append(None)
                    continue
                target = op.outputs[0].grad.reshape(v.shape) if op.passes else _core.empty(v.shape, self.dtype)
                if v.grad is None:
                    v.grad = target
                else:  # another consumer comes first: its part is there already
                    sums.append(partial(np.add, v.grad, target, v.grad))
                op.dx.append(target)
            if not op.passes:
                self.backwards.append(op.backward)
            self.backwards.extend(sums)
