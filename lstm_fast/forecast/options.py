"""What the job can be told, with the ranges in which it makes sense."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from .errors import DataError

_RANGES: dict[str, tuple[float, float]] = {  # both ends included
    "window": (2, 100_000),
    "units": (1, 8192),
    "layers": (1, 16),
    "epochs": (1, 1_000_000),
    "batch_size": (1, 1_000_000),
    "seed": (0, 2**32 - 1),
    "horizon": (1, 100_000),
    "season": (0, 100_000),
}
TEST_FRACTION = (0.01, 0.8)


@dataclass(frozen=True)
class Options:
    """Options of the forecast job; None means: chosen from the data.

    Args:
        window: time steps that the network sees; about two seasons, or one if the season is long, else 24.
        units: hidden units of each LSTM layer.
        layers: LSTM layers.
        epochs: most passes over the training part; early stopping usually ends before.
        batch_size: windows per step; 16, or 32 from 1,000 training windows on.
        seed: of weights and shuffling; the same seed gives the same files.
        test_fraction: part of the series held back at its end.
        horizon: steps to forecast beyond the series; one season, else 10.
        season: period of the seasonal-naive forecast; found in the training part; 0 for none.

    Raises:
        DataError: a value out of its range.

    Example:
        >>> Options(units=0)
        Traceback (most recent call last):
        ...
        lstm_fast.forecast.errors.DataError: expected --units from 1 to 8192, got 0
    """

    window: int | None = None
    units: int = 32
    layers: int = 1
    epochs: int = 60
    batch_size: int | None = None
    seed: int = 0
    test_fraction: float = 0.2
    horizon: int | None = None
    season: int | None = None

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            flag = "--" + item.name.replace("_", "-")
            if item.name == "test_fraction":
                low, high = TEST_FRACTION
                if not (isinstance(value, (int, float)) and math.isfinite(value) and low <= value <= high):
                    raise DataError(f"expected {flag} from {low} to {high}, got {value}")
                continue
            if value is None and item.default is None:
                continue
            low, high = _RANGES[item.name]
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise DataError(f"expected {flag} from {low} to {high}, got {value}")
            if item.name == "season" and value == 1:
                raise DataError(f"expected {flag} 0 (none) or from 2 to {high}, got 1 (that is the naive forecast)")
