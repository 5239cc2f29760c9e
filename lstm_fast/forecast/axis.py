"""The axis of a series: dates, numbers or just positions, and how it goes on after the last value."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .errors import DataError

_DAYS = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%m-%d-%Y",
    "%d-%m-%Y",
    "%m/%d/%y",
    "%d/%m/%y",
    "%d.%m.%y",
)
_NAMED = ("%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%b %d, %Y", "%B %d, %Y", "%d %B %Y")
_MONTHS = ("%Y-%m", "%Y/%m", "%m/%Y", "%b %Y", "%B %Y", "%b-%Y", "%b-%y", "%Y-%b")
_CLOCKS = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%H:%M:%S%z", "%H:%M:%S.%f%z", "%H:%M%z")
_FORMATS = (
    *_DAYS,
    *_NAMED,
    *_MONTHS,
    *(f"{day}{gap}{clock}" for day in _DAYS for gap in (" ", "T") for clock in _CLOCKS),
)
_COMPACT = {6: "%Y%m", 8: "%Y%m%d"}  # digits: format
_INDEX_NAMES = re.compile(
    r"|index|id|no\.?|t|time|step|period|year|years|month|day|week|hour|date|timestamp|decimal.?date|unnamed.*", re.I
)
_DAY = np.timedelta64(86_400_000_000, "us")


@dataclass(frozen=True)
class Axis:
    """Where each value stands: `values (n)` datetime64[us] with their `format`, or float64 when `format` is None."""

    name: str
    values: NDArray[np.datetime64] | NDArray[np.float64]
    format: str | None = None

    @property
    def is_date(self) -> bool:
        """Whether the values are dates."""
        return self.format is not None

    def labels(self) -> list[str]:
        """The values as text, dates in the format in which they were read.

        Example:
            >>> Axis("year", np.array([1999.0, 2000.0])).labels()
            ['1999', '2000']
        """
        if self.format is not None:
            moments: list[dt.datetime] = self.values.astype("datetime64[us]").tolist()
            return [m.replace(tzinfo=dt.timezone.utc).strftime(self.format) for m in moments]
        return [f"{value:.10g}" for value in self.values.tolist()]

    def take(self, index: NDArray[np.int64]) -> Axis:
        """The axis at some positions."""
        return Axis(self.name, self.values[index], self.format)

    def extend(self, n: int) -> Axis:
        """The next `n` places after the last one, at the step of the axis.

        Dates go on by whole months or years where they did so, by working days where there are no week-ends, else by
        the median step; numbers by the median step.

        Example:
            >>> Axis("month", np.array(["2020-10-31", "2020-11-30"], "datetime64[us]"), "%Y-%m-%d").extend(3).labels()
            ['2020-12-31', '2021-01-31', '2021-02-28']
        """
        values = self.values
        if self.format is None:
            step = float(np.median(np.diff(values))) if len(values) > 1 else 1.0
            return Axis(self.name, values[-1] + step * np.arange(1, n + 1))
        return Axis(self.name, _extend_dates(values.astype("datetime64[us]"), n), self.format)


def positions(n: int) -> Axis:
    """The axis of a series without one: 1 to n."""
    return Axis("step", np.arange(1.0, n + 1.0))


def read_dates(name: str, cells: list[str], rows: list[int]) -> Axis | None:
    """Recognise a column of dates.

    Args:
        name: the column.
        cells: its text.
        rows: row numbers for the message.

    Returns:
        Axis, or None when the column holds no dates.

    Raises:
        DataError: nearly all cells are dates of one format, but one is not.
    """
    best: tuple[float, Axis] | None = None
    complaint = ""
    for form in _candidates(cells):
        moments, failed = _parse_dates(cells, form)
        if failed and form not in _COMPACT.values() and 5 * len(failed) <= len(cells):
            i = failed[0]
            expected = moments[0].strftime(form)
            complaint = (
                complaint or f"row {rows[i]}, column {name!r}: expected a date like {expected}, got {cells[i]!r}"
            )
        if failed:
            continue
        values = np.array(moments, "datetime64[us]")
        if form in _COMPACT.values() and not _monotone(values):
            continue
        roughness = _roughness(values)
        if best is None or roughness < best[0]:  # 01/02/2020: the reading with the more even steps
            best = roughness, Axis(name, values, form)
    if best is None and complaint:
        raise DataError(complaint)
    return best[1] if best else None


def is_number_axis(name: str, values: NDArray[np.float64]) -> bool:
    """Whether a column of numbers is an index: strictly monotone, and evenly spaced or named like one."""
    if not np.isfinite(values).all() or not _monotone(values):
        return False
    steps = np.diff(values)
    even = len(steps) > 0 and np.ptp(steps) <= 1e-6 * abs(steps).max()
    return bool(even or _INDEX_NAMES.fullmatch(name.strip()))


def _candidates(cells: list[str]) -> list[str]:
    """Formats that read the first cells; those that are all digits only as YYYYMM or YYYYMMDD."""
    probe = [c for c in cells[:3] if c]
    if not probe:
        return []
    if all(c.isdigit() for c in probe):
        return [_COMPACT[len(probe[0])]] if len({len(c) for c in probe}) == 1 and len(probe[0]) in _COMPACT else []
    return [f for f in _FORMATS if any(_parse_dates([c], f)[0] for c in probe)]


def _parse_dates(cells: list[str], form: str) -> tuple[list[dt.datetime], list[int]]:
    """Dates in UTC without a zone, and the positions of the cells that are none."""
    moments, failed = [], []
    for i, cell in enumerate(cells):
        try:
            moment = dt.datetime.strptime(cell, form)
        except ValueError:
            failed.append(i)
            continue
        if not 1000 <= moment.year <= 2900:  # numbers that happen to read as a date
            failed.append(i)
            continue
        moments.append(moment.astimezone(dt.timezone.utc).replace(tzinfo=None) if moment.tzinfo else moment)
    return moments, failed


def _monotone(values: NDArray[np.datetime64] | NDArray[np.float64]) -> bool:
    steps = np.diff(values).astype(np.float64)
    return bool((steps > 0).all() or (steps < 0).all())


def _extend_dates(values: NDArray[np.datetime64], n: int) -> NDArray[np.datetime64]:
    months = _month_step(values)
    if months:
        return _add_months(values, months, n)
    days = values.astype("datetime64[D]")
    steps = np.diff(values).astype(np.int64)  # microseconds
    step = np.timedelta64(int(np.median(steps)), "us") if len(steps) else _DAY
    ahead = np.arange(1, n + 1)
    if (values == days).all() and step == _DAY and np.is_busday(days).all():
        return np.busday_offset(days[-1], ahead).astype("datetime64[us]")
    result: NDArray[np.datetime64] = values[-1] + step * ahead
    return result


def _roughness(values: NDArray[np.datetime64]) -> float:
    """How uneven the steps are: their spread over their median."""
    steps = np.diff(values).astype(np.float64)
    return float(np.ptp(steps) / max(1.0, abs(np.median(steps)))) if len(steps) else 0.0


def _month_step(values: NDArray[np.datetime64]) -> int:
    """The step in whole months when every date is the same day of its month (or its last day), else 0."""
    if len(values) < 2 or (np.diff(values) < 27 * _DAY).any():
        return 0
    month = values.astype("datetime64[M]")
    day = (values - month) // _DAY
    last = (((month + 1).astype("datetime64[us]") - month) // _DAY) - 1
    if not ((day == day.max()) | ((day == last) & (last < day.max()))).all():
        return 0
    return int(np.median(np.diff(month).astype(np.int64)))


def _add_months(values: NDArray[np.datetime64], months: int, n: int) -> NDArray[np.datetime64]:
    start = values.astype("datetime64[M]")
    offset = (values - start).max()  # the day of the month and the clock; a shorter month ends earlier
    month = start[-1] + months * np.arange(1, n + 1)
    last = (month + 1).astype("datetime64[us]") - month - _DAY
    whole, clock = offset // _DAY, offset % _DAY
    result: NDArray[np.datetime64] = month.astype("datetime64[us]") + np.minimum(whole * _DAY, last) + clock
    return result
