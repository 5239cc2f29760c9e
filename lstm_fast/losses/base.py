"""The base of the losses: from values per sample to one number and its gradient."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from lstm_fast.training.data import as_array, text_shape
from lstm_fast.training.parameters import Array, Dtype

REDUCTIONS = ("sum_over_batch_size", "mean", "sum", None, "none")


def match_targets(op: str, name: str, y: Array, prediction: tuple[int | None, ...]) -> Array:
    """`y` in the rank of the prediction: a last axis of one is added or dropped; then the shapes must be equal.

    Raises:
        ValueError: they are not, with the fix for the common cases.
    """
    given = y.shape
    if y.ndim == len(prediction) - 1 and prediction[-1] == 1:
        y = y[..., None]
    elif y.ndim == len(prediction) + 1 and y.shape[-1] == 1:
        y = y[..., 0]
    if y.ndim != len(prediction) or any(p not in (None, n) for p, n in zip(prediction[1:], y.shape[1:], strict=True)):
        fix = ""
        if len(prediction) == 3 and len(given) <= 2 and (given[1:] or (1,)) == (prediction[-1],):
            fix = "; a last recurrent layer with return_sequences=False predicts one step"
        elif len(prediction) == 2 and y.ndim <= 2 and (prediction[1] or 0) > 1 and y.size == len(y):
            fix = "; for integer labels use a sparse_categorical loss or utils.to_categorical"
        raise ValueError(
            f"{op}: the model's output has shape {text_shape(prediction)}, got {name} of shape {given}{fix}"
        )
    return y


def by_row(weight: Array, values: Array) -> Array:
    """(B) -> (B,1,...) with the axes of `values`."""
    return weight.reshape(-1, *(1,) * (values.ndim - 1))


def weighted_sum(values: Array, weight: Array | None) -> float:
    """The sum of values (B,...), each times the weight (B) of its row."""
    weighed = values if weight is None else values * by_row(weight, values)
    return float(np.add.reduce(weighed, axis=None, dtype=np.float64))


Samples = Callable[[Array, Array, Array | None], Array]


class Loss:
    """loss = sum over samples of weight * value / number of samples; a sample is a position of all axes but the last.

    A kind of loss defines `samples`; `evaluate` may be one native call instead.

    Args:
        reduction: 'sum_over_batch_size', 'mean' (the same), 'sum', or None (values per sample).
        name: shown in messages.
    """

    short: ClassVar[str] = ""  # the name of the function form
    integer_targets: ClassVar[bool] = False
    of_softmax: Samples | None = None  # `samples` of a softmax, with the gradient in front of it

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = None, dtype: Any = None
    ) -> None:
        if reduction not in REDUCTIONS:
            raise ValueError(
                f"{type(self).__name__}: expected reduction 'sum_over_batch_size', 'sum' or None, got {reduction!r}"
            )
        self.reduction = None if reduction == "none" else reduction
        self.name = name or re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()

    def samples(self, y_true: Array, y_pred: Array, dpred: Array | None) -> Array:
        """Values (...) for y_pred (..., C); fills dpred with the gradient of the sum of the values."""
        raise NotImplementedError

    def target(self, op: str, name: str, y: Any, prediction: tuple[int | None, ...], dtype: Dtype) -> Array:
        """Checks and converts the targets of a whole data set."""
        return match_targets(op, name, as_array(op, name, y, dtype), prediction)

    def advice(self, activation: str) -> str:
        """What is probably wrong when an output with this activation has this loss; '' for nothing."""
        return ""

    def evaluate(
        self, y_true: Array, y_pred: Array, dpred: Array | None, weight: Array | None, samples: Samples | None = None
    ) -> float:
        """The loss of a batch; fills dpred with its gradient. weight: per position of the first axis, or None.

        samples: `of_softmax`, when y_pred is a softmax and dpred is to be the gradient in front of it.
        """
        values = (samples or self.samples)(y_true, y_pred, dpred)
        scale = self.scale(values.size)
        if dpred is not None:
            if weight is not None:
                dpred *= (by_row(weight, values) * dpred.dtype.type(scale))[..., None]
            elif scale != 1.0:
                dpred *= scale
        return weighted_sum(values, weight) * scale

    def scale(self, count: int) -> float:
        """What each of `count` samples counts."""
        return 1.0 if self.reduction == "sum" else 1.0 / max(1, count)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        predicted = np.asarray(y_pred)
        predicted = predicted if predicted.dtype.kind == "f" else predicted.astype(np.float32)
        target = self.target(self.name, "y_true", y_true, predicted.shape, predicted.dtype)
        if self.reduction is None:
            values = self.samples(target, predicted, None)
            return values if sample_weight is None else values * np.asarray(sample_weight, values.dtype)
        p, t = np.ascontiguousarray(predicted), np.ascontiguousarray(target)
        weight = None
        if sample_weight is not None:
            weight = np.asarray(sample_weight, p.dtype)
            if weight.ndim > 1:  # per time step: each step is a row
                weight = np.broadcast_to(weight, p.shape[:-1]).reshape(-1)
                p = p.reshape(-1, p.shape[-1])
                t = t.reshape(len(p), -1) if not self.integer_targets else t.reshape(-1)
            weight = np.ascontiguousarray(weight)
        return self.evaluate(t, p, None, weight)

    def get_config(self) -> dict[str, Any]:
        return {"reduction": self.reduction, "name": self.name}
