"""Embedding: rows of a table, chosen by integers."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from lstm_fast import _core, constraints, initializers, regularizers
from lstm_fast.layers.base import Layer
from lstm_fast.layers.symbolic import Shape
from lstm_fast.training.parameters import Array
from lstm_fast.training.plan import Op, Plan, Value


class Embedding(Layer):
    """Integers (B,T) -> rows of the table (B,T,E); the first axes may be any.

    Args:
        input_dim: V, rows of the table: the largest index + 1.
        output_dim: E.
        embeddings_initializer: of the table (V,E); 'uniform' is -0.05..0.05.
        mask_zero: index 0 is padding: masked in the layers that follow and in the loss.
        weights: a table (V,E) to start with.
        others: as in Keras 3; `input_length` gives a Sequential model its shape.

    Backward writes the rows of the gradient that a batch used, and clears those of the batch before.

    Raises:
        ValueError: an index outside 0..V-1.

    Example:
        >>> import numpy as np
        >>> Embedding(10, 4)(np.array([[1, 2, 0], [3, 3, 9]])).shape
        (2, 3, 4)
    """

    input_dtype: ClassVar[str | None] = "int64"
    transient: ClassVar[frozenset[str]] = frozenset({"_local", "_used"})

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        activity_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        length = kwargs.pop("input_length", None)
        if length is not None and kwargs.get("input_shape") is None:
            kwargs["input_shape"] = (length,) if isinstance(length, int | np.integer) else tuple(length)
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        for name, n in (("input_dim", input_dim), ("output_dim", output_dim)):
            if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
                raise ValueError(f"{self.label}: expected {name} as an integer >= 1, got {n!r}")
        self.input_dim, self.output_dim, self.mask_zero = int(input_dim), int(output_dim), bool(mask_zero)
        self.stepwise = not mask_zero  # a stream has no masks
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self._table = weights[0] if isinstance(weights, list) and len(weights) == 1 else weights
        self._used: tuple[Any, list[Array]] = (None, [])  # a gradient buffer, and the rows of it that are not zero

    def build(self, *shapes: Shape) -> None:
        self.embeddings = self.add_weight(
            "embeddings",
            (self.input_dim, self.output_dim),
            self.embeddings_initializer,
            True,
            self.embeddings_regularizer,
            self.embeddings_constraint,
        )
        if self._table is not None:
            self.embeddings.assign(self._table)
            self._table = None

    def output_shapes(self, *shapes: Shape) -> list[Shape]:
        return [(*shapes[0], self.output_dim)]

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return np.asarray(inputs) != 0 if self.mask_zero else None

    def add_ops(self, plan: Plan, inputs: list[Value], **arguments: Any) -> list[Value]:
        (x,) = inputs
        y = plan.value((*x.shape, self.output_dim), mask=plan.value(x.shape, bool) if self.mask_zero else None)
        plan.add(EmbeddingOp(self, x, y))
        return [y]

    def clear_gradient(self) -> None:
        """Zeros in the gradient, where it is not zero already."""
        grad = self.embeddings.grad
        buffer, used = self._used
        if buffer is not grad or self.embeddings_regularizer is not None or sum(map(len, used)) > len(grad) // 4:
            grad.fill(0)
        else:
            for rows in used:
                grad[rows] = 0
        self._used = (grad, [])

    def add_to_gradient(self, rows: Array, dy: Array) -> None:
        _core.scatter_add(dy, rows, self.embeddings.grad)
        self._used[1].append(rows)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._used = (None, [])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "embeddings_initializer": initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": regularizers.serialize(self.embeddings_regularizer),
            "embeddings_constraint": constraints.serialize(self.embeddings_constraint),
            "mask_zero": self.mask_zero,
        }


class EmbeddingOp(Op):
    """y = table[x]; the mask of y is x != 0 where the layer has mask_zero."""

    def __init__(self, layer: Embedding, x: Value, y: Value) -> None:
        super().__init__([x], [y], layer.weights)
        self.layer = layer
        self.rows = np.empty(0, np.int64)

    def forward(self) -> None:
        (x,), (y,), layer = self.inputs, self.outputs, self.layer
        self.rows = rows = x.array.astype(np.int64).reshape(-1)  # a copy: backward needs it, x changes
        try:
            _core.gather(layer.embeddings.array, rows, y.array.reshape(-1, layer.output_dim))
        except IndexError:
            low, high = int(rows.min()), int(rows.max())
            raise ValueError(
                f"{layer.label}: expected indices in 0..{layer.input_dim - 1}, got {low if low < 0 else high}; "
                f"{'indices count from 0' if low < 0 else 'make input_dim the largest index + 1'}"
            ) from None
        if layer.mask_zero and y.mask is not None:
            np.not_equal(x.array, 0, out=y.mask.array)

    def backward(self) -> None:
        if not self.accumulate:
            self.layer.clear_gradient()
        self.layer.add_to_gradient(self.rows, self.outputs[0].grad)
