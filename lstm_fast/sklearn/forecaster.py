"""LSTMForecaster: rows in the order of time, windows made inside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted

from lstm_fast.sklearn.base import Recurrent
from lstm_fast.training.parameters import Array


class LSTMForecaster(RegressorMixin, Recurrent):  # type: ignore[misc]
    """A time series from its past: X (N,F) has one row per time step, in order.

    Without y the series forecasts itself: row t is estimated from the `window` rows before it, and `forecast` goes on
    behind the end. With y (N,) or (N,K), y[t] is estimated from the `window` rows of X up to and with row t. Where
    fewer rows precede, the first one is repeated. Split with `TimeSeriesSplit`.

    Args:
        window: T, rows that an estimate looks back on.
        others: as `LSTMRegressor`; X and y are standardised.

    Raises:
        ValueError: what scikit-learn's validation refuses.

    Example:
        >>> import numpy as np
        >>> series = np.sin(np.arange(120) * 0.3)[:, None]
        >>> model = LSTMForecaster(window=10, units=8, epochs=2, random_state=0).fit(series)
        >>> model.predict(series).shape, model.forecast(5).shape
        ((120, 1), (5, 1))
    """

    ordered: ClassVar[bool] = True

    def __init__(
        self,
        window: int = 20,
        units: int | Sequence[int] = 50,
        *,
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
        super().__init__(
            units,
            dropout=dropout,
            epochs=epochs,
            batch_size=batch_size,
            optimizer=optimizer,
            learning_rate=learning_rate,
            patience=patience,
            validation_fraction=validation_fraction,
            scale=scale,
            random_state=random_state,
            verbose=verbose,
        )
        self.window = window

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> LSTMForecaster:
        """Learn from rows X in the order of time, and the targets y beside them or none."""
        if self.window < 1:
            raise ValueError(f"fit: expected window >= 1, got {self.window!r}")
        self._ahead = 0 if y is not None else 1  # 1: a row is estimated from the rows before it
        if y is None:
            X = y = self._rows(X, reset=True)
        else:
            X, y = self._rows_and_targets(X, y, y_numeric=True, multi_output=True)
        self._one_target = y.ndim == 1
        targets = y.astype(np.float64).reshape(len(y), -1)
        weights = self._weights(sample_weight, X)
        self._input_scaler = self._fit_scaler(X, weights)
        self._target_scaler = self._fit_scaler(targets, weights)
        windows = self._windows(self._scaled(self._input_scaler, X))[self._ahead :]
        targets = self._scaled(self._target_scaler, targets)[self._ahead :]
        cut = None if weights is None else weights[self._ahead :]
        self._train(windows, targets, targets.shape[1], "linear", "mse", cut)
        self._last = X[-self.window :].copy()
        return self

    def _windows(self, x: Array) -> Array:
        """(N,T,F): the window that row t is estimated from."""
        before = np.repeat(x[:1], self.window - 1 + self._ahead, axis=0)
        padded = np.concatenate([before, x[: len(x) - self._ahead]])
        return np.lib.stride_tricks.sliding_window_view(padded, self.window, axis=0).transpose(0, 2, 1)

    def predict(self, X: Any) -> Array:
        """The estimate of every row, in the shape of the targets."""
        check_is_fitted(self)
        x = self._scaled(self._input_scaler, self._rows(X))
        y = self._unscaled(self._target_scaler, self._output(self._windows(x)))
        return y[:, 0] if self._one_target else y

    def forecast(self, steps: int, X: Any = None) -> Array:
        """The next `steps` rows behind the end of X (None: of the series of `fit`), each from those before it.

        Returns:
            (steps,F).

        Raises:
            ValueError: the forecaster was fitted with y: nobody knows the next rows of X.
        """
        check_is_fitted(self)
        if not self._ahead:
            raise ValueError("forecast: expected a forecaster fitted without y; with y use predict on the rows to come")
        known = self._last if X is None else self._rows(X)
        x = self._scaled(self._input_scaler, known)
        rows = list(x[-self.window :])
        rows = [rows[0]] * (self.window - len(rows)) + rows
        for _ in range(steps):
            rows.append(self._output(np.stack(rows[-self.window :])[None])[0])
        return self._unscaled(self._target_scaler, np.stack(rows[len(rows) - steps :]))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """R² of the estimates; without y those of X itself, from its second row on."""
        if y is None:
            return float(r2_score(np.asarray(X)[1:], self.predict(X)[1:]))
        return float(super().score(X, y, sample_weight))
