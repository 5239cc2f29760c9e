"""TimeDistributed: one layer at every step."""

from __future__ import annotations

from typing import Any, ClassVar

from lstm_fast.layers.base import REGISTRY, Layer
from lstm_fast.layers.symbolic import Shape
from lstm_fast.training.ops import ReshapeOp
from lstm_fast.training.plan import Plan, Value


class Wrapper(Layer):
    """A layer around another one, whose weights are its own."""

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise TypeError(f"{type(self).__name__}: expected a layer, got {type(layer).__name__}")
        kwargs.setdefault("dtype", layer.dtype)
        super().__init__(**kwargs)
        self.layer = layer

    def inner_layers(self) -> list[Layer]:
        return [self.layer]

    def get_config(self) -> dict[str, Any]:
        inner = {"class_name": type(self.layer).__name__, "config": self.layer.get_config()}
        return {**super().get_config(), "layer": inner}

    @classmethod
    def from_config(cls, settings: dict[str, Any]) -> Layer:
        inner = settings["layer"]
        made = REGISTRY[inner["class_name"]].from_config(inner["config"])
        return cls(**{**settings, "layer": made})


class TimeDistributed(Wrapper):
    """Applies `layer` to every step: (B,T,...) -> (B,T,...), the steps taken as rows of one batch.

    Example:
        >>> import numpy as np
        >>> from lstm_fast.layers import Dense
        >>> TimeDistributed(Dense(2))(np.ones((3, 5, 4), np.float32)).shape
        (3, 5, 2)
    """

    supports_masking: ClassVar[bool] = True
    stepwise = True

    def _inner(self, x: Shape) -> Shape:
        if len(x) < 3:
            raise ValueError(f"{self.label}: expected inputs of shape (batch, time steps, ...), got {x}")
        rows = None if x[0] is None or x[1] is None else x[0] * x[1]
        return (rows, *x[2:])

    def build(self, *shapes: Shape) -> None:
        self.layer.ensure_built([self._inner(shapes[0])])

    def output_shapes(self, *shapes: Shape) -> list[Shape]:
        x = shapes[0]
        return [(*x[:2], *y[1:]) for y in self.layer.output_shapes(self._inner(x))]

    def add_ops(self, plan: Plan, inputs: list[Value], **arguments: Any) -> list[Value]:
        (x,) = inputs
        B, T = x.shape[:2]
        rows = ReshapeOp(x, (B * T, *x.shape[2:]))
        plan.add(rows)
        results = []
        for y in self.layer.add_ops(plan, list(rows.outputs)):
            back = ReshapeOp(y, (B, T, *y.shape[1:]), x.mask)
            plan.add(back)
            results.append(back.outputs[0])
        return results
