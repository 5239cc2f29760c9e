"""Softmax in front of a cross-entropy: the gradient of both as one, p - t."""

from __future__ import annotations

from lstm_fast import activations
from lstm_fast.training.ops import ActivationOp, ReshapeOp
from lstm_fast.training.plan import Plan, Value


def softmax_before(plan: Plan, output: Value) -> ActivationOp | None:
    """The softmax of which `output` is the result, perhaps reshaped, when nothing but the loss reads it."""
    if sum(v is output for v in plan.outputs) != 1:
        return None
    v, readers = output, 0
    while True:
        if sum(i is v for op in plan.ops for i in op.inputs) != readers:
            return None
        made = next((op for op in plan.ops if any(o is v for o in op.outputs)), None)
        if isinstance(made, ActivationOp):
            return made if made.function is activations.table("softmax") else None
        if not isinstance(made, ReshapeOp) or any(o is made.inputs[0] for o in plan.outputs):
            return None
        v, readers = made.inputs[0], 1
