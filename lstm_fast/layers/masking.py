"""Masking: steps whose features all have one value do not count."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from lstm_fast.layers.base import Layer
from lstm_fast.layers.symbolic import Shape
from lstm_fast.training.masks import MaskingOp
from lstm_fast.training.parameters import Array
from lstm_fast.training.plan import Plan, Value


class Masking(Layer):
    """Steps of (B,T,F) whose features all equal `mask_value` are masked: recurrent layers skip them, the loss too.

    Args:
        mask_value: what marks a step that does not count; such steps come out as zeros.

    Raises:
        ValueError: inputs that are not (B,T,F).

    Example:
        >>> import numpy as np
        >>> x = np.array([[[3.0, 1.0], [2.0, 9.0], [9.0, 9.0]]], np.float32)
        >>> Masking(mask_value=9.0).compute_mask(x).tolist()
        [[True, True, False]]
    """

    supports_masking: ClassVar[bool] = True

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = float(mask_value)

    def output_shapes(self, *shapes: Shape) -> list[Shape]:
        if len(shapes[0]) < 3:
            raise ValueError(f"{self.label}: expected inputs of shape (batch, time steps, features), got {shapes[0]}")
        return [shapes[0]]

    def compute_mask(self, inputs: Any, mask: Any = None) -> Array:
        return np.asarray(np.any(np.asarray(inputs) != self.mask_value, axis=-1))

    def add_ops(self, plan: Plan, inputs: list[Value], **arguments: Any) -> list[Value]:
        op = MaskingOp(plan, inputs[0], self.mask_value)
        plan.add(op)
        return list(op.outputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mask_value": self.mask_value}
