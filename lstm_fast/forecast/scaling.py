"""From values to what the network sees and back; every number here comes from the training part."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

_BLOCKS = 8


@dataclass(frozen=True)
class Scaling:
    """Scales of one series.

    The network predicts the next *change*, `(v_(t+1) - v_t) / change`, and sees at each step of its window

        relative = (v_s - v_t) / relative      how far below or above the window's last value
        change   = (v_s - v_(s-1)) / change    0 at the first step
        level    = (v_s - mean) / std          only where the level stays where it was (`trending` false)

    so a trend beyond the training part's range is nothing new to it, and a network that says 0 is the naive forecast.
    `v` is log(value) where the series grows in proportion (`log`).
    """

    log: bool
    trending: bool
    relative: float
    change: float
    mean: float
    std: float
    floor: float | None  # 0 for a series that touches 0 and is never below it

    @property
    def features(self) -> int:
        """Inputs per time step, I."""
        return 2 if self.trending else 3

    @property
    def summary(self) -> str:
        """What is done to the values, in words."""
        words = ["change from the last value"]
        words += [] if self.trending else ["level"]
        words += ["of the logarithm"] if self.log else []
        words += ["never below 0"] if self.floor is not None else []
        return ", ".join(words)

    def as_dict(self) -> dict[str, float | bool | None]:
        """The fields as plain numbers."""
        return asdict(self)

    def forward(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values as the job computes with them."""
        return np.log(np.maximum(values, np.finfo(np.float64).tiny)) if self.log else values

    def inverse(self, v: NDArray[np.float64]) -> NDArray[np.float64]:
        """The values that `forward` took, not below the floor."""
        with np.errstate(over="ignore"):  # inf is found by the caller
            values = np.exp(v) if self.log else v
        return values if self.floor is None else np.maximum(values, self.floor)

    def inputs(self, windows: NDArray[np.float64]) -> NDArray[np.float32]:
        """`windows (N, W)` of v as `x (N, W, I)`."""
        x = np.zeros((*windows.shape, self.features), np.float32)
        x[:, :, 0] = (windows - windows[:, -1:]) / self.relative
        x[:, 1:, 1] = np.diff(windows, axis=1) / self.change
        if not self.trending:
            x[:, :, 2] = (windows - self.mean) / self.std
        return x


def fit_scaling(values: NDArray[np.float64], window: int) -> Scaling:
    """Measure the training part.

    Args:
        values: (n) the training part, no missing values, not constant.
        window: time steps of a window, W < n.

    Returns:
        Scaling.

    Example:
        >>> fit_scaling(np.arange(1.0, 40.0), 8).trending
        True
    """
    trending = is_trending(values)
    log = trending and grows_in_proportion(values)
    v = np.log(values) if log else values
    windows = np.lib.stride_tricks.sliding_window_view(v, window)
    relative = np.sqrt(np.mean((windows - windows[:, -1:]) ** 2))
    change = np.sqrt(np.mean(np.diff(v) ** 2))
    floor = 0.0 if values.min() == 0.0 else None
    return Scaling(log, trending, float(relative or change), float(change), float(v.mean()), float(v.std()), floor)


def is_trending(values: NDArray[np.float64]) -> bool:
    """Whether the level moves: quarter means lie further apart than the values within a quarter usually do."""
    quarters = np.array_split(values, 4)
    means = np.array([q.mean() for q in quarters])
    return bool(np.ptp(means) > np.mean([q.std() for q in quarters]))


def grows_in_proportion(values: NDArray[np.float64]) -> bool:
    """Whether changes grow with the level (log-log slope of the two above 0.5 over blocks of the series)."""
    if values.min() <= 0 or values.max() < 2 * values.min() or len(values) < 4 * _BLOCKS:
        return False
    blocks = np.array_split(values, _BLOCKS)
    level = np.log([b.mean() for b in blocks])
    moves = np.array([np.diff(b).std() for b in blocks])
    if (moves <= 0).any():
        return False
    return bool(np.polynomial.Polynomial.fit(level, np.log(moves), 1).convert().coef[1] > 0.5)
