"""Operations written in NumPy that make one array of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lstm_fast.training.parameters import Array
from lstm_fast.training.plan import Op, Plan, Value


class ConcatenateOp(Op):
    """y = the inputs side by side along `axis`."""

    def __init__(self, plan: Plan, inputs: Sequence[Value], axis: int, mask: Value | None, dtype: Any = None) -> None:
        shape = list(inputs[0].shape)
        axis %= len(shape)
        ends = np.cumsum([v.shape[axis] for v in inputs])
        shape[axis] = int(ends[-1])
        super().__init__(inputs, [plan.value(shape, mask=mask)])
        before = (slice(None),) * axis
        starts = [0, *ends[:-1]]
        self.parts = [(*before, slice(int(a), int(b))) for a, b in zip(starts, ends, strict=True)]

    def forward(self) -> None:
        y = self.outputs[0].array
        for x, part in zip(self.inputs, self.parts, strict=True):
            y[part] = x.array

    def backward(self) -> None:
        dy: Array = self.outputs[0].grad
        for dx, part in zip(self.dx, self.parts, strict=True):
            if dx is not None:
                np.copyto(dx, dy[part])


class SumOp(Op):
    """y = w_0 x_0 + w_1 x_1 + ..., with broadcasting."""

    def __init__(self, plan: Plan, inputs: Sequence[Value], scales: Sequence[float], mask: Value | None) -> None:
        shape = np.broadcast_shapes(*(v.shape for v in inputs))
        super().__init__(inputs, [plan.value(shape, mask=mask)])
        self.scales = [None if s == 1 else s for s in scales]

    def forward(self) -> None:
        y = self.outputs[0].array
        for k, (x, scale) in enumerate(zip(self.inputs, self.scales, strict=True)):
            term = x.array if scale is None else x.array * scale
            if k:
                np.add(y, term, out=y)
            else:
                np.copyto(y, term)

    def backward(self) -> None:
        dy: Array = self.outputs[0].grad
        for dx, scale in zip(self.dx, self.scales, strict=True):
            if dx is not None:
                np.copyto(dx, unbroadcast(dy if scale is None else dy * scale, dx.shape))


class MultiplyOp(Op):
    """y = x_0 x_1 ..., with broadcasting."""

    def __init__(self, plan: Plan, inputs: Sequence[Value], mask: Value | None) -> None:
        shape = np.broadcast_shapes(*(v.shape for v in inputs))
        super().__init__(inputs, [plan.value(shape, mask=mask)])

    def forward(self) -> None:
        y = self.outputs[0].array
        np.multiply(self.inputs[0].array, self.inputs[1].array, out=y)
        for x in self.inputs[2:]:
            y *= x.array

    def backward(self) -> None:
        dy: Array = self.outputs[0].grad
        for k, dx in enumerate(self.dx):
            if dx is not None:
                product = dy
                for j, x in enumerate(self.inputs):
                    if j != k:
                        product = product * x.array
                np.copyto(dx, unbroadcast(product, dx.shape))


class ExtremeOp(Op):
    """y = the largest (np.maximum) or smallest (np.minimum) of the inputs; equal ones share the gradient."""

    def __init__(self, plan: Plan, inputs: Sequence[Value], choose: Any, mask: Value | None) -> None:
        shape = np.broadcast_shapes(*(v.shape for v in inputs))
        super().__init__(inputs, [plan.value(shape, mask=mask)])
        self.choose = choose

    def forward(self) -> None:
        y = self.outputs[0].array
        self.choose(self.inputs[0].array, self.inputs[1].array, out=y)
        for x in self.inputs[2:]:
            self.choose(y, x.array, out=y)

    def backward(self) -> None:
        y, dy = self.outputs[0].array, self.outputs[0].grad
        chosen = [x.array == y for x in self.inputs]
        share = dy / np.add.reduce(chosen, dtype=dy.dtype)
        for dx, own in zip(self.dx, chosen, strict=True):
            if dx is not None:
                np.copyto(dx, unbroadcast(share * own, dx.shape))


class DotOp(Op):
    """y = sum over axis a of x_0 and b of x_1, for each row; the other axes side by side."""

    def __init__(self, plan: Plan, inputs: Sequence[Value], axes: tuple[int, int], normalize: bool) -> None:
        self.normalize = normalize
        first, second = inputs[0].shape, inputs[1].shape
        self.axes = axes
        rest = [n for k, n in enumerate(first[1:], 1) if k != axes[0]]
        rest += [n for k, n in enumerate(second[1:], 1) if k != axes[1]]
        super().__init__(inputs, [plan.value((first[0], *(rest or [1])))])
        self.lengths: list[Any] = [None, None]

    def _rows(self, k: int, a: Array) -> Array:
        """(B, others, n): the summed axis last; unit length with `normalize`."""
        rows = np.moveaxis(a, self.axes[k], -1)
        rows = rows.reshape(len(a), -1, rows.shape[-1])
        if self.normalize:
            self.lengths[k] = np.sqrt(np.maximum(np.square(rows).sum(axis=-1, keepdims=True), 1e-12))
            rows = rows / self.lengths[k]
        return np.asarray(rows)

    def forward(self) -> None:
        self.first, self.second = (self._rows(k, v.array) for k, v in enumerate(self.inputs))
        y = self.outputs[0].array
        np.copyto(y, np.matmul(self.first, self.second.swapaxes(1, 2)).reshape(y.shape))

    def backward(self) -> None:
        dy = self.outputs[0].grad.reshape(len(self.first), self.first.shape[1], self.second.shape[1])
        self._into(0, self.first, dy, self.second)
        self._into(1, self.second, dy.swapaxes(1, 2), self.first)

    def _into(self, k: int, own: Array, dy: Array, other: Array) -> None:
        dx = self.dx[k]
        if dx is None:
            return
        rows = np.matmul(dy, other)
        if self.normalize:
            rows = (rows - own * (rows * own).sum(axis=-1, keepdims=True)) / self.lengths[k]
        moved = np.moveaxis(dx, self.axes[k], -1)
        moved[...] = rows.reshape(moved.shape)


def unbroadcast(a: Array, shape: tuple[int, ...]) -> Array:
    """The sum of `a` over the axes along which an array of `shape` was broadcast."""
    if a.shape == shape:
        return a
    a = a.sum(axis=tuple(range(a.ndim - len(shape))))
    return np.asarray(a.sum(axis=tuple(k for k, n in enumerate(shape) if n == 1 and a.shape[k] != 1), keepdims=True))
