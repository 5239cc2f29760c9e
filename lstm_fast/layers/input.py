"""Input: where a graph starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lstm_fast import config
from lstm_fast.layers.base import Layer
from lstm_fast.layers.symbolic import Node, Shape, Tensor
from lstm_fast.training.plan import Plan, Value


class InputLayer(Layer):
    """The layer behind `Input`; in a Sequential model it only says the shape."""

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        batch_shape: Sequence[int | None] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        given = shape if shape is not None else kwargs.pop("input_shape", None)
        if batch_shape is None:
            batch_shape = kwargs.pop("batch_input_shape", None)
        if (given is None) == (batch_shape is None):
            raise ValueError("Input: expected either shape (without the batch) or batch_shape")
        whole: Shape = (batch_size, *_axes(given)) if batch_shape is None else _axes(batch_shape)
        number = np.dtype(config.floatx() if dtype is None else dtype)
        kwargs.pop("trainable", None)
        super().__init__(name=name, dtype=None if number.kind in "iub" else number, batch_input_shape=whole, **kwargs)
        self.number_type = "int64" if number.kind in "iub" else self.dtype.name
        self.ensure_built([])
        self.batch_shape = whole
        self.tensor: Tensor = Node(self, [], [whole], self.number_type).outputs[0]
        self.nodes.append(self.tensor.node)

    def add_ops(self, plan: Plan, inputs: list[Value], **arguments: Any) -> list[Value]:
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.number_type, "batch_shape": list(self.batch_shape)}


def _axes(shape: Any) -> Shape:
    axes = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
    for n in axes:
        if n is not None and (isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 0):
            raise ValueError(f"Input: expected a shape of integers >= 0 or None, got {shape!r}")
    return tuple(None if n is None else int(n) for n in axes)


def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    **kwargs: Any,
) -> Tensor:
    """A symbolic tensor that a graph starts with.

    Args:
        shape: without the batch; None for an axis of any size.
        batch_size: fixed number of rows, which stateful layers need.
        dtype: 'float32', 'float64', or an integer type; None: `config.floatx()`.
        batch_shape: the shape with the batch, instead of shape and batch_size.
        name: the key of this input in a dict of data.

    Example:
        >>> Input(shape=(10, 1)).shape
        (None, 10, 1)
    """
    return InputLayer(shape, batch_size, dtype, batch_shape, name, **kwargs).tensor
