"""Penalties on weights that are added to the loss."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


class L1L2:
    """l1 * sum |w| + l2 * sum w^2; the gradient added is l1 * sign(w) + 2 l2 w."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1, self.l2 = float(l1 or 0.0), float(l2 or 0.0)
        if not (np.isfinite(self.l1) and np.isfinite(self.l2)) or self.l1 < 0 or self.l2 < 0:
            raise ValueError(f"{type(self).__name__}: expected factors >= 0, got l1={l1}, l2={l2}")

    def __call__(self, w: Array) -> float:
        flat = np.asarray(w).ravel().astype(np.float64, copy=False)
        return float(self.l1 * np.abs(flat).sum() + self.l2 * (flat @ flat))

    def add_gradient(self, w: Array, grad: Array) -> None:
        if self.l1:
            grad += self.l1 * np.sign(w)
        if self.l2:
            grad += (2 * self.l2) * w

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


class L1(L1L2):
    """l1 * sum |w|."""

    def __init__(self, l1: float = 0.01) -> None:
        super().__init__(l1=l1)

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


class L2(L1L2):
    """l2 * sum w^2."""

    def __init__(self, l2: float = 0.01) -> None:
        super().__init__(l2=l2)

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


l1, l2, l1_l2 = L1, L2, L1L2
Regularizer = L1L2
_CLASSES: dict[str, type[L1L2]] = {"L1": L1, "L2": L2, "L1L2": L1L2, "l1": L1, "l2": L2, "l1_l2": L1L2}


def get(identifier: Any) -> L1L2 | None:
    """A regulariser from its name ('l2'), configuration, or itself; None stays None."""
    if identifier is None or isinstance(identifier, L1L2):
        return identifier
    if isinstance(identifier, str) and identifier in _CLASSES:
        return L1L2(0.01, 0.01) if _CLASSES[identifier] is L1L2 else _CLASSES[identifier]()
    if isinstance(identifier, dict) and identifier.get("class_name") in _CLASSES:
        return _CLASSES[identifier["class_name"]](**identifier.get("config", {}))
    raise ValueError(f"regularizers: expected L1, L2, L1L2 or one of their names, got {identifier!r}")


def serialize(regularizer: L1L2 | None) -> Any:
    if regularizer is None:
        return None
    return {"class_name": type(regularizer).__name__, "config": regularizer.get_config()}
