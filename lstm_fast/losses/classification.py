"""Losses of classes: cross-entropy of probabilities, or of logits with `from_logits`."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from lstm_fast import _core
from lstm_fast.losses.base import Loss, Samples, match_targets, weighted_sum
from lstm_fast.training.data import as_array, text_shape
from lstm_fast.training.parameters import Array, Dtype

PROBABILITIES = ("sigmoid", "hard_sigmoid", "softmax")  # activations whose results a cross-entropy can read
EPSILON = 1e-7  # probabilities are kept this far from 0 and 1, as in Keras


class _CrossEntropy(Loss):
    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction, name)
        if axis != -1:
            raise ValueError(f"{type(self).__name__}: expected axis=-1, got {axis}")
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"{type(self).__name__}: expected label_smoothing in [0, 1], got {label_smoothing}")
        self.from_logits, self.label_smoothing = bool(from_logits), float(label_smoothing)

    def advice(self, activation: str) -> str:
        if self.from_logits and activation in PROBABILITIES:
            return f"{self.short} has from_logits=True, but the output is {activation} already; drop one of the two"
        if not self.from_logits and activation not in PROBABILITIES:
            fix = "sigmoid" if self.short.startswith("binary") else "softmax"
            return (f"{self.short} reads probabilities, but the output is {activation}; give the last layer "
                    f"activation={fix!r}, or the loss from_logits=True")  # fmt: skip
        return ""

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "from_logits": self.from_logits, "label_smoothing": self.label_smoothing}


def _kept(p: Array) -> Array:
    """Probabilities at least EPSILON from 0 and 1; np.clip takes ten times as long on a few of them."""
    return np.asarray(np.minimum(np.maximum(p, EPSILON), 1 - EPSILON))


def _sum(a: Array) -> Array:
    """Over the classes (...,C) -> (...,1)."""
    return np.asarray(np.add.reduce(a, axis=-1, keepdims=True))


class BinaryCrossentropy(_CrossEntropy):
    """-mean (t log p + (1-t) log(1-p)).

    Example:
        >>> round(float(BinaryCrossentropy()([[1.0]], [[0.5]])), 4)
        0.6931
    """

    short: ClassVar[str] = "binary_crossentropy"

    def target(self, op: str, name: str, y: Any, prediction: tuple[int | None, ...], dtype: Dtype) -> Array:
        t = super().target(op, name, y, prediction, dtype)
        if t.size and not (t.min() >= 0 and t.max() <= 1):
            raise ValueError(
                f"{op}: binary_crossentropy needs targets in 0..1 in {name}, got {t.min():g}..{t.max():g}; "
                "use sparse_categorical_crossentropy for several classes, mse for numbers"
            )
        return t

    def samples(self, y_true: Array, y_pred: Array, dpred: Array | None) -> Array:
        s, p, C = self.label_smoothing, y_pred, y_pred.shape[-1]
        t = y_true * (1 - s) + 0.5 * s if s else y_true
        if self.from_logits:
            small = np.exp(-np.abs(p))
            if dpred is not None:
                np.divide(np.where(p >= 0, 1, small) / (1 + small) - t, C, out=dpred)
            return np.asarray(_sum(np.maximum(p, 0) - p * t + np.log1p(small))[..., 0] / C)
        q = _kept(p)
        rest = 1 - q
        if dpred is not None:
            np.divide((q - t) * (p == q), q * rest * C, out=dpred)
        return np.asarray(_sum(t * np.log(q) + (1 - t) * np.log(rest))[..., 0] / -C)


def _labels(op: str, name: str, y: Any) -> Array:
    """Class numbers as int64."""
    whole = isinstance(y, np.ndarray) and y.dtype.kind in "iub"
    numbers = as_array(op, name, y, np.dtype(np.int64 if whole else np.float64))
    if not whole:
        wrong = numbers[~((numbers == np.floor(numbers)) & (np.abs(numbers) < 2**53))]
        if wrong.size:
            raise ValueError(f"{op}: expected labels as integers in {name}, got {wrong[0]:g}")
    return numbers.astype(np.int64, copy=False)


def _log_softmax(x: Array) -> Array:
    shifted = x - np.maximum.reduce(x, axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(_sum(np.exp(shifted))))


class _OfClasses(_CrossEntropy):
    """What both cross-entropies of classes have in common."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.from_logits and type(self) in (CategoricalCrossentropy, SparseCategoricalCrossentropy):
            self.of_softmax = self._of_softmax  # a subclass may have samples of its own

    def _of_softmax(self, y_true: Array, p: Array, dlogits: Array | None) -> Array:
        raise NotImplementedError


