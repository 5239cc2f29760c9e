"""Losses, by Keras' names: classes, functions that return a value per sample, and their short names for `compile`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lstm_fast.losses.base import Loss
from lstm_fast.losses.classification import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Hinge,
    KLDivergence,
    SparseCategoricalCrossentropy,
)
from lstm_fast.losses.regression import (
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
)

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "SparseCategoricalCrossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mae",
    "mape",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "mse",
    "msle",
    "serialize",
    "sparse_categorical_crossentropy",
]

_CLASSES: dict[str, type[Loss]] = {
    cls.__name__: cls
    for cls in (
        MeanSquaredError, MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredLogarithmicError, Huber, LogCosh,
        BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy, KLDivergence, Hinge,
    )
}  # fmt: skip
_NAMES: dict[str, type[Loss]] = {
    **_CLASSES,
    **{cls.short: cls for cls in _CLASSES.values()},
    **{cls.short.upper(): cls for cls in _CLASSES.values()},
    "mean_squared_error": MeanSquaredError,
    "mean_absolute_error": MeanAbsoluteError,
    "mean_absolute_percentage_error": MeanAbsolutePercentageError,
    "mean_squared_logarithmic_error": MeanSquaredLogarithmicError,
    "huber_loss": Huber,
    "logcosh": LogCosh,
    "kullback_leibler_divergence": KLDivergence,
    "bce": BinaryCrossentropy,
}


def _function(name: str, cls: type[Loss]) -> Callable[..., Any]:
    def function(y_true: Any, y_pred: Any, **options: Any) -> Any:
        return cls(reduction=None, **options)(y_true, y_pred)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"The value of {cls.__name__} for each sample."
    function.loss_class = cls  # type: ignore[attr-defined]
    return function


mse = mean_squared_error = _function("mean_squared_error", MeanSquaredError)
mae = mean_absolute_error = _function("mean_absolute_error", MeanAbsoluteError)
mape = mean_absolute_percentage_error = _function("mean_absolute_percentage_error", MeanAbsolutePercentageError)
msle = mean_squared_logarithmic_error = _function("mean_squared_logarithmic_error", MeanSquaredLogarithmicError)
huber = _function("huber", Huber)
log_cosh = _function("log_cosh", LogCosh)
binary_crossentropy = _function("binary_crossentropy", BinaryCrossentropy)
categorical_crossentropy = _function("categorical_crossentropy", CategoricalCrossentropy)
sparse_categorical_crossentropy = _function("sparse_categorical_crossentropy", SparseCategoricalCrossentropy)
kl_divergence = _function("kl_divergence", KLDivergence)
hinge = _function("hinge", Hinge)


def get(identifier: Any) -> Loss:
    """A loss from its name ('mse' or 'mean_squared_error'), function, configuration, class, or itself.

    Raises:
        ValueError: an unknown one; a function of one's own has no gradient here.
    """
    if isinstance(identifier, Loss):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Loss):
        return identifier()
    if isinstance(identifier, dict) and identifier.get("class_name") in _CLASSES:
        return _CLASSES[identifier["class_name"]](**identifier.get("config", {}))
    if hasattr(identifier, "loss_class"):
        return identifier.loss_class()  # type: ignore[no-any-return]
    if isinstance(identifier, str) and identifier in _NAMES:
        return _NAMES[identifier]()
    fix = "; subclass losses.Loss and give the gradient in samples()" if callable(identifier) else ""
    raise ValueError(
        f"compile: unknown loss {identifier!r}; known are {', '.join(c.short for c in _CLASSES.values())}{fix}"
    )


def serialize(loss: Loss) -> dict[str, Any] | None:
    """What `get` makes an equal loss of; None for a class of one's own."""
    if _CLASSES.get(type(loss).__name__) is not type(loss):
        return None
    return {"class_name": type(loss).__name__, "config": loss.get_config()}
