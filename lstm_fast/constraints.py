"""Conditions that weights are made to meet after each update, in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
TINY = 1e-7  # keeps a division by a norm of zero finite, as in Keras


class Constraint:
    """Called with a weight after each update; changes it in place."""

    def __call__(self, w: Array) -> None:
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        return dict(vars(self))


class NonNeg(Constraint):
    """w >= 0."""

    def __call__(self, w: Array) -> None:
        np.maximum(w, 0, out=w)


class MinMaxNorm(Constraint):
    """The norm along `axis` is moved towards [min_value, max_value] by the part `rate`."""

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: int | Sequence[int] = 0
    ) -> None:
        self.min_value, self.max_value, self.rate = min_value, max_value, rate
        self.axis = axis if isinstance(axis, int) else tuple(axis)

    def __call__(self, w: Array) -> None:
        norms = np.sqrt(np.sum(np.square(w), axis=self.axis, keepdims=True))
        wanted = self.rate * np.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        w *= wanted / (norms + TINY)


class MaxNorm(Constraint):
    """The norm along `axis` is at most max_value."""

    def __init__(self, max_value: float = 2.0, axis: int | Sequence[int] = 0) -> None:
        self.max_value = max_value
        self.axis = axis if isinstance(axis, int) else tuple(axis)

    def __call__(self, w: Array) -> None:
        MinMaxNorm(0.0, self.max_value, axis=self.axis)(w)


class UnitNorm(Constraint):
    """The norm along `axis` is 1."""

    def __init__(self, axis: int | Sequence[int] = 0) -> None:
        self.axis = axis if isinstance(axis, int) else tuple(axis)

    def __call__(self, w: Array) -> None:
        w /= np.sqrt(np.sum(np.square(w), axis=self.axis, keepdims=True)) + TINY


max_norm, non_neg, unit_norm, min_max_norm = MaxNorm, NonNeg, UnitNorm, MinMaxNorm
_CLASSES: dict[str, type[Constraint]] = {
    "MaxNorm": MaxNorm,
    "NonNeg": NonNeg,
    "UnitNorm": UnitNorm,
    "MinMaxNorm": MinMaxNorm,
    "max_norm": MaxNorm,
    "non_neg": NonNeg,
    "unit_norm": UnitNorm,
    "min_max_norm": MinMaxNorm,
}


def get(identifier: Any) -> Constraint | None:
    """A constraint from its name ('non_neg'), configuration, or itself; None stays None."""
    if identifier is None or isinstance(identifier, Constraint):
        return identifier
    if isinstance(identifier, str) and identifier in _CLASSES:
        return _CLASSES[identifier]()
    if isinstance(identifier, dict) and identifier.get("class_name") in _CLASSES:
        return _CLASSES[identifier["class_name"]](**identifier.get("config", {}))
    raise ValueError(f"constraints: unknown constraint {identifier!r}; known are MaxNorm, NonNeg, UnitNorm, MinMaxNorm")


def serialize(constraint: Constraint | None) -> Any:
    if constraint is None:
        return None
    return {"class_name": type(constraint).__name__, "config": constraint.get_config()}
