"""The base of the metrics: a running weighted mean."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from lstm_fast import losses
from lstm_fast.training.parameters import Array


class Metric:
    """A number gathered over batches: `update_state`, `result`, `reset_state`.

    A kind of metric defines `samples` (its mean is the result) or the three methods themselves.
    """

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        self.name = name or re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()
        self.reset_state()

    def samples(self, y_true: Array, y_pred: Array) -> Array:
        """Values (...) for y_pred (..., C)."""
        raise NotImplementedError

    def reset_state(self) -> None:
        self.total = self.count = 0.0

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch in."""
        values = np.asarray(self.samples(np.asarray(y_true), np.asarray(y_pred)))
        if sample_weight is None:
            self.total += float(np.add.reduce(values, axis=None, dtype=np.float64))
            self.count += values.size
        else:
            w = np.asarray(sample_weight)
            w = np.broadcast_to(w.reshape(*w.shape, *(1,) * (values.ndim - w.ndim)), values.shape)
            self.total += float((values * w).sum(dtype=np.float64))
            self.count += float(w.sum(dtype=np.float64))

    def result(self) -> float:
        return self.total / self.count if self.count else 0.0

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}


class LossMetric(Metric):
    """The mean of a loss, as a metric."""

    def __init__(self, loss: losses.Loss, name: str | None = None) -> None:
        self.loss = loss
        super().__init__(name or loss.name)

    def samples(self, y_true: Array, y_pred: Array) -> Array:
        return self.loss.samples(y_true, y_pred, None)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        t, p = np.asarray(y_true), np.asarray(y_pred)
        p = p if p.dtype.kind == "f" else p.astype(np.float32)
        if t is not y_true or t.shape != p.shape:
            t = self.loss.target(self.name, "y_true", t, p.shape, p.dtype)
        if sample_weight is None and t.dtype == p.dtype and p.ndim and t.flags.c_contiguous and p.flags.c_contiguous:
            samples = p.size // p.shape[-1] if p.size else 0
            if samples:
                self.total += self.loss.evaluate(t, p, None, None) * samples
                self.count += samples
        else:
            super().update_state(t, p, sample_weight)


class Mean(Metric):
    """The weighted mean of the values given to `update_state`."""

    def update_state(self, values: Any, y_pred: Any = None, sample_weight: Any = None) -> None:
        v = np.asarray(values, np.float64)
        w = (
            np.ones_like(v)
            if sample_weight is None
            else np.broadcast_to(np.asarray(sample_weight, np.float64), v.shape)
        )
        self.total += float((v * w).sum())
        self.count += float(w.sum())


class FunctionMetric(Metric):
    """The mean of f(y_true, y_pred), a function of one's own on arrays."""

    def __init__(self, function: Any, name: str | None = None) -> None:
        self.function = function
        super().__init__(name or getattr(function, "__name__", "metric"))

    def samples(self, y_true: Array, y_pred: Array) -> Array:
        return np.asarray(self.function(y_true, y_pred))
