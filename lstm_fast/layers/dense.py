"""Dense: y = activation(x w + b)."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

import numpy as np

from lstm_fast import _core, activations, constraints, initializers, regularizers
from lstm_fast.layers.base import Layer
from lstm_fast.layers.symbolic import Shape
from lstm_fast.training.ops import ActivationOp
from lstm_fast.training.parameters import Parameter
from lstm_fast.training.plan import Call, Op, Plan, Value


class Dense(Layer):
    """A matrix product along the last axis: inputs (B,...,I) -> activation(x w + b) (B,...,O).

    Args:
        units: O.
        activation: 'linear', 'relu', 'tanh', 'sigmoid' run in the kernel, others of `activations` after it.
        others: as in Keras 3. Weights: kernel (I,O), bias (O).

    Raises:
        ValueError: inputs without a last axis, or with another I than at the first call.

    Example:
        >>> import numpy as np
        >>> Dense(2)(np.ones((3, 4), np.float32)).shape
        (3, 2)
    """

    supports_masking: ClassVar[bool] = True
    stepwise = True

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        if isinstance(units, bool) or not isinstance(units, int | np.integer) or units < 1:
            raise ValueError(f"{self.label}: expected units as an integer >= 1, got {units!r}")
        self.units, self.use_bias = int(units), bool(use_bias)
        self.activation = activations.get(activation)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def build(self, *shapes: Shape) -> None:
        I = shapes[0][-1]
        if I is None:
            raise ValueError(f"{self.label}: expected a known last axis, got shape {shapes[0]}")
        self.kernel = self.add_weight(
            "kernel", (I, self.units), self.kernel_initializer, True, self.kernel_regularizer, self.kernel_constraint
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                "bias", (self.units,), self.bias_initializer, True, self.bias_regularizer, self.bias_constraint
            )

    def output_shapes(self, *shapes: Shape) -> list[Shape]:
        x = shapes[0]
        if len(x) < 2:
            raise ValueError(f"{self.label}: expected inputs of shape (batch, ..., features), got {x}")
        if self.built and x[-1] != self.kernel.shape[0]:
            raise ValueError(f"{self.label}: expected {self.kernel.shape[0]} features, got inputs of shape {x}")
        return [(*x[:-1], self.units)]

    def add_ops(self, plan: Plan, inputs: list[Value], **arguments: Any) -> list[Value]:
        (x,) = inputs
        y = plan.value((*x.shape[:-1], self.units), mask=x.mask)
        native = self.activation in activations.NATIVE
        plan.add(DenseOp(plan, x, y, self.kernel, self.bias, self.activation if native else "linear"))
        if native:
            return [y]
        z = Value(y.array, x.mask) if self.activation in activations.IN_PLACE else plan.value(y.shape, mask=x.mask)
        plan.add(ActivationOp(self.activation, y, z))
        return [z]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": self.activation,
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }


class DenseOp(Op):
    """y = activation(x w + b); backward overwrites the gradient of y with the one before the activation.

    x (...,I), where the last `inner` axes make I; w, b and y may have more axes than one for the O outputs.
    """

    def __init__(
        self,
        plan: Plan,
        x: Value,
        y: Value,
        w: Parameter,
        b: Parameter | None,
        activation: str = "linear",
        inner: int = 1,
    ) -> None:
        parameters = [p for p in (w, b) if p is not None]
        super().__init__([x], [y], parameters)
        lead = len(x.shape) - inner
        rows, I, O = (int(np.prod(part)) for part in (x.shape[:lead], x.shape[lead:], y.shape[lead:]))
        training = plan.asks_gradient([x], parameters)
        self.native = _core.Dense(rows, I, O, plan.dtype, activation, training)
        self.x, self.y, self.w, self.b = x, y, w, b
        self.frozen, self.packed = plan.frozen, False

    def forward(self) -> None:
        b = self.b
        self.native.forward(self.x.array, self.w.array, None if b is None else b.array, self.y.array, self.packed)
        self.packed = self.frozen

    def backward(self) -> None:
        self.backward_calls()[0]()

    def forward_calls(self) -> list[Call]:
        arrays = (self.x.array, self.w.array, None if self.b is None else self.b.array, self.y.array)
        return [self.forward] if self.frozen else [partial(self.native.forward, *arrays)]

    def backward_calls(self) -> list[Call]:
        y, w, db = self.y, self.w, None if self.b is None else self.b.grad
        arrays = (self.x.array, w.array, y.array, y.grad, self.dx[0], w.grad, db)
        return [partial(self.native.backward, *arrays, self.accumulate)]