class CategoricalCrossentropy(_OfClasses):
    """-sum over classes of t log p; p is divided by its sum."""

    short: ClassVar[str] = "categorical_crossentropy"

    def target(self, op: str, name: str, y: Any, prediction: tuple[int | None, ...], dtype: Dtype) -> Array:
        if prediction[-1] == 1:
            raise ValueError(f"{op}: categorical_crossentropy needs an output of two or more classes, "
                             f"got {text_shape(prediction)}; use binary_crossentropy")  # fmt: skip
        return match_targets(op, name, as_array(op, name, y, dtype), prediction)

    def _smoothed(self, t: Array) -> Array:
        s = self.label_smoothing
        return np.asarray(t * (1 - s) + s / t.shape[-1]) if s else t

    def _of_softmax(self, y_true: Array, p: Array, dlogits: Array | None) -> Array:
        t = self._smoothed(y_true)
        if dlogits is not None:
            np.subtract(p * _sum(t), t, out=dlogits)
        return np.asarray(-_sum(t * np.log(_kept(p)))[..., 0])

    def samples(self, y_true: Array, y_pred: Array, dpred: Array | None) -> Array:
        t, p = self._smoothed(y_true), y_pred
        if self.from_logits:
            log_p = _log_softmax(p)
            if dpred is not None:
                np.subtract(np.exp(log_p) * _sum(t), t, out=dpred)
            return -_sum(t * log_p)[..., 0]
        total = _sum(p)
        share = p / total
        q = _kept(share)
        if dpred is not None:
            dq = t * (share == q) / q  # -d loss / d share, then through the division
            np.divide(_sum(dq * share) - dq, total, out=dpred)
        return -_sum(t * np.log(q))[..., 0]


class SparseCategoricalCrossentropy(_OfClasses):
    """-log p[label]; labels are integers, without the last axis of the output."""

    short: ClassVar[str] = "sparse_categorical_crossentropy"
    integer_targets: ClassVar[bool] = True

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
    ) -> None:
        super().__init__(from_logits, reduction=reduction, name=name)
        if ignore_class is not None:
            raise ValueError("SparseCategoricalCrossentropy: ignore_class is not supported; use sample weights of 0")

    def target(self, op: str, name: str, y: Any, prediction: tuple[int | None, ...], dtype: Dtype) -> Array:
        labels = _labels(op, name, y)
        C = prediction[-1] or 0
        if C == 1:
            raise ValueError(f"{op}: sparse_categorical_crossentropy needs an output of two or more classes, "
                             f"got {text_shape(prediction)}; use binary_crossentropy")  # fmt: skip
        if labels.ndim == len(prediction) and labels.shape[-1] == 1:
            labels = labels[..., 0]
        elif labels.ndim == len(prediction) and labels.shape[-1] == C:
            raise ValueError(f"{op}: {name} of shape {labels.shape} looks one-hot; use categorical_crossentropy for it")
        labels = match_targets(op, name, labels[..., None], (*prediction[:-1], 1))[..., 0]
        if labels.size and (labels.min() < 0 or labels.max() >= C):
            raise ValueError(f"{op}: expected labels in 0..{C - 1} in {name}, got {labels.min()}..{labels.max()}")
        return labels

    def evaluate(
        self, y_true: Array, y_pred: Array, dpred: Array | None, weight: Array | None, samples: Samples | None = None
    ) -> float:
        if samples is None:
            return super().evaluate(y_true, y_pred, dpred, weight)
        p, scale = np.empty(y_true.shape, y_pred.dtype), self.scale(y_true.size)
        _core.class_gradient(y_pred, y_true, weight, scale, p, dpred)  # of the softmax
        return weighted_sum(-np.log(_kept(p)), weight) * scale

    def samples(self, y_true: Array, y_pred: Array, dpred: Array | None) -> Array:
        C = y_pred.shape[-1]
        rows, labels = y_pred.reshape(-1, C), y_true.reshape(-1)
        at = np.arange(len(labels)), labels
        if self.from_logits:
            log_p = _log_softmax(rows)
            if dpred is not None:
                d = np.exp(log_p)
                d[at] -= 1
                np.copyto(dpred, d.reshape(dpred.shape))
            return -log_p[at].reshape(y_true.shape)
        total = np.add.reduce(rows, axis=-1)
        share = rows[at] / total
        q = _kept(share)
        if dpred is not None:
            slope = (share == q) / total
            d = np.repeat(slope, C).reshape(rows.shape)
            d[at] = slope * (1 - 1 / q)
            np.copyto(dpred, d.reshape(dpred.shape))
        return -np.log(q).reshape(y_true.shape)

    def get_config(self) -> dict[str, Any]:
        return {"reduction": self.reduction, "name": self.name, "from_logits": self.from_logits}


class KLDivergence(Loss):
    """sum over classes of t log(t/p)."""

    short: ClassVar[str] = "kl_divergence"

    def samples(self, y_true: Array, y_pred: Array, dpred: Array | None) -> Array:
        t, q = np.clip(y_true, EPSILON, 1), np.clip(y_pred, EPSILON, 1)
        if dpred is not None:
            np.multiply(-t / q, y_pred == q, out=dpred)
        return np.asarray((t * np.log(t / q)).sum(axis=-1))


class Hinge(Loss):
    """mean max(0, 1 - t p); targets 0 and 1 are read as -1 and 1."""

    short: ClassVar[str] = "hinge"

    def samples(self, y_true: Array, y_pred: Array, dpred: Array | None) -> Array:
        t = 2 * y_true - 1 if np.isin(y_true, (0, 1)).all() else y_true
        slack = 1 - t * y_pred
        if dpred is not None:
            np.multiply(-t, (slack > 0) / t.shape[-1], out=dpred)
        return np.asarray(np.mean(np.maximum(slack, 0), axis=-1))
