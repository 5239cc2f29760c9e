"""LSTMRegressor and LSTMClassifier: one target per sequence."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from lstm_fast.sklearn.base import Recurrent
from lstm_fast.training.parameters import Array


class OfSequences(Recurrent):
    """Base of the estimators whose rows are sequences: X (N,T,I), or flat rows (N,T*I) with I = `features`."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _fit_sequences(
        self, X: Array, y: Array, outputs: int, activation: str, loss: str, weights: Array | None
    ) -> None:
        x = self._sequences(X)
        T, I = x.shape[1:]
        self._input_scaler = self._fit_scaler(x.reshape(-1, I), None if weights is None else np.repeat(weights, T))
        self._train(self._scaled(self._input_scaler, x), y, outputs, activation, loss, weights)

    def _predicted(self, X: Any) -> Array:
        check_is_fitted(self)
        x = self._sequences(self._rows(X))
        if x.shape[1:] != self.model_.input_shape[1:]:
            raise ValueError(f"predict: expected sequences of shape {self.model_.input_shape[1:]}, got {x.shape[1:]}")
        return self._output(self._scaled(self._input_scaler, x))

    def _sequences(self, X: Array) -> Array:
        """(N,T,I)."""
        if X.ndim > 2:
            return X
        if self.features < 1 or X.shape[1] % self.features:
            name = f"{type(self).__name__}(features={self.features})"
            raise ValueError(f"{name}: expected rows of T*features numbers, got {X.shape[1]} columns")
        return X.reshape(len(X), -1, self.features)


class LSTMRegressor(RegressorMixin, OfSequences):  # type: ignore[misc]
    """Numbers from sequences: LSTM layers, then a Dense layer, trained on the mean squared error.

    X is (N,T,I), or flat rows (N,T*I), as scalers and frames have them; y is (N,) or (N,K).

    Args:
        units: H, or a sequence of them for stacked layers.
        features: I of flat rows; step t has the columns t*I to t*I+I-1.
        dropout: rate after each LSTM layer while training.
        epochs, batch_size, verbose: as in `Model.fit`; batch_size None: all rows.
        optimizer: a name, then with `learning_rate`, or an object of `lstm_fast.optimizers`.
        patience: stop when the loss of the last `validation_fraction` of the rows has not improved for so many epochs,
            and keep the best weights; None: train all epochs on all rows.
        scale: inputs and targets are standardised inside.
        random_state: an integer makes `fit` reproducible to the bit.

    Raises:
        ValueError: what scikit-learn's validation refuses (NaN, other numbers of features).

    Example:
        >>> import numpy as np
        >>> X = np.random.default_rng(0).standard_normal((60, 5))
        >>> LSTMRegressor(8, epochs=2, random_state=0).fit(X, X.sum(axis=1)).predict(X[:3]).shape
        (3,)
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> LSTMRegressor:
        """Learn from sequences X and targets y; sample_weight (N,)."""
        X, y = self._rows_and_targets(X, y, y_numeric=True, multi_output=True)
        self._one_target = y.ndim == 1
        targets = y.astype(np.float64).reshape(len(y), -1)
        weights = self._weights(sample_weight, X)
        self._target_scaler = self._fit_scaler(targets, weights)
        targets = self._scaled(self._target_scaler, targets)
        self._fit_sequences(X, targets, targets.shape[1], "linear", "mse", weights)
        return self

    def predict(self, X: Any) -> Array:
        """The targets of sequences X: (N,), or (N,K) if y was."""
        y = self._predicted(X)
        y = self._unscaled(self._target_scaler, y)
        return y[:, 0] if self._one_target else y


class LSTMClassifier(ClassifierMixin, OfSequences):  # type: ignore[misc]
    """Classes of sequences: LSTM layers, then a softmax layer, trained on the cross-entropy.

    X is (N,T,I), or flat rows (N,T*I), as scalers and frames have them; y has N labels of any kind.

    Args: as `LSTMRegressor`; only inputs are standardised.

    Example:
        >>> import numpy as np
        >>> X = np.random.default_rng(0).standard_normal((60, 5))
        >>> model = LSTMClassifier(8, epochs=2, random_state=0).fit(X, np.where(X.sum(axis=1) > 0, "up", "down"))
        >>> model.classes_.tolist(), model.predict_proba(X[:3]).shape
        (['down', 'up'], (3, 2))
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> LSTMClassifier:
        """Learn from sequences X and labels y; sample_weight (N,)."""
        X, y = self._rows_and_targets(X, y)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"fit: expected at least two classes in y, got one class: {self.classes_[0]}")
        weights = self._weights(sample_weight, X)
        self._fit_sequences(X, labels, len(self.classes_), "softmax", "sparse_categorical_crossentropy", weights)
        return self

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, (N,K) in the order of `classes_`."""
        return self._predicted(X)

    def predict(self, X: Any) -> Array:
        """The likeliest label of each sequence, (N,)."""
        probabilities = self.predict_proba(X)
        return np.asarray(self.classes_[probabilities.argmax(axis=1)])
