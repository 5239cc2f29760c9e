"""Losses of numbers."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from lstm_fast import _core
from lstm_fast.losses.base import Loss, Samples
from lstm_fast.training.parameters import Array

TINY = 1e-7


class _Native(Loss):
    def evaluate(
        self, y_true: Array, y_pred: Array, dpred: Array | None, weight: Array | None, samples: Samples | None = None
    ) -> float:
        value: float = self.native(y_true, y_pred, dpred, weight)
        if self.reduction != "sum":
            return value
        count: int = y_pred.size // y_pred.shape[-1]
        if dpred is not None:
            dpred *= count
        return value * count

    native: ClassVar[Any]  # a loss of _core: (y_true, y_pred, dpred, weight) -> float


class MeanSquaredError(_Native):
    """mean (y_pred - y_true)^2.

    Example:
        >>> MeanSquaredError()([[0.0, 1.0]], [[1.0, 3.0]])
        2.5
    """

    short: ClassVar[str] = "mse"
    native = staticmethod(_core.mse)

    def samples(self, y_true: Array, y_pred: Array, dpred: Array | None) -> Array:
        e = y_pred - y_true
        if dpred is not None:
            np.multiply(e, 2 / e.shape[-1], out=dpred)
        return np.asarray(np.square(e).mean(axis=-1))


class MeanAbsoluteError(_Native):
    """mean |y_pred - y_true|.

    Example:
        >>> MeanAbsoluteError()([[0.0, 1.0]], [[1.0, 3.0]])
        1.5
    """

    short: ClassVar[str] = "mae"
    native = staticmethod(_core.mae)

    def samples(self, y_true: Array, y_pred: Array, dpred: Array | None) -> Array:
        e = y_pred - y_true
        if dpred is not None:
            np.divide(np.sign(e), e.shape[-1], out=dpred)
        return np.asarray(np.abs(e).mean(axis=-1))


class MeanAbsolutePercentageError(Loss):
    """100 mean |y_true - y_pred| / max(|y_true|, 1e-7)."""

    short: ClassVar[str] = "mape"

    def samples(self, y_true: Array, y_pred: Array, dpred: Array | None) -> Array:
        e, size = y_pred - y_true, np.maximum(np.abs(y_true), TINY)
        if dpred is not None:
            np.divide(100 * np.sign(e), size * e.shape[-1], out=dpred)
        return np.asarray(100 * np.mean(np.abs(e) / size, axis=-1))


class MeanSquaredLogarithmicError(Loss):
    """mean (log(1+y_pred) - log(1+y_true))^2, both at least 1e-7."""

    short: ClassVar[str] = "msle"

    def samples(self, y_true: Array, y_pred: Array, dpred: Array | None) -> Array:
        p = np.maximum(y_pred, TINY)
        e = np.log1p(p) - np.log1p(np.maximum(y_true, TINY))
        if dpred is not None:
            np.multiply(2 * e / (1 + p), (y_pred > TINY) / e.shape[-1], out=dpred)
        return np.asarray(np.square(e).mean(axis=-1))


class Huber(Loss):
    """mean of e^2/2 where |e| <= delta, else delta |e| - delta^2/2."""

    short: ClassVar[str] = "huber"

    def __init__(
        self, delta: float = 1.0, reduction: str | None = "sum_over_batch_size", name: str | None = None
    ) -> None:
        super().__init__(reduction, name or "huber_loss")
        self.delta = float(delta)

    def samples(self, y_true: Array, y_pred: Array, dpred: Array | None) -> Array:
        e = y_pred - y_true
        cut = np.minimum(np.maximum(e, -self.delta), self.delta)
        if dpred is not None:
            np.divide(cut, e.shape[-1], out=dpred)
        return np.asarray(np.add.reduce(cut * (e - 0.5 * cut), axis=-1) / e.shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "delta": self.delta}


class LogCosh(Loss):
    """mean log cosh(e)."""

    short: ClassVar[str] = "log_cosh"

    def samples(self, y_true: Array, y_pred: Array, dpred: Array | None) -> Array:
        e = y_pred - y_true
        if dpred is not None:
            np.divide(np.tanh(e), e.shape[-1], out=dpred)
        a = np.abs(e)
        return np.asarray(np.mean(a + np.log1p(np.exp(-2 * a)) - np.log(2).astype(e.dtype), axis=-1))
