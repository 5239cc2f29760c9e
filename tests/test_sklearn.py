"""The estimators of lstm_fast.sklearn: scikit-learn's own checks, pipelines, searches, what the checks cannot know."""

from __future__ import annotations

import doctest
import importlib
import pickle
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from lstm_fast.optimizers import Adam
from lstm_fast.sklearn import LSTMClassifier, LSTMForecaster, LSTMRegressor
from lstm_fast.utils import set_random_seed
from lstm_fast.utils.random import generator

Array = np.ndarray[Any, Any]
WEIGHTS = "check_sample_weight_equivalence_on_dense_data"


def expected_failures(estimator: Any) -> dict[str, str]:
    """What cannot hold, and why."""
    if isinstance(estimator, LSTMForecaster):
        return {
            WEIGHTS: "removing a row of a time series changes the windows of the rows after it",
            "check_methods_subset_invariance": "an estimate depends on the rows before it, by definition",
            "check_methods_sample_order_invariance": "rows are in the order of time, by definition",
        }
    return {WEIGHTS: "asks for 1e-7, trained in float32; test_weights_count_as_repeated_rows holds it to 1e-4"}


@parametrize_with_checks(
    [LSTMRegressor(), LSTMClassifier(), LSTMForecaster(window=3)], expected_failed_checks=expected_failures
)
def test_scikit_learn_checks(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("module", ["base", "estimators", "forecaster"])
def test_examples(module: str) -> None:
    assert doctest.testmod(importlib.import_module(f"lstm_fast.sklearn.{module}")).failed == 0


def sums(n: int = 120, T: int = 6) -> tuple[Array, Array]:
    """Sequences and a target that needs all of their steps, in another unit."""
    X = np.random.default_rng(4).standard_normal((n, T))
    return X, 1000 + 50 * X.cumsum(axis=1).max(axis=1)


def test_weights_count_as_repeated_rows() -> None:
    X, y = sums(30)
    weights = np.random.default_rng(5).integers(0, 3, len(X))
    model = LSTMRegressor(7, epochs=20, batch_size=None, random_state=1)
    weighted = model.fit(X, y, sample_weight=weights).predict(X)
    repeated = model.fit(np.repeat(X, weights, axis=0), np.repeat(y, weights)).predict(X)
    plain = model.fit(X, y).predict(X)
    error = np.abs(weighted - repeated).max() / y.std()
    print(f"weighted against repeated: {error:.1e} of the target's deviation")
    assert error < 1e-4
    assert np.abs(weighted - plain).max() / y.std() > 1e-2


def test_random_state_fixes_every_bit_and_leaves_the_global_generator_alone() -> None:
    X, y = sums(40)
    set_random_seed(3)
    first = generator().random()
    set_random_seed(3)
    models = [LSTMRegressor((5, 4), dropout=0.3, epochs=3, random_state=s).fit(X, y) for s in (1, 1, 2)]
    assert generator().random() == first
    a, b, other = (m.predict(X) for m in models)
    assert (a == b).all()
    assert (a != other).any()
    assert (pickle.loads(pickle.dumps(models[0])).predict(X) == a).all()


def test_targets_keep_their_unit_and_shape() -> None:
    X, y = sums()
    both = np.stack([y, -y / 50], axis=1)
    model = LSTMRegressor(16, random_state=0).fit(X[..., None], both)
    assert model.predict(X[..., None]).shape == both.shape
    assert model.score(X[..., None], both) > 0.9
    assert LSTMRegressor(16, scale=False, epochs=5, random_state=0).fit(X, y).score(X, y) < 0


def test_several_features_per_step() -> None:
    rng = np.random.default_rng(2)
    X = rng.standard_normal((150, 5, 3))
    labels = np.array(["low", "mid", "high"])[np.digitize(X[:, :, 1].sum(axis=1), [-1, 1])]
    model = LSTMClassifier(12, epochs=60, random_state=0).fit(X[:120], labels[:120])
    assert model.score(X[120:], labels[120:]) > 0.8
    assert model.predict_proba(X[120:]).sum(axis=1) == pytest.approx(1)
    flat = LSTMClassifier(12, features=3, epochs=60, random_state=0).fit(X[:120].reshape(120, 15), labels[:120])
    assert (flat.predict_proba(X.reshape(150, 15)) == model.predict_proba(X)).all()
    with pytest.raises(ValueError, match=r"expected sequences of shape \(5, 3\), got \(5, 2\)"):
        model.predict(X[:, :, :2])
    with pytest.raises(ValueError, match=r"features=4\): expected rows of T\*features numbers, got 15 columns"):
        LSTMClassifier(features=4).fit(X.reshape(150, 15), labels)


def test_digits_in_a_pipeline() -> None:
    """8x8 images as sequences of 8 rows, from flat pixels that a scaler has passed."""
    X, y = load_digits(n_class=4, return_X_y=True)
    scores = cross_val_score(
        make_pipeline(MinMaxScaler(), LSTMClassifier(16, features=8, epochs=30, random_state=0)), X, y, cv=3
    )
    print(scores)
    assert scores.min() > 0.8


def test_grid_search_and_early_stopping() -> None:
    X, y = sums(200)
    search = GridSearchCV(
        LSTMRegressor(units=12, random_state=0),
        {"learning_rate": [1e-6, 0.01], "epochs": [40], "optimizer": ["adam", "rmsprop"]},
        cv=2,
    ).fit(X, y)
    assert search.best_params_["learning_rate"] == 0.01
    assert search.best_score_ > 0.6
    by_label = np.argsort(y)
    model = LSTMRegressor(12, epochs=500, patience=3, optimizer=Adam(0.01), random_state=0).fit(
        X[by_label], y[by_label]
    )
    losses = model.history_["val_loss"]
    assert len(losses) < 500
    assert np.argmin(losses) == len(losses) - 4
    assert model.score(X, y) > 0.8


def waves(n: int = 300) -> Array:
    t = np.arange(n)
    return np.stack([10 + np.sin(0.3 * t), 5 * np.cos(0.3 * t)], axis=1)


def test_forecaster_continues_a_series() -> None:
    series = waves()
    model = LSTMForecaster(window=12, units=20, epochs=60, random_state=0).fit(series[:260])
    assert model.predict(series).shape == series.shape
    assert model.score(series) > 0.98
    ahead = model.forecast(40)
    error = np.abs(ahead - series[260:]).max(axis=0) / series.std(axis=0)
    print(f"largest error over 40 steps of its own forecasts: {error} standard deviations")
    assert error.max() < 0.4
    assert (model.forecast(40, series[:260]) == ahead).all()
    assert model.forecast(2, series[:3]).shape == (2, 2)


def test_forecaster_sees_no_row_that_it_estimates() -> None:
    """Without y, changing row t changes the estimates of later rows only; with y, from row t on."""
    series = waves(60)
    changed = series.copy()
    changed[30] += 3
    for y, first in ((None, 31), (series[:, 0], 30)):
        model = LSTMForecaster(window=8, units=5, epochs=2, random_state=0).fit(series, y)
        differs = np.flatnonzero((model.predict(series) != model.predict(changed)).reshape(60, -1).any(axis=1))
        assert differs.tolist() == list(range(first, first + 8))


def test_forecaster_in_a_search_over_time() -> None:
    search = GridSearchCV(
        LSTMForecaster(units=8, epochs=30, random_state=0), {"window": [1, 10]}, cv=TimeSeriesSplit(3)
    ).fit(waves()[:, :1])
    assert search.best_params_ == {"window": 10}
    with pytest.raises(ValueError, match="expected a forecaster fitted without y"):
        LSTMForecaster(window=4, units=3, epochs=1).fit(waves(30), np.arange(30)).forecast(2)
    with pytest.raises(ValueError, match="expected window >= 1, got 0"):
        LSTMForecaster(window=0).fit(waves(30))


def test_a_frame_goes_in() -> None:
    pandas = pytest.importorskip("pandas")
    X, y = sums(50)
    frame = pandas.DataFrame(X, columns=[f"t{k}" for k in range(6)])
    train, test = train_test_split(frame, random_state=0)
    model = LSTMRegressor(4, epochs=1, random_state=0).fit(train, pandas.Series(y)[train.index])
    assert model.feature_names_in_.tolist() == list(frame.columns)
    assert model.predict(test).shape == (len(test),)


def test_without_scikit_learn_one_line_says_what_to_install(python: Any) -> None:
    code = """
import importlib.util, lstm_fast
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "sklearn" else find(name, *rest)
try:
    lstm_fast.sklearn
except ImportError as error:
    print(error)
"""
    done = python(code)
    assert done.stdout == "lstm_fast.sklearn needs scikit-learn: pip install 'lstm_fast[sklearn]'\n", done.stderr
