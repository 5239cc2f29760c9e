"""Two real series in the package: yearly sunspots and weekly CO2 at Mauna Loa (sources: README.md here)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lstm_fast.forecast import Series

__all__ = ["NAMES", "load", "load_co2", "load_sunspots", "path"]

NAMES = ("sunspots", "co2")

_UNITS = {"sunspots": "sunspot number", "co2": "CO2, ppm"}


def path(name: str) -> Path:
    """The CSV file of a bundled series.

    Args:
        name: one of `NAMES`.

    Returns:
        Path of the CSV.

    Raises:
        ValueError: there is no such series.

    Example:
        >>> path("co2").name
        'co2.csv'
    """
    if name not in NAMES:
        raise ValueError(f"datasets: expected one of {', '.join(NAMES)}, got {name!r}")
    return Path(__file__).with_name(f"{name}.csv")


def load(name: str, column: str | None = None) -> Series:
    """Read a bundled series.

    Args:
        name: one of `NAMES`.
        column: name or number of the column; the first numeric one beside the dates when None.

    Returns:
        Series: `values (n)` float64 with NaN where a value is missing, and `axis` with the years or dates.

    Raises:
        ValueError: there is no such series.

    Example:
        >>> series = load("sunspots")
        >>> len(series), series.axis.labels()[0], float(series.values[0])
        (309, '1700', 5.0)
    """
    from lstm_fast.forecast.series import read_csv

    return read_csv(path(name), column, name=name, label=_UNITS[name])


def load_sunspots() -> Series:
    """Yearly mean sunspot number, 1700 to 2008 (309 values); see `load`."""
    return load("sunspots")


def load_co2() -> Series:
    """Weekly CO2 at Mauna Loa in ppm, 1958 to 2001 (2,284 weeks, 59 missing); see `load`."""
    return load("co2")
