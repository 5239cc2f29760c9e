"""The metrics."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lstm_fast import losses
from lstm_fast.metrics.base import LossMetric, Metric
from lstm_fast.training.parameters import Array


class MeanSquaredError(LossMetric):
    """mean (y_pred - y_true)^2."""

    def __init__(self, name: str | None = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(losses.MeanSquaredError(), name)


class MeanAbsoluteError(LossMetric):
    """mean |y_pred - y_true|."""

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(losses.MeanAbsoluteError(), name)


class RootMeanSquaredError(LossMetric):
    """The square root of the mean squared error."""

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(losses.MeanSquaredError(), name)

    def result(self) -> float:
        return math.sqrt(super().result())


class BinaryAccuracy(Metric):
    """How often (y_pred > threshold) == y_true."""

    def __init__(self, name: str | None = "binary_accuracy", dtype: Any = None, threshold: float = 0.5) -> None:
        super().__init__(name)
        self.threshold = threshold

    def samples(self, y_true: Array, y_pred: Array) -> Array:
        t = y_true.reshape(y_pred.shape) if y_true.size == y_pred.size else y_true
        hits = t == (y_pred > self.threshold)
        return np.asarray(np.add.reduce(hits, axis=-1, dtype=np.float64) / max(1, hits.shape[-1]))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "threshold": self.threshold}


class CategoricalAccuracy(Metric):
    """How often the largest output is the class of a one-hot target."""

    def samples(self, y_true: Array, y_pred: Array) -> Array:
        return np.asarray(y_true.argmax(axis=-1) == y_pred.argmax(axis=-1))


class SparseCategoricalAccuracy(Metric):
    """How often the largest output is the integer label."""

    def samples(self, y_true: Array, y_pred: Array) -> Array:
        return np.asarray(labels_of(y_true, y_pred) == y_pred.argmax(axis=-1))


class TopKCategoricalAccuracy(Metric):
    """How often the class of a one-hot target is among the k largest outputs."""

    def __init__(self, k: int = 5, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name)
        self.k = k

    def samples(self, y_true: Array, y_pred: Array) -> Array:
        return in_top(y_true.argmax(axis=-1), y_pred, self.k)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "k": self.k}


class SparseTopKCategoricalAccuracy(TopKCategoricalAccuracy):
    """How often the integer label is among the k largest outputs."""

    def samples(self, y_true: Array, y_pred: Array) -> Array:
        return in_top(labels_of(y_true, y_pred), y_pred, self.k)


class Accuracy(Metric):
    """How often y_pred == y_true; in `compile`, the name 'accuracy' picks the kind that fits the output instead."""

    def samples(self, y_true: Array, y_pred: Array) -> Array:
        return np.asarray(y_true == y_pred)


class _Confusion(Metric):
    """Counts of true and false positives and negatives at a threshold."""

    def __init__(self, thresholds: float | None = None, name: str | None = None, dtype: Any = None) -> None:
        self.threshold = 0.5 if thresholds is None else thresholds
        super().__init__(name)

    def reset_state(self) -> None:
        self.true_positives = self.false_positives = self.false_negatives = 0.0

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        p = np.asarray(y_pred)
        t, p = np.asarray(y_true).reshape(p.shape).astype(bool), p > self.threshold
        w = np.ones(p.shape) if sample_weight is None else np.asarray(sample_weight, np.float64)
        w = np.broadcast_to(w.reshape(*w.shape, *(1,) * (p.ndim - w.ndim)), p.shape)
        self.true_positives += float(w[t & p].sum())
        self.false_positives += float(w[~t & p].sum())
        self.false_negatives += float(w[t & ~p].sum())


class Precision(_Confusion):
    """True positives among all that were called positive."""

    def result(self) -> float:
        n = self.true_positives + self.false_positives
        return self.true_positives / n if n else 0.0


class Recall(_Confusion):
    """True positives among all that are positive."""

    def result(self) -> float:
        n = self.true_positives + self.false_negatives
        return self.true_positives / n if n else 0.0


class AUC(Metric):
    """Area under the ROC curve of all samples seen (scikit-learn, exact)."""

    def __init__(self, name: str | None = "auc", dtype: Any = None) -> None:
        super().__init__(name)

    def reset_state(self) -> None:
        self.seen: list[tuple[Array, Array, Array]] = []

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        p = np.asarray(y_pred).ravel().copy()
        w = np.ones(p.shape) if sample_weight is None else np.asarray(sample_weight, np.float64)
        w = np.repeat(w.ravel(), p.size // max(1, w.size))
        self.seen.append((np.asarray(y_true).ravel().copy(), p, w))

    def result(self) -> float:
        try:
            from sklearn.metrics import roc_auc_score
        except ImportError:
            raise ImportError("metrics.AUC needs scikit-learn; pip install scikit-learn") from None
        if not self.seen:
            return 0.0
        t, p, w = (np.concatenate(parts) for parts in zip(*self.seen, strict=True))
        return float(roc_auc_score(t, p, sample_weight=w)) if 0 < t.sum() < t.size else 0.0


def labels_of(y_true: Array, y_pred: Array) -> Array:
    """Integer labels in the shape of y_pred without its last axis."""
    t = y_true[..., 0] if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1 else y_true
    return t.astype(np.int64, copy=False)


def in_top(labels: Array, y_pred: Array, k: int) -> Array:
    """Whether fewer than k outputs exceed that of the label."""
    own = np.take_along_axis(y_pred, labels[..., None], -1)
    return np.asarray((y_pred > own).sum(axis=-1) < k)
