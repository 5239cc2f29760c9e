"""A series: numbers with an axis, read from a CSV file or taken from an array."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .axis import Axis, is_number_axis, positions, read_dates
from .errors import DataError
from .table import DECIMAL_COMMA, NOT_FINITE, NUMBER, THOUSANDS, Table, looks_numeric, read_table

_LARGEST = 1e100  # squares of larger values leave float64


@dataclass(frozen=True)
class Series:
    """`values (n)` float64 in order of `axis`, NaN where a value is missing, the first and the last one present."""

    name: str
    column: str
    values: NDArray[np.float64]
    axis: Axis
    label: str = ""
    source: Path | None = None
    notes: list[str] = field(default_factory=list)  # what was done to the data on the way in

    def __len__(self) -> int:
        return len(self.values)

    @property
    def missing(self) -> int:
        """How many values are missing."""
        return int(np.isnan(self.values).sum())


def from_array(values: ArrayLike, name: str = "series") -> Series:
    """A series of the numbers in a one-dimensional array; its axis is 1 to n.

    Args:
        values: (n) finite numbers; NaN stands for a missing one.
        name: what to call it.

    Raises:
        DataError: not one-dimensional, or a value is infinite.

    Example:
        >>> len(from_array([1.0, 2.0, 4.0]))
        3
    """
    array = np.array(values, np.float64)
    if array.ndim != 1:
        raise DataError(f"expected values of shape (n), got {array.shape}")
    if np.isinf(array).any():
        raise DataError(f"expected finite values, got {array[np.isinf(array)][0]} at {int(np.argmax(np.isinf(array)))}")
    return _trim(Series(name, name, array, positions(len(array))))


def read_csv(path: str | Path, column: str | None = None, *, name: str | None = None, label: str = "") -> Series:
    """Read one numeric column of a CSV file, with the column of dates or of an index beside it as the axis.

    The column is the first numeric one that is not the axis, unless `column` names it (or gives its number, from 1). An
    empty cell is a missing value. Rows in descending order of the axis are turned round.

    Args:
        path: the file; `,`, `;` or tab between the fields, decimal point or decimal comma.
        column: name or number of the column.
        name: name of the series; the file's when None.
        label: what the values are; the column's name when empty.

    Returns:
        Series.

    Raises:
        DataError: no such file or column, no numeric column, text or NaN or infinity in it; row and column are named.
    """
    path = Path(path)
    table = read_table(path)
    cells = [[row[i] for row in table.rows] for i in range(len(table.header))]
    numeric = [i for i in range(len(cells)) if _mostly_numeric(cells[i])]
    chosen = _find_column(table, column) if column is not None else None
    axis_column, axis = _find_axis(table, cells, numeric, chosen)
    others = [i for i in numeric if i != axis_column]
    if chosen is None:
        if not others:
            raise DataError(
                f"expected a numeric column, got none; columns: {_columns(table)} (fields divided by , ; or tab)"
            )
        chosen = others[0]
    notes = []
    if column is None and len(others) > 1:
        also = ", ".join(repr(table.header[i]) for i in others[1:6]) + (", ..." if len(others) > 6 else "")
        notes.append(f"column {table.header[chosen]!r} chosen; --column takes another one: {also}")
    values = _numbers(table, chosen, cells[chosen])
    header = table.header[chosen] or "column 1"
    series = Series(name or path.stem, header, values, axis or positions(len(values)), label or header, path, notes)
    return _trim(_order(series, table.row_numbers))


def _columns(table: Table) -> str:
    names = [repr(name) for name in table.header[:12]]
    return ", ".join(names) + (", ..." if len(table.header) > 12 else "")


def _find_column(table: Table, column: str) -> int:
    if column in table.header:
        if table.header.count(column) > 1:
            raise DataError(
                f"expected one column {column!r}, got {table.header.count(column)}; give its number instead"
            )
        return table.header.index(column)
    if column.isdigit() and 1 <= int(column) <= len(table.header):
        return int(column) - 1
    raise DataError(f"expected --column to be one of {_columns(table)}, got {column!r}")


def _mostly_numeric(cells: list[str]) -> bool:
    """At least half of the filled cells are numbers; a stray text in such a column is an error, not ignored."""
    filled = [c for c in cells if c]
    return bool(filled) and 2 * sum(map(looks_numeric, filled)) >= len(filled)


def _find_axis(
    table: Table, cells: list[list[str]], numeric: list[int], chosen: int | None
) -> tuple[int | None, Axis | None]:
    """The first column of dates; else the first numeric one that is an index, if another is left for the values."""
    for i, column in enumerate(cells):
        if i != chosen and not (i in numeric and len(numeric) == 1 and chosen is None):
            axis = read_dates(table.header[i], column, table.row_numbers)
            if axis is not None:
                return i, axis
    for i in numeric:
        if i != chosen and len(numeric) > 1 and all(NUMBER.fullmatch(c) for c in cells[i]):
            values = np.array([float(c) for c in cells[i]])
            if is_number_axis(table.header[i], values):
                return i, Axis(table.header[i] or "index", values)
    return None, None


def _numbers(table: Table, index: int, cells: list[str]) -> NDArray[np.float64]:
    """A column of text as float64, an empty cell as NaN; anything else that is not a finite number is an error."""
    filled = [c for c in cells if c]
    point = sum(1 for c in filled if NUMBER.fullmatch(c))
    comma = sum(1 for c in filled if DECIMAL_COMMA.fullmatch(c))
    grouped = sum(1 for c in filled if NUMBER.fullmatch(c) or THOUSANDS.fullmatch(c))
    english = grouped > point and (table.delimiter == "," or grouped > comma)
    decimal_comma = comma > point and not (english and grouped >= comma)
    values = np.full(len(cells), np.nan)
    for i, (cell, number) in enumerate(zip(cells, table.row_numbers, strict=True)):
        if not cell:
            continue
        where = f"row {number}, column {table.header[index]!r}"
        if NOT_FINITE.fullmatch(cell):
            raise DataError(
                f"{where}: expected a finite number, got {cell!r}; leave the cell empty if the value is missing"
            )
        pattern = DECIMAL_COMMA if decimal_comma else NUMBER
        if decimal_comma:
            text = cell.replace(".", "").replace(",", ".")
        else:
            text = cell.replace(",", "") if english and THOUSANDS.fullmatch(cell) else cell
        if not (pattern.fullmatch(cell) or text != cell):
            raise DataError(f"{where}: expected a number, got {cell[:40]!r}")
        values[i] = float(text)
        if abs(values[i]) > _LARGEST:
            raise DataError(f"{where}: expected a number between -1e100 and 1e100, got {cell[:40]!r}")
    if not filled:
        raise DataError(f"expected numbers in column {table.header[index]!r}, got empty cells only")
    return values


def _order(series: Series, rows: list[int]) -> Series:
    """The series with its axis ascending."""
    steps = np.diff(series.axis.values).astype(np.float64)
    if (steps > 0).all():
        return series
    order = np.argsort(series.axis.values, kind="stable")
    same = np.flatnonzero(np.diff(series.axis.values[order]).astype(np.float64) == 0)
    if len(same):
        first, second = sorted((int(order[same[0]]), int(order[same[0] + 1])))
        label = series.axis.take(np.array([first])).labels()[0]
        raise DataError(
            f"row {rows[second]}, column {series.axis.name!r}: expected each value once (one series per file), "
            f"got {label} as in row {rows[first]}"
        )
    how = "rows turned round, they came in descending order of" if (steps < 0).all() else "rows sorted by"
    note = f"{how} {series.axis.name!r}"
    return replace(series, values=series.values[order], axis=series.axis.take(order), notes=[*series.notes, note])


def _trim(series: Series) -> Series:
    """The series from its first to its last value that is present."""
    present = np.flatnonzero(~np.isnan(series.values))
    if not len(present):
        raise DataError("expected numbers, got missing values only")
    keep = np.arange(present[0], present[-1] + 1)
    if len(keep) == len(series):
        return series
    note = f"{len(series) - len(keep)} missing values at the ends left out"
    return replace(series, values=series.values[keep], axis=series.axis.take(keep), notes=[*series.notes, note])
