"""Masks (B,T), True where a step counts: from callers, from numbers, from other masks, onto values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lstm_fast.training.parameters import Array
from lstm_fast.training.plan import Op, Plan, Value


def as_mask(op: str, mask: Any, shape: Sequence[int | None]) -> Array:
    """`mask` as a C-contiguous array of bool that fits inputs of `shape`: (B,T), or as many axes as it has.

    Raises:
        TypeError: no booleans or integers.
        ValueError: another shape than the first axes of the inputs.
    """
    a = np.asarray(mask)
    if a.dtype.kind not in "biu":
        raise TypeError(f"{op}: expected mask as booleans, True where a step counts, got dtype {a.dtype}; "
                        "convert with mask.astype(bool)")  # fmt: skip
    if not 2 <= a.ndim <= len(shape) or a.shape != tuple(shape[: a.ndim]):
        raise ValueError(f"{op}: expected mask of shape {tuple(shape[:2])} for inputs of shape {tuple(shape)}, "
                         f"got {a.shape}")  # fmt: skip
    return np.ascontiguousarray(a, dtype=bool)


class MaskingOp(Op):
    """y = x where any feature differs from `value`, else 0; the mask of y says where."""

    def __init__(self, plan: Plan, x: Value, value: float) -> None:
        mask = Value(np.empty(x.shape[:-1], bool))
        super().__init__([x], [plan.value(x.shape, mask=mask)])
        self.mask, self.value = mask, value

    def forward(self) -> None:
        (x,), (y,), mask = self.inputs, self.outputs, self.mask.array
        np.any(x.array != self.value, axis=-1, out=mask)
        np.multiply(x.array, mask[..., None], out=y.array)

    def backward(self) -> None:
        np.multiply(self.outputs[0].grad, self.mask.array[..., None], out=self.dx[0])


class WithMaskOp(Op):
    """y is x under a mask given as numbers: no numbers move forward."""

    def __init__(self, x: Value, given: Value) -> None:
        self.mask = Value(np.empty(given.shape, bool))
        super().__init__([x, given], [Value(x.array, self.mask)])

    def forward(self) -> None:
        self.outputs[0].array = self.inputs[0].array
        np.not_equal(self.inputs[1].array, 0, out=self.mask.array)

    def backward(self) -> None:
        np.copyto(self.dx[0], self.outputs[0].grad)


class MergeMasksOp(Op):
    """One mask of several: where any of them is True, or (`join`) one after the other in time."""

    def __init__(self, masks: Sequence[Value], join: bool) -> None:
        self.join = join
        B = masks[0].shape[0]
        T = sum(m.shape[1] for m in masks) if join else masks[0].shape[1]
        super().__init__(masks, [Value(np.empty((B, T), bool))])

    def forward(self) -> None:
        out = self.outputs[0].array
        if self.join:
            np.concatenate([m.array for m in self.inputs], axis=1, out=out)
            return
        np.copyto(out, self.inputs[0].array)
        for m in self.inputs[1:]:
            np.logical_or(out, m.array, out=out)

    def backward(self) -> None:
        raise NotImplementedError  # a mask has no gradient


def merged_mask(plan: Plan, inputs: Sequence[Value], join: bool = False) -> Value | None:
    """The mask of a merge of `inputs`, as Keras has it: none where one has none, else wherever one counts.

    join: the inputs follow each other in time; one without a mask counts in full.
    """
    masks = [v.mask for v in inputs]
    if join and any(m is not None for m in masks):
        masks = [Value(np.ones(v.shape[:2], bool)) if v.mask is None else v.mask for v in inputs]
    known = [m for m in masks if m is not None]
    if len(known) < len(inputs):
        return None
    if not join and all(m is known[0] for m in known):
        return known[0]
    op = MergeMasksOp(known, join)
    plan.add(op)
    return op.outputs[0]
