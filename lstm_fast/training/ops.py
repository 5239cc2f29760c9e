"""Operations written in NumPy on one input: dropout, activations, shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lstm_fast import activations
from lstm_fast.training.plan import Op, Plan, Value


class ActivationOp(Op):
    """y = activation(x)."""

    def __init__(self, name: str, x: Value, y: Value) -> None:
        super().__init__([x], [y])
        self.function = activations.table(name)

    def forward(self) -> None:
        self.function.forward(self.inputs[0].array, self.outputs[0].array)

    def backward(self) -> None:
        (x,), (y,) = self.inputs, self.outputs
        self.function.backward(x.array, y.array, y.grad, self.dx[0])


class DropoutOp(Op):
    """y = x * mask, each element of the mask 0 with probability rate, else 1/(1-rate); mask broadcasts to x."""

    def __init__(self, rate: float, rng: np.random.Generator, x: Value, y: Value, mask_shape: tuple[int, ...]) -> None:
        super().__init__([x], [y])
        self.rate, self.rng = rate, rng
        self.draw = np.empty(mask_shape, x.array.dtype)
        self.scale = np.empty_like(self.draw)
        self.dtype: Any = self.draw.dtype

    def forward(self) -> None:
        self.rng.random(dtype=self.dtype, out=self.draw)
        np.greater_equal(self.draw, self.rate, out=self.scale)
        self.scale *= 1.0 / (1.0 - self.rate)
        np.multiply(self.inputs[0].array, self.scale, out=self.outputs[0].array)

    def backward(self) -> None:
        np.multiply(self.outputs[0].grad, self.scale, out=self.dx[0])


class ActivityOp(Op):
    """y is x, and regularizer(x) / B is part of the loss."""

    penalises = True

    def __init__(self, plan: Plan, x: Value, regularizer: Any) -> None:
        super().__init__([x], [Value(x.array, x.mask)])
        self.regularizer = regularizer
        plan.penalties.append(self.penalty)

    def forward(self) -> None:
        self.outputs[0].array = self.inputs[0].array

    def penalty(self) -> float:
        x = self.inputs[0].array
        return float(self.regularizer(x)) / max(1, len(x))

    def backward(self) -> None:
        x, dx = self.inputs[0].array, self.dx[0]
        dx.fill(0)
        self.regularizer.add_gradient(x, dx)
        dx /= max(1, len(x))
        if self.outputs[0].grad is not None:
            dx += self.outputs[0].grad


class ReshapeOp(Op):
    """y is x under another shape: no numbers move."""

    passes = True

    def __init__(self, x: Value, shape: Sequence[int], mask: Value | None = None) -> None:
        self.shape = tuple(shape)
        super().__init__([x], [Value(x.array.reshape(self.shape), mask)])

    def forward(self) -> None:
        self.outputs[0].array = self.inputs[0].array.reshape(self.shape)


class TransposeOp(Op):
    """y = x with its axes in another order, C-contiguous."""

    def __init__(self, plan: Plan, x: Value, axes: Sequence[int]) -> None:
        self.axes = tuple(axes)
        self.back = tuple(np.argsort(self.axes))
        super().__init__([x], [plan.value([x.shape[a] for a in axes], x.array.dtype)])

    def forward(self) -> None:
        np.copyto(self.outputs[0].array, self.inputs[0].array.transpose(self.axes))

    def backward(self) -> None:
        np.copyto(self.dx[0], self.outputs[0].grad.transpose(self.back))


class RepeatOp(Op):
    """x (B,F) -> y (B,n,F): n equal steps; the gradient is their sum."""

    def __init__(self, plan: Plan, x: Value, n: int) -> None:
        B, F = x.shape
        super().__init__([x], [plan.value((B, n, F))])

    def forward(self) -> None:
        np.copyto(self.outputs[0].array, self.inputs[0].array[:, None, :])

    def backward(self) -> None:
        np.sum(self.outputs[0].grad, axis=1, out=self.dx[0])
