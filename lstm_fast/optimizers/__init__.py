"""Optimizers: Keras 3's rules, each one compiled call over the flat parameters of a model."""

from __future__ import annotations

from typing import Any

from lstm_fast.optimizers import schedules
from lstm_fast.optimizers.base import Optimizer
from lstm_fast.optimizers.rules import SGD, Adam, AdamW, RMSprop

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "get", "schedules", "serialize"]

_CLASSES: dict[str, type[Optimizer]] = {cls.__name__: cls for cls in (SGD, Adam, AdamW, RMSprop)}


def get(identifier: Any) -> Optimizer:
    """An optimizer from its name ('adam'), configuration, class, or itself."""
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        return identifier()
    if isinstance(identifier, dict) and identifier.get("class_name") in _CLASSES:
        return _CLASSES[identifier["class_name"]].from_config(identifier.get("config", {}))
    if isinstance(identifier, str):
        for name, cls in _CLASSES.items():
            if identifier.lower() == name.lower():
                return cls()
    raise ValueError(f"optimizers: unknown optimizer {identifier!r}; known are {', '.join(_CLASSES)}")


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    return {"class_name": type(optimizer).__name__, "config": optimizer.get_config()}
