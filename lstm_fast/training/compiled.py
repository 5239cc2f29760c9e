"""What `compile` was given, and the losses and metrics that follow from it once the data is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lstm_fast import losses, metrics, optimizers
from lstm_fast.losses.base import Loss
from lstm_fast.metrics.base import Metric
from lstm_fast.training.parameters import Array

Shape = tuple[int | None, ...]


class BoundMetric:
    """A metric of output `k`, under the name that logs use."""

    __slots__ = ("k", "metric", "name", "weighted")

    def __init__(self, k: int, metric: Metric, name: str, weighted: bool) -> None:
        self.k, self.metric, self.name, self.weighted = k, metric, name, weighted


class Compiled:
    """Optimizer, losses per output, and metrics; a wrong name fails here, in `compile`."""

    def __init__(
        self,
        optimizer: Any,
        loss: Any,
        loss_weights: Any,
        metric_spec: Any,
        weighted_metrics: Any,
        output_names: Sequence[str] | None,
    ) -> None:
        self.optimizer = optimizers.get(optimizer)
        self.loss_spec, self.weight_spec = loss, loss_weights
        self.metric_spec, self.weighted_spec = metric_spec, weighted_metrics
        self.losses: list[Loss | None] | None = None
        self.scales: list[float] = []
        self.metrics: list[BoundMetric] | None = None
        for one in _each(loss):
            if one is not None:
                losses.get(one)
        for one in (*_each(metric_spec), *_each(weighted_metrics)):
            if one not in ("accuracy", "acc"):
                metrics.get(one)
        if output_names is not None:
            self.bind_losses(output_names)

    def bind_losses(self, names: Sequence[str]) -> list[Loss | None]:
        """One loss per output."""
        if self.losses is None:
            if self.loss_spec is None:
                raise ValueError("compile: expected a loss, such as loss='mse'; got None")
            found: dict[int, Loss] = {}
            self.losses = [
                None if one is None else found.setdefault(id(one), losses.get(one))
                for one in _per_output("loss", self.loss_spec, names, share=True)
            ]
            given = _per_output("loss_weights", self.weight_spec, names, share=False)
            self.scales = [1.0 if w is None else float(w) for w in given]
        return self.losses

    def bind_metrics(self, names: Sequence[str], outputs: Sequence[Shape], targets: Sequence[Any]) -> list[BoundMetric]:
        """All metrics, each with its output."""
        if self.metrics is None:
            self.metrics = []
            taken: set[str] = set()
            for spec, weighted in ((self.metric_spec, False), (self.weighted_spec, True)):
                for k, group in enumerate(_metrics_per_output(spec, names)):
                    for one in group:
                        target = None if targets[k] is None else np.shape(targets[k])
                        metric = metrics.get(one, outputs[k], target)
                        name = metric.name if len(names) == 1 else f"{names[k]}_{metric.name}"
                        while name in taken:
                            name += "_1"
                        taken.add(name)
                        self.metrics.append(BoundMetric(k, metric, name, weighted))
        return self.metrics

    def get_config(self) -> dict[str, Any] | None:
        """As JSON can hold it; None when something of one's own is part of it."""
        loss = _map(self.loss_spec, lambda one: losses.serialize(losses.get(one)))
        both = [_map(spec, metrics.serialize) for spec in (self.metric_spec, self.weighted_spec)]
        if any(one is None for spec in (loss, *both) if spec is not None for one in _each(spec)):
            return None
        optimizer = optimizers.serialize(self.optimizer)
        weights = self.weight_spec
        return {
            "optimizer": optimizer,
            "loss": loss,
            "loss_weights": weights,
            "metrics": both[0],
            "weighted_metrics": both[1],
        }


def _is_config(spec: Any) -> bool:
    return isinstance(spec, dict) and "class_name" in spec


def _each(spec: Any) -> list[Any]:
    """All single entries of a nested specification."""
    if spec is None:
        return []
    if isinstance(spec, dict) and not _is_config(spec):
        return [one for part in spec.values() for one in _each(part)]
    if isinstance(spec, list | tuple):
        return [one for part in spec for one in _each(part)]
    return [spec]


def _map(spec: Any, function: Any) -> Any:
    if spec is None:
        return None
    if isinstance(spec, dict) and not _is_config(spec):
        return {k: _map(v, function) for k, v in spec.items()}
    if isinstance(spec, list | tuple):
        return [_map(v, function) for v in spec]
    return function(spec)


def _per_output(what: str, spec: Any, names: Sequence[str], share: bool) -> list[Any]:
    if isinstance(spec, dict) and not _is_config(spec):
        unknown = set(spec) - set(names)
        if unknown:
            raise ValueError(f"compile: {what} names {sorted(unknown)[0]!r}, the outputs are {list(names)}")
        return [spec.get(n) for n in names]
    if isinstance(spec, list | tuple):
        if len(spec) != len(names):
            raise ValueError(f"compile: expected {len(names)} entries in {what}, one per output, got {len(spec)}")
        return list(spec)
    return [spec if share or spec is None or len(names) == 1 else None] * len(names)


def _metrics_per_output(spec: Any, names: Sequence[str]) -> list[list[Any]]:
    if spec is None:
        return [[] for _ in names]
    if isinstance(spec, dict) and not _is_config(spec):
        return [_each(part) for part in _per_output("metrics", spec, names, share=False)]
    if not isinstance(spec, list | tuple):
        spec = [spec]
    if len(names) > 1 and len(spec) == len(names):
        return [_each(part) for part in spec]
    return [_each(spec) for _ in names]


def class_weights(op: str, weights: dict[int, float], y: Array) -> Array:
    """The weight of each row from the weight of its class; y: integer labels or one-hot rows."""
    if not isinstance(weights, dict):
        raise TypeError(f"{op}: expected class_weight as a dict such as {{0: 1.0, 1: 5.0}}, "
                        f"got {type(weights).__name__}")  # fmt: skip
    labels = y.argmax(axis=-1) if y.ndim > 1 and y.shape[-1] > 1 else y.reshape(len(y), -1)[:, 0]
    if y.ndim > 2:
        raise ValueError(
            f"{op}: class_weight needs one label per row, got targets of shape {y.shape}; use sample_weight"
        )
    out = np.ones(len(labels))
    for label, weight in weights.items():
        out[labels == label] = weight
    return out
