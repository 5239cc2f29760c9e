"""How a series is cut: training, validation and test part, gaps, and the window of each target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .errors import DataError
from .options import Options
from .season import find_season

_VALIDATION = 0.15  # of what the test part leaves
_TRAINING_WINDOWS = 10  # fewer teach nothing
_MEMORY = 2 << 30  # bytes of windows
MANY_WINDOWS = 1000


@dataclass(frozen=True)
class Plan:
    """Where the parts of `n` values begin, and the options as resolved for them.

    Targets `window <= t < validation` train, `validation <= t < test` stop the training, `test <= t < n` are held back.
    """

    n: int
    validation: int
    test: int
    window: int
    horizon: int
    season: int | None
    season_found: bool
    batch_size: int


def plan(values: NDArray[np.float64], options: Options) -> Plan:
    """Divide a series and choose what the options leave open, from the training part alone.

    Args:
        values: (n) float64, NaN where missing.
        options: of the job.

    Returns:
        Plan.

    Raises:
        DataError: too short, constant, or an option that does not fit the length.
    """
    n = len(values)
    if n < 4:
        raise DataError(f"expected at least {4 + _TRAINING_WINDOWS} values, got {n}")
    validation, test = _parts(n, options.test_fraction)
    known = values[:validation][~np.isnan(values[:validation])]
    if len(known) and (known == known[0]).all():
        where = "all" if (values[~np.isnan(values)] == known[0]).all() else f"the {validation} of the training part all"
        raise DataError(f"expected a series that varies, got {n} values, {where} {known[0]:g}")
    if 2 * len(known) < validation:
        raise DataError(f"expected at least half of the training part present, got {len(known)} of {validation} values")
    season = options.season
    if season is None:
        season = find_season(fill_gaps(values[:validation], validation))
    elif season > test:
        raise DataError(f"expected --season of at most {test} (the values before the test part), got {season}")
    window = options.window or _window(season or 0, validation)
    horizon = options.horizon or min(season or 10, max(1, n - window))
    least = _least(window, horizon, options.test_fraction)
    if n < least:
        needs = f"window {window} + horizon {horizon}, and {_TRAINING_WINDOWS} windows to train on"
        raise DataError(f"expected at least {least} values ({needs}), got {n}")
    if n * window * 12 > _MEMORY:
        raise DataError(
            f"expected --window of at most {_MEMORY // (12 * n)} for {n} values (2 GiB of windows), got {window}"
        )
    batch = options.batch_size or (32 if validation - window >= MANY_WINDOWS else 16)
    return Plan(n, validation, test, window, horizon, season or None, options.season is None, batch)


def fill_gaps(values: NDArray[np.float64], test: int) -> NDArray[np.float64]:
    """Missing values, each from what is known at its time: on a line before `test`, from the last value after it.

    Example:
        >>> fill_gaps(np.array([1.0, np.nan, 3.0, np.nan, 5.0]), 3)
        array([1., 2., 3., 3., 5.])
    """
    filled = values.copy()
    missing = np.isnan(values)
    present = np.flatnonzero(~missing)
    before = present[present < test]
    gaps = np.flatnonzero(missing)
    past = gaps[gaps < test]
    filled[past] = np.interp(past, before, values[before])
    for t in gaps[gaps >= test].tolist():
        filled[t] = filled[t - 1]
    return filled


def windows_before(v: NDArray[np.float64], targets: NDArray[np.int64], window: int) -> NDArray[np.float64]:
    """`(len(targets), window)`: the values that end just before each target; a target may be len(v)."""
    view = np.lib.stride_tricks.sliding_window_view(v, window)
    return np.asarray(view[targets - window])


def _parts(n: int, test_fraction: float) -> tuple[int, int]:
    """First index of the validation and of the test part."""
    test = n - max(2, round(n * test_fraction))
    return test - max(2, round(test * _VALIDATION)), test


def _least(window: int, horizon: int, test_fraction: float) -> int:
    """The shortest series that has the training windows and holds window + horizon."""
    n = window + max(horizon, _TRAINING_WINDOWS)
    while _parts(n, test_fraction)[0] - window < _TRAINING_WINDOWS:
        n += 1
    return n


def _window(season: int, training: int) -> int:
    """Whole seasons to make 20 steps, and a few steps to see what came before; at most a third of the part."""
    wished = -(-20 // season) * season + max(2, season // 8) if season else 24
    return max(2, min(wished, training // 3))
