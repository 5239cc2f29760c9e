"""Finding the season of a series by its autocorrelation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_PERIODS = 4  # a season must fit this often into the part that is searched
_PEAK = 0.3  # least autocorrelation at the season
_RISE = 0.25  # and least rise from the trough before it
_AS_GOOD = 0.9  # the first peak this near to the highest is the season, not its double
_LONGEST = 5000


def find_season(values: NDArray[np.float64]) -> int | None:
    """The period at which a series repeats itself, or None.

    The series less its quadratic trend is compared with itself at every lag k,

        r_k = sum_t z_t z_(t+k) / sum_t z_t^2 * n / (n - k)

    and the season is the first lag whose peak is nearly the highest and stands out against the trough before it.

    Args:
        values: (n) the training part, no missing values.

    Returns:
        The period in steps, at least 2.

    Source:
        Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd edition, section 2.8.

    Example:
        >>> find_season(np.sin(2 * np.pi * np.arange(200) / 12))
        12
    """
    n = len(values)
    longest = min(n // _PERIODS, _LONGEST)
    if longest < 2 or np.ptp(values) == 0:
        return None
    r = autocorrelation(detrend(values), longest + 1)
    # a peak over one lag alone is found by its neighbours; lag 2 has lag 1 on its left
    inner = np.flatnonzero((r[2:-1] > r[1:-2]) & (r[2:-1] >= r[3:])) + 2
    peaks = [k for k in inner.tolist() if r[k] >= max(_PEAK, 3 / np.sqrt(n)) and r[k] - r[1:k].min() >= _RISE]
    if not peaks:
        return None
    highest = max(float(r[k]) for k in peaks)
    return next(k for k in peaks if r[k] >= _AS_GOOD * highest)


def detrend(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The series less its least-squares parabola."""
    t = np.linspace(-1.0, 1.0, len(values))
    degree = min(2, len(values) - 1)
    centred = values - values.mean()
    return np.asarray(centred - np.polynomial.Polynomial.fit(t, centred, degree)(t), np.float64)


def autocorrelation(values: NDArray[np.float64], longest: int) -> NDArray[np.float64]:
    """`r (longest + 1)`, r[0] = 1: correlation of a series with itself k steps later, unbiased in n - k; by FFT."""
    z = values - values.mean()
    n = len(z)
    size = 1 << (2 * n - 1).bit_length()
    power = np.abs(np.fft.rfft(z, size)) ** 2
    r = np.fft.irfft(power, size)[: longest + 1]
    if r[0] <= 0:
        return np.zeros(longest + 1)
    return np.asarray(r / r[0] * n / (n - np.arange(longest + 1)), np.float64)
