"""Metrics, by Keras' names."""

from __future__ import annotations

from typing import Any

from lstm_fast import losses
from lstm_fast.metrics.base import FunctionMetric, LossMetric, Mean, Metric
from lstm_fast.metrics.kinds import (
    AUC,
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    MeanAbsoluteError,
    MeanSquaredError,
    Precision,
    Recall,
    RootMeanSquaredError,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
)

_CLASSES: dict[str, type[Metric]] = {
    cls.__name__: cls
    for cls in (
        AUC, Accuracy, BinaryAccuracy, CategoricalAccuracy, MeanAbsoluteError, MeanSquaredError, Precision, Recall,
        RootMeanSquaredError, SparseCategoricalAccuracy, SparseTopKCategoricalAccuracy, TopKCategoricalAccuracy, Mean,
    )
}  # fmt: skip
_NAMES: dict[str, type[Metric]] = {
    "binary_accuracy": BinaryAccuracy,
    "categorical_accuracy": CategoricalAccuracy,
    "sparse_categorical_accuracy": SparseCategoricalAccuracy,
    "top_k_categorical_accuracy": TopKCategoricalAccuracy,
    "sparse_top_k_categorical_accuracy": SparseTopKCategoricalAccuracy,
    "rmse": RootMeanSquaredError,
    "root_mean_squared_error": RootMeanSquaredError,
    "precision": Precision,
    "recall": Recall,
    "auc": AUC,
    "AUC": AUC,
}


def get(identifier: Any, output: tuple[int | None, ...] = (), target: tuple[int, ...] | None = None) -> Metric:
    """A metric from its name, function, configuration, class, or itself.

    Args:
        identifier: for example 'mae', 'accuracy', metrics.RootMeanSquaredError().
        output: shape of the model's output, and `target`: shape of y_true; 'accuracy' is the kind that fits the two.

    Raises:
        ValueError: an unknown one.
    """
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    if isinstance(identifier, dict) and "class_name" in identifier:
        name = identifier["class_name"]
        if name == "LossMetric":
            settings = identifier["config"]
            return LossMetric(losses.get(settings["loss"]), settings["name"])
        return _CLASSES[name](**identifier.get("config", {}))
    if identifier in ("accuracy", "acc"):
        return accuracy_for(output, target)(name=identifier)
    if isinstance(identifier, str) and identifier in _NAMES:
        return _NAMES[identifier](name=identifier)
    try:
        loss = losses.get(identifier)
    except ValueError:
        if callable(identifier):
            return FunctionMetric(identifier)
        raise ValueError(
            f"compile: unknown metric {identifier!r}; known are accuracy, mae, mse, {', '.join(_NAMES)} and the losses"
        ) from None
    return LossMetric(loss, identifier if isinstance(identifier, str) else getattr(identifier, "__name__", None))


def accuracy_for(output: tuple[int | None, ...], target: tuple[int, ...] | None) -> type[Metric]:
    """The kind of accuracy for an output and its targets: binary, one-hot or integer labels."""
    if not output or output[-1] == 1:
        return BinaryAccuracy
    if target is not None and (len(target) < len(output) or target[-1] == 1):
        return SparseCategoricalAccuracy
    return CategoricalAccuracy


def serialize(metric: Any) -> Any:
    """What `get` makes an equal metric of: names stay names; None for a class or function of one's own."""
    if isinstance(metric, str):
        return metric
    if isinstance(metric, Metric) and _CLASSES.get(type(metric).__name__) is type(metric):
        return {"class_name": type(metric).__name__, "config": metric.get_config()}
    if hasattr(metric, "loss_class"):
        return metric.__name__
    return None


__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "Mean",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "Precision",
    "Recall",
    "RootMeanSquaredError",
    "SparseCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "get",
]
