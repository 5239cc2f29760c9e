"""Activation layers with arguments or weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from lstm_fast import activations, constraints, initializers, regularizers
from lstm_fast.layers.base import Layer
from lstm_fast.layers.symbolic import Shape
from lstm_fast.training.merging import unbroadcast
from lstm_fast.training.parameters import Array
from lstm_fast.training.plan import Op, Plan, Value


class ReLU(Layer):
    """x from threshold on, at most max_value; below it negative_slope * (x - threshold).

    Example:
        >>> import numpy as np
        >>> ReLU(max_value=2.0)(np.array([[-1.0, 1.0, 3.0]], np.float32)).tolist()
        [[0.0, 1.0, 2.0]]
    """

    stepwise = True
    supports_masking: ClassVar[bool] = True

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        for name, value in (
            ("max_value", max_value or 0),
            ("negative_slope", negative_slope),
            ("threshold", threshold),
        ):
            if value is None or not value >= 0:
                raise ValueError(f"{self.label}: expected {name} >= 0, got {value}")
        self.max_value = None if max_value is None else float(max_value)
        self.negative_slope, self.threshold = float(negative_slope), float(threshold)

    def add_ops(self, plan: Plan, inputs: list[Value], **arguments: Any) -> list[Value]:
        (x,) = inputs
        y = plan.value(x.shape, mask=x.mask)
        plan.add(RectifyOp(self, x, y))
        return [y]

    def get_config(self) -> dict[str, Any]:
        names = ("max_value", "negative_slope", "threshold")
        return {**super().get_config(), **{n: getattr(self, n) for n in names}}


class LeakyReLU(ReLU):
    """x where it is positive, else negative_slope * x."""

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        super().__init__(None, kwargs.pop("alpha", negative_slope), **kwargs)

    def get_config(self) -> dict[str, Any]:
        settings = super().get_config()
        return {name: v for name, v in settings.items() if name not in ("max_value", "threshold")}


class PReLU(Layer):
    """x where it is positive, else alpha * x; alpha is learned, one for each number of a row.

    Args:
        alpha_initializer, alpha_regularizer, alpha_constraint: of the weight.
        shared_axes: axes, from 1, along which one alpha serves all; [1] for steps of any number.
    """

    supports_masking: ClassVar[bool] = True

    def __init__(
        self,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        self.shared_axes = [shared_axes] if isinstance(shared_axes, int) else list(shared_axes or ())

    def build(self, *shapes: Shape) -> None:
        size = [1 if a in self.shared_axes else n for a, n in enumerate(shapes[0][1:], 1)]
        if None in size:
            raise ValueError(f"{self.label}: expected known sizes but for shared_axes, got shape {shapes[0]}")
        self.alpha = self.add_weight(
            "alpha", [n or 0 for n in size], self.alpha_initializer, True, self.alpha_regularizer, self.alpha_constraint
        )

    def add_ops(self, plan: Plan, inputs: list[Value], **arguments: Any) -> list[Value]:
        (x,) = inputs
        y = plan.value(x.shape, mask=x.mask)
        plan.add(PReLUOp(self, x, y))
        return [y]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "alpha_initializer": initializers.serialize(self.alpha_initializer),
            "alpha_regularizer": regularizers.serialize(self.alpha_regularizer),
            "alpha_constraint": constraints.serialize(self.alpha_constraint),
            "shared_axes": self.shared_axes or None,
        }


class ELU(Layer):
    """x where it is positive, else alpha * (exp(x) - 1)."""

    stepwise = True
    supports_masking: ClassVar[bool] = True

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = float(alpha)

    def add_ops(self, plan: Plan, inputs: list[Value], **arguments: Any) -> list[Value]:
        (x,) = inputs
        y = plan.value(x.shape, mask=x.mask)
        plan.add(ELUOp(self.alpha, x, y))
        return [y]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha}


class Softmax(Layer):
    """exp(x) / sum exp(x) along `axis`.

    Example:
        >>> import numpy as np
        >>> Softmax(axis=1)(np.zeros((1, 4, 2), np.float32))[0, 0].tolist()
        [0.25, 0.25]
    """

    supports_masking: ClassVar[bool] = True

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = int(axis)
        self.stepwise = self.axis == -1

    def output_shapes(self, *shapes: Shape) -> list[Shape]:
        if not -len(shapes[0]) <= self.axis < len(shapes[0]):
            raise ValueError(f"{self.label}: axis {self.axis} is out of bounds for inputs of shape {shapes[0]}")
        return [shapes[0]]

    def add_ops(self, plan: Plan, inputs: list[Value], **arguments: Any) -> list[Value]:
        (x,) = inputs
        y = plan.value(x.shape, mask=x.mask)
        plan.add(SoftmaxOp(self.axis, x, y))
        return [y]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


class RectifyOp(Op):
    """y = max_value above it, x down to the threshold, slope * (x - threshold) below."""

    def __init__(self, layer: ReLU, x: Value, y: Value) -> None:
        super().__init__([x], [y])
        self.slope, self.threshold, self.top = layer.negative_slope, layer.threshold, layer.max_value

    def forward(self) -> None:
        x, y = self.inputs[0].array, self.outputs[0].array
        below = self.slope * (x - self.threshold) if self.slope else 0
        np.copyto(y, np.where(x >= self.threshold, x, below))
        if self.top is not None:
            np.minimum(y, self.top, out=y)

    def backward(self) -> None:
        x, dy, dx = self.inputs[0].array, self.outputs[0].grad, self.dx[0]
        above = x > self.threshold
        np.multiply(dy, np.where(above, 1, dx.dtype.type(self.slope)), out=dx)
        if self.top is not None:
            dx *= x < self.top


class ELUOp(Op):
    """y = x above 0, alpha (exp(x) - 1) below."""

    def __init__(self, alpha: float, x: Value, y: Value) -> None:
        super().__init__([x], [y])
        self.alpha = y.array.dtype.type(alpha)

    def forward(self) -> None:
        x = self.inputs[0].array
        np.copyto(self.outputs[0].array, np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0))))

    def backward(self) -> None:
        x, (y,) = self.inputs[0].array, self.outputs
        np.multiply(y.grad, np.where(x > 0, 1, y.array + self.alpha), out=self.dx[0])


class PReLUOp(Op):
    """y = x above 0, alpha x below."""

    def __init__(self, layer: PReLU, x: Value, y: Value) -> None:
        super().__init__([x], [y], layer.weights)
        self.alpha = layer.alpha

    def forward(self) -> None:
        x = self.inputs[0].array
        np.copyto(self.outputs[0].array, np.where(x > 0, x, self.alpha.array * x))

    def backward(self) -> None:
        x, dy, dx = self.inputs[0].array, self.outputs[0].grad, self.dx[0]
        terms: Array = dy * np.minimum(x, 0)
        total = unbroadcast(terms, (1, *self.alpha.shape)).reshape(self.alpha.shape)
        if self.accumulate:
            self.alpha.grad += total
        else:
            self.alpha.grad[...] = total
        if dx is not None:
            np.multiply(dy, np.where(x > 0, 1, self.alpha.array), out=dx)


class SoftmaxOp(Op):
    """y = softmax of x along an axis."""

    def __init__(self, axis: int, x: Value, y: Value) -> None:
        super().__init__([x], [y])
        self.axis, self.function = axis, activations.table("softmax")

    def _last(self, a: Array) -> Array:
        return np.moveaxis(a, self.axis, -1)

    def forward(self) -> None:
        self.function.forward(self._last(self.inputs[0].array), self._last(self.outputs[0].array))

    def backward(self) -> None:
        (x,), (y,) = self.inputs, self.outputs
        self.function.backward(*map(self._last, (x.array, y.array, y.grad, self.dx[0])))
