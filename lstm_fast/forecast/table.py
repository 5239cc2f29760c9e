"""A text file as a table of cells: encoding, delimiter and header are found, nothing is converted yet."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from .errors import DataError

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
DECIMAL_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d*)?([eE][+-]?\d+)?")
THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)

DELIMITERS = (",", ";", "\t")
_SNIFFED_ROWS = 100
_DATE_LIKE = re.compile(r"\d{1,4}[-/.]\d{1,2}([-/.]\d{1,4})?([ T].*)?")


@dataclass(frozen=True)
class Table:
    """Header names, cells row by row, and the row numbers as a spreadsheet shows them (the first line is row 1)."""

    header: list[str]
    rows: list[list[str]]
    row_numbers: list[int]
    delimiter: str


def read_table(path: Path) -> Table:
    """Read a CSV file with `,`, `;` or tab between its fields, with or without a header.

    Accepted: quoted fields, a byte order mark (UTF-8, UTF-16), Windows and old Mac line ends, blank lines, and
    Windows-1252 where the text is not UTF-8.

    Args:
        path: the file.

    Returns:
        Table: every row has as many cells as the header.

    Raises:
        DataError: missing, empty or binary file; a row with another number of fields than the header.
    """
    text = _decode(path)
    if not text.strip():
        raise DataError(f"expected a CSV file with a header and numbers, got an empty file: {path}")
    delimiter = _sniff(text)
    rows, numbers = [], []
    for number, cells in enumerate(_parse(text, delimiter, path), start=1):
        if any(cell for cell in cells):
            rows.append(cells)
            numbers.append(number)
    if not rows:
        raise DataError(f"expected a CSV file with a header and numbers, got only empty fields: {path}")
    if _is_header(rows):
        header, rows, numbers = rows[0], rows[1:], numbers[1:]
        header = [name or (f"column {i + 1}" if i else "") for i, name in enumerate(header)]
    else:
        header = [f"column {i + 1}" for i in range(len(rows[0]))]
    if not rows:
        raise DataError(f"expected rows of numbers below the header, got the header alone: {path}")
    return Table(header, [_fit(r, len(header), n) for r, n in zip(rows, numbers, strict=True)], numbers, delimiter)


def looks_numeric(cell: str) -> bool:
    """Whether a cell is a number in any accepted notation, finite or not."""
    return any(p.fullmatch(cell) for p in (NUMBER, DECIMAL_COMMA, THOUSANDS, NOT_FINITE))


def _decode(path: Path) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"expected a CSV file, but there is no file {path}") from None
    except IsADirectoryError:
        raise DataError(f"expected a CSV file, got the folder {path}") from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from None
    encodings = ["utf-16"] if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ["utf-8-sig", "cp1252", "latin-1"]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not re.search(r"[\x00-\x08\x0e-\x1f]", text):
            return text
        break
    raise DataError(f"expected a text file (CSV), got binary data: {path}")


def _parse(text: str, delimiter: str, path: Path) -> list[list[str]]:
    try:
        # csv wants the line ends; strict=True finds an unclosed quote instead of swallowing the rest of the file
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
        return [[cell.strip() for cell in cells] for cells in reader]
    except csv.Error as error:
        raise DataError(
            f"expected a CSV file, got a badly quoted one: {path}, row {reader.line_num}: {error}"
        ) from None


def _sniff(text: str) -> str:
    """The delimiter under which most cells are numbers or dates, among those that give every row the same width."""
    head = list(itertools.islice(io.StringIO(text, newline=""), _SNIFFED_ROWS))
    best, best_score = DELIMITERS[0], (0.0, 0)
    for delimiter in DELIMITERS:
        try:
            rows = [r for r in csv.reader(head, delimiter=delimiter, skipinitialspace=True) if any(r)]
        except csv.Error:
            continue
        width, count = Counter(len(r) for r in rows).most_common(1)[0] if rows else (1, 0)
        if width < 2 or 2 * count < len(rows):
            continue
        cells = [c.strip() for r in rows[1:] or rows for c in r]
        good = sum(1 for c in cells if not c or looks_numeric(c) or _DATE_LIKE.fullmatch(c))
        score = (round(good / len(cells), 2), -DELIMITERS.index(delimiter))
        if score > best_score or best_score == (0.0, 0):
            best, best_score = delimiter, score
    return best


def _is_header(rows: list[list[str]]) -> bool:
    """The first row is a header unless one of its cells is a number where the rows below have numbers too."""
    below = rows[1] if len(rows) > 1 else []
    return not any(looks_numeric(a) and looks_numeric(b) for a, b in zip(rows[0], below or rows[0], strict=False))


def _fit(cells: list[str], width: int, number: int) -> list[str]:
    """Cut empty fields beyond the header's width (a trailing delimiter); any other difference is an error."""
    if len(cells) > width and not any(cells[width:]):
        cells = cells[:width]
    if len(cells) != width:
        raise DataError(f"row {number}: expected {width} fields as in the first row, got {len(cells)}")
    return cells
