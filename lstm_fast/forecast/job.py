"""The main job: a series in; test errors, a forecast and its model out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .axis import Axis
from .errors import RunError
from .network import Progress, build, predict, roll, train
from .options import Options
from .scaling import Scaling, fit_scaling
from .scores import Score, error_band, naive, score, seasonal_naive
from .series import Series
from .windows import Plan, fill_gaps, plan, windows_before

if TYPE_CHECKING:
    from lstm_fast.models import Sequential

BAND = 0.8  # share of the test errors inside the band
_ORIGINS = 400  # most test origins from which the recursive forecast is scored

Scores = dict[str, "Score | None"]  # by "lstm", "naive", "seasonal_naive"


@dataclass(frozen=True)
class Forecast:
    """What the job found; arrays in the units of the series.

    `test`, `test_lower`, `test_upper (n - plan.test)` are the one-step-ahead predictions of the values held back and
    their band; `values`, `lower`, `upper (plan.horizon)` go on beyond the series at the places of `axis`; `one_step`,
    `all_steps` hold the test errors one step and 1 to horizon steps ahead, the latter from `origins` places.
    """

    series: Series
    options: Options
    plan: Plan
    scaling: Scaling
    model: Sequential
    history: dict[str, list[float]]
    one_step: Scores
    all_steps: Scores
    origins: int
    test: NDArray[np.float64]
    test_lower: NDArray[np.float64]
    test_upper: NDArray[np.float64]
    axis: Axis
    values: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    seconds: dict[str, float]

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights were kept, from 1."""
        return int(np.argmin(self.history["val_loss"])) + 1


def forecast(series: Series, options: Options | None = None, progress: Progress | None = None) -> Forecast:
    """Train an LSTM on a series, test it on the held-back end and forecast beyond it.

    Scales, season, window and the choice between level and trend come from the training part. The network sees `window`
    values and predicts the change to the next (`Scaling`). Early stopping watches the validation part. Test errors are
    one step ahead with the true values before each target, and 1 to horizon steps ahead recursively from every test
    origin; in the test part a missing value is filled only from its past, and none is ever scored.

    Args:
        series: from `read_csv` or `from_array`.
        options: of the job.
        progress: called with the epoch and the best validation loss after each epoch.

    Returns:
        Forecast.

    Raises:
        DataError: the series is too short or constant, or an option does not fit it.
        RunError: training diverged.
        KeyboardInterrupt: Ctrl-C.
    """
    options = options or Options()
    started = time.perf_counter()
    cut = plan(series.values, options)
    filled = fill_gaps(series.values, cut.test)
    known = ~np.isnan(series.values)
    scaling = fit_scaling(filled[: cut.validation], cut.window)
    v = scaling.forward(filled)

    targets = np.arange(cut.window, cut.n)
    training = targets[(targets < cut.validation) & known[targets]]
    validation = targets[(targets >= cut.validation) & (targets < cut.test) & known[targets]]
    model = build(cut.window, scaling.features, options)
    pairs = [_pairs(v, part, cut.window, scaling) for part in (training, validation if len(validation) else training)]
    prepared = time.perf_counter()
    history = train(model, pairs[0], pairs[1], cut.batch_size, options.epochs, progress)
    trained = time.perf_counter()

    held_back = np.arange(cut.test, cut.n)
    observed = series.values[cut.test :]
    test_v = predict(model, scaling, windows_before(v, held_back, cut.window))
    test = scaling.inverse(test_v)
    one_step: Scores = {
        "lstm": score(test - observed),
        "naive": score(naive(filled, held_back, 1)[:, 0] - observed),
        "seasonal_naive": score(seasonal_naive(filled, held_back, 1, cut.season)[:, 0] - observed)
        if cut.season
        else None,
    }
    all_steps, band, origins = _backtest(series.values, filled, v, cut, scaling, model)
    band[0] = np.quantile(np.abs(test_v - scaling.forward(filled[cut.test :]))[known[cut.test :]], BAND)
    band = np.maximum.accumulate(band)

    ahead = roll(model, scaling, windows_before(v, np.array([cut.n]), cut.window), cut.horizon)[0]
    result = Forecast(
        series, options, cut, scaling, model, history, one_step, all_steps, origins,
        test, scaling.inverse(test_v - band[0]), scaling.inverse(test_v + band[0]),
        series.axis.extend(cut.horizon),
        scaling.inverse(ahead), scaling.inverse(ahead - band), scaling.inverse(ahead + band),
        {"prepare": prepared - started, "train": trained - prepared, "test": time.perf_counter() - trained},
    )  # fmt: skip
    if not np.isfinite(np.concatenate([result.test, result.values])).all():
        raise RunError("the forecast left the range of numbers; try another --window or a shorter --horizon")
    return result


def _pairs(
    v: NDArray[np.float64], targets: NDArray[np.int64], window: int, scaling: Scaling
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Inputs `(N, W, I)` and changes `(N, 1)` of some targets."""
    windows = windows_before(v, targets, window)
    change = (v[targets] - windows[:, -1]) / scaling.change
    return scaling.inputs(windows), change.astype(np.float32)[:, None]


def _backtest(
    values: NDArray[np.float64],
    filled: NDArray[np.float64],
    v: NDArray[np.float64],
    cut: Plan,
    scaling: Scaling,
    model: Sequential,
) -> tuple[Scores, NDArray[np.float64], int]:
    """Recursive forecasts from test origins: scores of all leads, half width `(horizon)` of the band in v, origins."""
    count = cut.n - cut.test
    origins = np.unique(np.linspace(cut.test, cut.n - 1, min(count, _ORIGINS)).astype(np.int64))
    leads = min(cut.horizon, count)
    at = origins[:, None] + np.arange(leads)
    truth = np.where(at < cut.n, values[np.minimum(at, cut.n - 1)], np.nan)
    rolled = roll(model, scaling, windows_before(v, origins, cut.window), leads)
    errors = rolled - np.where(np.isnan(truth), np.nan, scaling.forward(np.nan_to_num(truth, nan=1.0)))
    width = np.zeros(cut.horizon)
    width[:leads] = error_band(errors, BAND)
    scores: Scores = {
        "lstm": score((scaling.inverse(rolled) - truth).ravel()),
        "naive": score((naive(filled, origins, leads) - truth).ravel()),
        "seasonal_naive": score((seasonal_naive(filled, origins, leads, cut.season) - truth).ravel())
        if cut.season
        else None,
    }
    return scores, np.maximum.accumulate(width), len(origins)
