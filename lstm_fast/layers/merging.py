"""Layers that make one array of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from lstm_fast.layers.base import Layer
from lstm_fast.layers.symbolic import Shape
from lstm_fast.training.masks import merged_mask
from lstm_fast.training.merging import ConcatenateOp, DotOp, ExtremeOp, MultiplyOp, SumOp
from lstm_fast.training.plan import Op, Plan, Value


class Merge(Layer):
    """Base: several inputs, one output."""

    inputs_min: ClassVar[int] = 2
    inputs_max: ClassVar[int | None] = None
    stepwise = True

    def op(self, plan: Plan, inputs: list[Value], mask: Value | None) -> Op:
        raise NotImplementedError

    def add_ops(self, plan: Plan, inputs: list[Value], **arguments: Any) -> list[Value]:
        op = self.op(plan, inputs, merged_mask(plan, inputs, self.joins_time(inputs)))
        plan.add(op)
        return list(op.outputs)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None or any(m is None for m in mask):
            return None
        return np.logical_or.reduce([np.asarray(m, bool) for m in mask])

    def joins_time(self, inputs: list[Value]) -> bool:
        """Whether the inputs follow each other in time."""
        return False

    def output_shapes(self, *shapes: Shape) -> list[Shape]:
        if len({len(s) for s in shapes}) == 1:
            axes = [{n for n in axis if n != 1} for axis in zip(*shapes, strict=True)]
            if all(len(a - {None}) <= 1 for a in axes):
                return [tuple(next(iter(a - {None}), None) if a else 1 for a in axes)]
        raise ValueError(f"{self.label}: expected inputs of equal shapes, got {', '.join(map(str, shapes))}")


class Concatenate(Merge):
    """The inputs side by side along `axis`.

    Example:
        >>> import numpy as np
        >>> Concatenate()([np.ones((2, 3), np.float32), np.ones((2, 4), np.float32)]).shape
        (2, 7)
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = int(axis)
        self.stepwise = self.axis == -1

    def output_shapes(self, *shapes: Shape) -> list[Shape]:
        rank, axis = len(shapes[0]), self.axis
        merged: list[int | None] = []
        fits = all(len(s) == rank for s in shapes) and -rank <= axis < rank
        for k, sizes in enumerate(zip(*shapes, strict=False)):
            known = {n for n in sizes if n is not None}
            if fits and k == axis % rank:
                merged.append(None if None in sizes else sum(n or 0 for n in sizes))
            else:
                fits = fits and len(known) <= 1
                merged.append(next(iter(known), None))
        if not fits:
            raise ValueError(
                f"{self.label}: expected shapes equal but for axis {axis}, got {', '.join(map(str, shapes))}"
            )
        return [tuple(merged)]

    def joins_time(self, inputs: list[Value]) -> bool:
        return self.axis % len(inputs[0].shape) == 1 and len(inputs[0].shape) > 2

    def op(self, plan: Plan, inputs: list[Value], mask: Value | None) -> Op:
        return ConcatenateOp(plan, inputs, self.axis, mask)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


class Add(Merge):
    """The sum of the inputs."""

    def op(self, plan: Plan, inputs: list[Value], mask: Value | None) -> Op:
        return SumOp(plan, inputs, [1.0] * len(inputs), mask)


class Subtract(Merge):
    """The first input less the second."""

    inputs_max: ClassVar[int | None] = 2

    def op(self, plan: Plan, inputs: list[Value], mask: Value | None) -> Op:
        return SumOp(plan, inputs, [1.0, -1.0], mask)


class Average(Merge):
    """The mean of the inputs."""

    def op(self, plan: Plan, inputs: list[Value], mask: Value | None) -> Op:
        return SumOp(plan, inputs, [float(np.reciprocal(float(len(inputs))))] * len(inputs), mask)


class Multiply(Merge):
    """The product of the inputs, number by number."""

    def op(self, plan: Plan, inputs: list[Value], mask: Value | None) -> Op:
        return MultiplyOp(plan, inputs, mask)


class Maximum(Merge):
    """The largest of the inputs, number by number."""

    def op(self, plan: Plan, inputs: list[Value], mask: Value | None) -> Op:
        return ExtremeOp(plan, inputs, np.maximum, mask)


class Minimum(Merge):
    """The smallest of the inputs, number by number."""

    def op(self, plan: Plan, inputs: list[Value], mask: Value | None) -> Op:
        return ExtremeOp(plan, inputs, np.minimum, mask)


class Dot(Merge):
    """The inputs multiplied and summed along an axis of each, row by row of the batch.

    Args:
        axes: the axis, or one for each input; the batch, 0, cannot be one.
        normalize: divide by the lengths along the axes first: the cosine.

    Example:
        >>> import numpy as np
        >>> Dot(axes=1)([np.ones((2, 3, 1), np.float32), np.ones((2, 3, 5), np.float32)]).shape
        (2, 1, 5)
    """

    inputs_max: ClassVar[int | None] = 2
    stepwise = False

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axes = int(axes) if isinstance(axes, int) else tuple(axes)
        if not isinstance(self.axes, int) and len(self.axes) != 2:
            raise ValueError(f"{self.label}: expected axes as an integer or two of them, got {axes!r}")
        self.normalize = bool(normalize)

    def places(self, first: Sequence[Any], second: Sequence[Any]) -> tuple[int, int]:
        given = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        a, b = given[0] % len(first), given[1] % len(second)
        if 0 in (a, b):
            raise ValueError(f"{self.label}: expected axes other than the batch, got {self.axes}")
        return a, b

    def output_shapes(self, *shapes: Shape) -> list[Shape]:
        x, y = shapes
        a, b = self.places(x, y)
        if x[a] is not None and y[b] is not None and x[a] != y[b]:
            raise ValueError(f"{self.label}: expected equal sizes along axes {(a, b)}, got {x} and {y}")
        rest = (*(n for k, n in enumerate(x[1:], 1) if k != a), *(n for k, n in enumerate(y[1:], 1) if k != b))
        return [(x[0], *rest) if rest else (x[0], 1)]

    def op(self, plan: Plan, inputs: list[Value], mask: Value | None) -> Op:
        x, y = inputs
        return DotOp(plan, inputs, self.places(x.shape, y.shape), self.normalize)

    def get_config(self) -> dict[str, Any]:
        axes = self.axes if isinstance(self.axes, int) else list(self.axes)
        return {**super().get_config(), "axes": axes, "normalize": self.normalize}


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """`Concatenate(axis)(inputs)`."""
    return Concatenate(axis, **kwargs)(inputs)


def add(inputs: Any, **kwargs: Any) -> Any:
    """`Add()(inputs)`."""
    return Add(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """`Multiply()(inputs)`."""
    return Multiply(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """`Subtract()(inputs)`."""
    return Subtract(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """`Average()(inputs)`."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """`Maximum()(inputs)`."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """`Minimum()(inputs)`."""
    return Minimum(**kwargs)(inputs)


def dot(inputs: Any, axes: int | Sequence[int] = -1, **kwargs: Any) -> Any:
    """`Dot(axes)(inputs)`."""
    return Dot(axes, **kwargs)(inputs)
