"""Layers that make one step of all steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from lstm_fast.layers.base import Layer
from lstm_fast.layers.symbolic import Shape
from lstm_fast.training.parameters import Array
from lstm_fast.training.plan import Op, Plan, Value


class _GlobalPooling1D(Layer):
    """Base: (B,T,F) -> (B,F), or (B,1,F) with keepdims."""

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if data_format not in (None, "channels_last"):
            raise ValueError(
                f"{self.label}: data_format={data_format!r} is not supported; supported is 'channels_last'"
            )
        self.keepdims = bool(keepdims)

    def output_shapes(self, *shapes: Shape) -> list[Shape]:
        x = shapes[0]
        if len(x) != 3:
            raise ValueError(f"{self.label}: expected inputs of shape (batch, time steps, features), got {x}; "
                             "a recurrent layer in front needs return_sequences=True")  # fmt: skip
        return [(x[0], 1, x[2]) if self.keepdims else (x[0], x[2])]

    def op(self, x: Value, y: Value) -> Op:
        raise NotImplementedError

    def add_ops(self, plan: Plan, inputs: list[Value], **arguments: Any) -> list[Value]:
        (x,) = inputs
        B, _, F = x.shape
        y = plan.value((B, 1, F) if self.keepdims else (B, F))
        plan.add(self.op(x, y))
        return [y]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "keepdims": self.keepdims}


class GlobalAveragePooling1D(_GlobalPooling1D):
    """The mean over all steps, or over the unmasked ones: (B,T,F) -> (B,F).

    Example:
        >>> import numpy as np
        >>> GlobalAveragePooling1D()(np.array([[[1.0], [3.0]]], np.float32)).tolist()
        [[2.0]]
    """

    def op(self, x: Value, y: Value) -> Op:
        return MeanOp(x, y)


class GlobalMaxPooling1D(_GlobalPooling1D):
    """The largest value over all steps: (B,T,F) -> (B,F).

    Example:
        >>> import numpy as np
        >>> GlobalMaxPooling1D()(np.array([[[1.0], [3.0]]], np.float32)).tolist()
        [[3.0]]
    """

    def op(self, x: Value, y: Value) -> Op:
        return MaxOp(x, y)


class MeanOp(Op):
    """y = sum of the unmasked steps of x / their number."""

    weight: Array | float

    def __init__(self, x: Value, y: Value) -> None:
        super().__init__([x], [y])
        self.weight = 1.0 / max(1, x.shape[1])

    def forward(self) -> None:
        x, y = self.inputs[0], self.outputs[0].array
        a = x.array
        if x.mask is not None:
            valid = x.mask.array[..., None].astype(a.dtype)  # (B,T,1)
            count = valid.sum(axis=1, keepdims=True)
            self.weight = valid / np.where(count, count, np.nan)  # no step at all: NaN, as in Keras
            a = np.where(valid > 0, a, 0)
            total = a.sum(axis=1) / np.where(count, count, np.nan)[:, 0]
        else:
            total = a.sum(axis=1) * a.dtype.type(self.weight)
        np.copyto(y, total.reshape(y.shape))

    def backward(self) -> None:
        dx, dy = self.dx[0], self.outputs[0].grad
        np.multiply(dy.reshape(len(dx), 1, dx.shape[2]), self.weight, out=dx)


class MaxOp(Op):
    """y = the largest step of x per feature; equal ones share the gradient."""

    def __init__(self, x: Value, y: Value) -> None:
        super().__init__([x], [y])

    def forward(self) -> None:
        y = self.outputs[0].array
        np.copyto(y, self.inputs[0].array.max(axis=1).reshape(y.shape))

    def backward(self) -> None:
        x, dx, dy, y = self.inputs[0].array, self.dx[0], self.outputs[0].grad, self.outputs[0].array
        row = (len(dx), 1, dx.shape[2])
        best = x == y.reshape(row)
        np.multiply(
            best / best.sum(axis=1, keepdims=True).astype(dx.dtype), dy.reshape(row), out=dx, casting="same_kind"
        )
