"""What the three estimators share: their settings, the network they train, sequences from rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, validate_data

from lstm_fast.callbacks import EarlyStopping
from lstm_fast.layers import LSTM, Dense, Dropout, Input
from lstm_fast.models import Sequential
from lstm_fast.optimizers import get as get_optimizer
from lstm_fast.training.parameters import Array
from lstm_fast.utils.random import seeded

_NUMBERS = {"dtype": np.float64, "allow_nd": True}


class Recurrent(BaseEstimator):  # type: ignore[misc]
    """Base: LSTM layers and one Dense layer, trained with scikit-learn's conventions.

    `fit` sets `model_` (Sequential), `history_` (losses by epoch) and `n_features_in_`.
    """

    ordered: ClassVar[bool] = False  # rows follow each other in time: the last ones validate, else any

    def __init__(
        self,
        units: int | Sequence[int] = 50,
        *,
        features: int = 1,
        dropout: float = 0.0,
        epochs: int = 100,
        batch_size: int | None = 32,
        optimizer: Any = "adam",
        learning_rate: float = 0.003,
        patience: int | None = None,
        validation_fraction: float = 0.1,
        scale: bool = True,
        random_state: Any = None,
        verbose: Any = 0,
    ) -> None:
        self.units = units
        self.features = features
        self.dropout = dropout
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.scale = scale
        self.random_state = random_state
        self.verbose = verbose

    # rows in

    def _rows(self, X: Any, reset: bool = False) -> Array:
        """X as finite float64 numbers; `n_features_in_` is set with `reset`, else compared."""
        least = 2 if reset else 1
        return np.asarray(validate_data(self, X, reset=reset, ensure_min_samples=least, **_NUMBERS))

    def _rows_and_targets(self, X: Any, y: Any, **options: Any) -> tuple[Array, Array]:
        """The same for `fit`, with y of as many rows."""
        x, y = validate_data(self, X, y, **_NUMBERS, **options)
        return x, y

    def _weights(self, sample_weight: Any, X: Array) -> Array | None:
        """Weights with mean 1, so that the loss does not depend on their unit."""
        if sample_weight is None:
            return None
        w = _check_sample_weight(sample_weight, X, dtype=np.float64)
        if w.min() < 0 or not w.sum():
            raise ValueError("fit: expected sample_weight >= 0, and at least one positive")
        return np.asarray(w * (len(w) / w.sum()))

    def _fit_scaler(self, rows: Array, weights: Array | None = None) -> Any:
        """Scaler of rows (N,K); None without `scale`."""
        return StandardScaler().fit(rows, sample_weight=weights) if self.scale else None

    @staticmethod
    def _scaled(scaler: Any, a: Array) -> Array:
        """(...,K) in the unit of `scaler`."""
        return a if scaler is None else np.asarray((a - scaler.mean_) / scaler.scale_)

    @staticmethod
    def _unscaled(scaler: Any, a: Array) -> Array:
        return a if scaler is None else np.asarray(a * scaler.scale_ + scaler.mean_)

    # the network

    def _train(self, x: Array, y: Array, outputs: int, activation: str, loss: str, weights: Array | None) -> None:
        """Makes and trains `model_` on x (N,T,I); whatever is random follows from `random_state`."""
        rng = check_random_state(self.random_state)
        fit: dict[str, Any] = {"epochs": self.epochs, "verbose": self.verbose}
        fit["batch_size"] = len(x) if self.batch_size is None else min(self.batch_size, len(x))
        if self.patience is not None:
            fit["callbacks"] = [EarlyStopping(patience=self.patience, restore_best_weights=True)]
            fit["validation_split"] = self.validation_fraction
            if not self.ordered:
                order = rng.permutation(len(x))
                x, y, weights = x[order], y[order], None if weights is None else weights[order]
        with seeded(int(rng.randint(2**31 - 1))):
            self.model_ = self._network(x.shape[1:], outputs, activation)
            optimizer = get_optimizer(self.optimizer)
            if isinstance(self.optimizer, str):
                optimizer.learning_rate = self.learning_rate
            self.model_.compile(optimizer=optimizer, loss=loss)
            self.history_ = self.model_.fit(x.astype(np.float32), y, sample_weight=weights, **fit).history

    def _network(self, shape: tuple[int, ...], outputs: int, activation: str) -> Sequential:
        sizes = [self.units] if isinstance(self.units, int | np.integer) else list(self.units)
        layers: list[Any] = [Input(shape)]
        for k, H in enumerate(sizes):
            layers.append(LSTM(H, return_sequences=k < len(sizes) - 1))
            if self.dropout:
                layers.append(Dropout(self.dropout))
        return Sequential([*layers, Dense(outputs, activation=activation)])

    def _output(self, x: Array) -> Array:
        """What the network computes for x (N,T,I), in float64."""
        return np.asarray(self.model_.predict(x.astype(np.float32), verbose=0), np.float64)
