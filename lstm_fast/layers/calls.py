"""Calls of a layer: on symbolic tensors a node of their graph, on arrays a plan that computes."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from lstm_fast.layers.symbolic import Node, Shape, Tensor, is_symbolic
from lstm_fast.layers.weights import Weighted
from lstm_fast.training.data import as_array
from lstm_fast.training.masks import WithMaskOp, as_mask
from lstm_fast.training.ops import ActivityOp
from lstm_fast.training.parameters import Dtype
from lstm_fast.training.plan import Plan, Value

if TYPE_CHECKING:
    from lstm_fast.layers.base import Layer

MAX_PLANS = 16  # of a layer or model, per thread; beyond it the oldest goes


class Local(threading.local):
    """The plans of one thread."""

    def __init__(self) -> None:
        self.plans: dict[Any, Any] = {}
        self.last: Any = None  # the plan of the last fast call


class Called(Weighted):
    """Base of `Layer`: what can be called."""

    inputs_min: ClassVar[int] = 1
    inputs_max: ClassVar[int | None] = 1
    input_dtype: ClassVar[str | None] = None  # None: that of the layer
    supports_masking: ClassVar[bool] = False  # the mask of the first input is that of the output

    activity_regularizer: Any
    nodes: list[Node]
    _local: Local

    # what a kind of layer defines

    def output_shapes(self, *shapes: Shape) -> list[Shape]:
        """The shapes of the outputs; raises ValueError for inputs that do not fit."""
        return [shapes[0]]

    def add_ops(self, plan: Plan, inputs: list[Value], **arguments: Any) -> list[Value]:
        """Adds this layer to a plan."""
        raise NotImplementedError

    def call_shapes(self, shapes: Sequence[Shape], arguments: dict[str, Any]) -> list[Shape]:
        """`output_shapes` of a call with these arguments."""
        return self.output_shapes(*shapes)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask (B,T) of the output for arrays, given the mask of the input; None: every step counts."""
        return mask if self.supports_masking else None

    # calls

    def compute_output_shape(self, input_shape: Any) -> Any:
        many = bool(input_shape) and isinstance(input_shape[0], list | tuple)
        shapes = self.output_shapes(*(map(tuple, input_shape) if many else [tuple(input_shape)]))
        return shapes[0] if len(shapes) == 1 else shapes

    def __call__(self, inputs: Any, *, training: bool = False, mask: Any = None) -> Any:
        many = isinstance(inputs, list | tuple) and (self.inputs_max != 1 or is_symbolic(inputs))
        return self.call_on(list(inputs) if many else [inputs], mask, bool(training))

    def call(self, *inputs: Any, **arguments: Any) -> Any:
        """Keras' name of a call."""
        return self(*inputs, **arguments)

    def call_on(self, parts: list[Any], mask: Any, training: bool, **arguments: Any) -> Any:
        """A call on separated inputs: on symbolic ones a node, on arrays their outputs. mask: of the first input, or a
        list of one (or None) for each. arguments: of `add_ops`, as JSON can hold them."""
        masks = list(mask) if isinstance(mask, list | tuple) and len(parts) > 1 else [mask]
        if len(masks) > len(parts):
            raise ValueError(f"{self.label}: expected at most one mask per input ({len(parts)}), got {len(masks)}")
        masked = [k for k, m in enumerate(masks) if m is not None]
        if not is_symbolic(parts):
            return self.compute(parts, training, masks=masks if masked else (), **arguments)
        if not masked:
            return self.connect(parts, **arguments)
        return self.connect_masked([*parts, *(masks[k] for k in masked)], masked=masked, **arguments)

    def input_types(self, count: int) -> list[Dtype]:
        """The dtype that each of `count` inputs is converted to."""
        return [np.dtype(self.input_dtype or self.dtype)] * count

    def check_count(self, count: int) -> None:
        low, high = self.inputs_min, self.inputs_max
        if count < low or (high is not None and count > high):
            wanted = f"{low}" if low == high else f"at least {low}" if high is None else f"{low} to {high}"
            raise ValueError(f"{self.label}: expected {wanted} inputs, got {count}")

    def connect(self, inputs: list[Any], **arguments: Any) -> Any:
        """Adds a node on symbolic inputs; returns its output tensor, or the list of them."""
        return self._join(inputs, inputs, arguments)

    def connect_masked(self, inputs: list[Any], masked: Sequence[int] = (), **arguments: Any) -> Any:
        """`connect` on inputs that end with the masks of those whose places `masked` has."""
        if not masked:
            return self.connect(inputs, **arguments)
        parts = inputs[: len(inputs) - len(masked)]
        for k, m in zip(masked, inputs[len(parts) :], strict=True):
            x = parts[k]
            if isinstance(m, Tensor) and isinstance(x, Tensor) and (m.ndim < 2 or m.shape[1:] != x.shape[1 : m.ndim]):
                raise ValueError(f"{self.label}: expected mask of shape {x.shape[:2]}, got {m.shape}")
        return self._join(parts, inputs, {**arguments, "masked": list(masked)})

    def _join(self, parts: list[Any], inputs: list[Any], arguments: dict[str, Any]) -> Any:
        self.check_count(len(parts))
        for x in inputs:
            if not isinstance(x, Tensor):
                raise TypeError(f"{self.label}: expected symbolic tensors only, got {type(x).__name__}")
        shapes = [x.shape for x in parts]
        outputs = self.call_shapes(shapes, arguments)
        self.ensure_built(shapes)
        node = Node(cast("Layer", self), inputs, outputs, self.dtype.name, arguments)
        self.nodes.append(node)
        return node.outputs[0] if len(node.outputs) == 1 else list(node.outputs)

    def add_masked_ops(
        self, plan: Plan, inputs: list[Value], masked: Sequence[int] = (), **arguments: Any
    ) -> list[Value]:
        """`add_ops` on inputs that end with the masks of those whose places `masked` has."""
        parts = inputs[: len(inputs) - len(masked)]
        for k, given in zip(masked, inputs[len(parts) :], strict=True):
            op = WithMaskOp(parts[k], given)
            plan.add(op)
            parts[k] = op.outputs[0]
        return self.regularised(plan, self.add_ops(plan, parts, **arguments))

    def regularised(self, plan: Plan, outputs: list[Value]) -> list[Value]:
        """The outputs, with their penalty as part of the loss."""
        if self.activity_regularizer is None:
            return outputs
        ops = [ActivityOp(plan, v, self.activity_regularizer) for v in outputs]
        for op in ops:
            plan.add(op)
        return [op.outputs[0] for op in ops]

    def compute(self, inputs: list[Any], training: bool, masks: Sequence[Any] = (), **arguments: Any) -> Any:
        """The outputs for arrays and the masks of the first of them, through a plan kept per shape and thread."""
        self.check_count(len(inputs))
        types = self.input_types(len(inputs))
        arrays = [as_array(self.label, "inputs", x, t) for x, t in zip(inputs, types, strict=True)]
        shapes = [a.shape for a in arrays]
        marks = [None if m is None else as_mask(self.label, m, s) for m, s in zip(masks, shapes, strict=False)]
        key = (training, *shapes, *(m is not None and m.ndim for m in marks), *sorted(arguments.items()))
        plans = self._local.plans
        plan = plans.get(key)
        if plan is None:
            self.call_shapes(shapes, arguments)
            self.ensure_built(shapes)
            plan = Plan(self.dtype, training)
            plan.inputs = [Value(a) for a in arrays]
            for value, m in zip(plan.inputs, marks, strict=False):
                value.mask = None if m is None else Value(m)
            plan.outputs = self.add_ops(plan, plan.inputs, **arguments)
            if len(plans) >= MAX_PLANS:
                del plans[next(iter(plans))]
            plans[key] = plan
        for value, a in zip(plan.inputs, arrays, strict=True):
            value.array = a
        for value, m in zip(plan.inputs, marks, strict=False):
            if value.mask is not None:
                value.mask.array = m
        plan.forward()
        results = [v.array.copy() for v in plan.outputs]
        return results[0] if len(results) == 1 else results
