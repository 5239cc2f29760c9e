"""Errors of a forecast beside those of the two forecasts that cost nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Score:
    """Root mean square and mean absolute error over `n` values, in the units of the series."""

    rmse: float
    mae: float
    n: int


def score(errors: NDArray[np.float64]) -> Score | None:
    """RMSE and MAE; NaN errors (missing values) do not count.

    Example:
        >>> score(np.array([3.0, np.nan, -4.0]))
        Score(rmse=3.5355339059327378, mae=3.5, n=2)
    """
    known = errors[~np.isnan(errors)]
    if not len(known):
        return None
    return Score(float(np.sqrt(np.mean(known**2))), float(np.mean(np.abs(known))), len(known))


def naive(values: NDArray[np.float64], origins: NDArray[np.int64], horizon: int) -> NDArray[np.float64]:
    """`(N, horizon)`: the last value before each origin, held."""
    return np.repeat(values[origins - 1][:, None], horizon, axis=1)


def seasonal_naive(
    values: NDArray[np.float64], origins: NDArray[np.int64], horizon: int, season: int
) -> NDArray[np.float64]:
    """`(N, horizon)`: the last season before each origin, repeated."""
    return np.asarray(values[origins[:, None] - season + np.arange(horizon) % season])


def error_band(errors: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Half width `(horizon)` of the band that held `share` of the test errors at each lead, never narrower than before.

    Args:
        errors: (N, horizon), NaN where a lead runs past the series.
        share: between 0 and 1.
    """
    widths = np.zeros(errors.shape[1])
    known = ~np.isnan(errors)
    few = min(10, int(known[:, 0].sum()))  # a lead with fewer errors keeps the width of the lead before
    for k in range(errors.shape[1]):
        if known[:, k].sum() >= max(1, few):
            widths[k] = np.quantile(np.abs(errors[known[:, k], k]), share)
    return np.maximum.accumulate(widths)
