"""The files of a forecast: all staged in a hidden folder beside their places, then moved there in one go."""

from __future__ import annotations

import csv
import io
import os
import tempfile
from pathlib import Path

from .errors import DataError, RunError
from .job import Forecast

CSV, PNG, MODEL = "forecast.csv", "forecast.png", "model.safetensors"


def check_folder(folder: str | Path, source: Path | None = None) -> None:
    """Find out before the work whether its files can be written; leaves nothing behind.

    Args:
        folder: where they will go; it and its parents need not exist.
        source: the CSV that is read, which must not be overwritten.

    Raises:
        DataError: `forecast.csv` there is the input.
        RunError: not a folder, or not writable.
    """
    folder = Path(folder)
    if source is not None and (folder / CSV).resolve() == source.resolve():
        raise DataError(f"expected another --output folder: {folder / CSV} is the input")
    for name in (CSV, PNG, MODEL):
        if (folder / name).is_dir():
            raise RunError(f"cannot write {folder / name}: there is a folder of that name")
    ancestor = folder.absolute()
    while not os.path.lexists(ancestor):
        ancestor = ancestor.parent
    if not ancestor.is_dir():
        raise RunError(f"cannot write to folder {folder}: {ancestor} is not a folder")
    try:
        with tempfile.TemporaryFile(dir=ancestor):
            pass
    except OSError as error:
        raise RunError(f"cannot write to folder {folder}: {error.strerror or error}") from None


def write_files(result: Forecast, folder: str | Path) -> tuple[list[Path], list[str]]:
    """Write `forecast.csv`, `forecast.png` (with matplotlib) and `model.safetensors`.

    The same result gives the same bytes. All are staged first; a failure before the last moves leaves none.

    Args:
        result: of `forecast`.
        folder: created when missing; files of the same names are replaced.

    Returns:
        The files written, and notes (one line when matplotlib is missing).

    Raises:
        RunError: a file could not be written; then none is.
    """
    folder = Path(folder)
    created = [p for p in (folder.absolute(), *folder.absolute().parents) if not p.exists()]
    notes = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".lstm-fast-") as name:
            stage = Path(name)
            _write(stage / CSV, _table(result).encode())
            try:
                from lstm_fast.plots import plot_forecast

                picture = io.BytesIO()
                plot_forecast(result, picture)
                _write(stage / PNG, picture.getvalue())
            except ImportError as error:
                stale = " (the one there is from an earlier run)" if (folder / PNG).exists() else ""
                notes.append(f"no {PNG}{stale}: {error}")
            result.model.save(stage / MODEL, include_optimizer=False)
            written = [folder / path.name for path in sorted(stage.iterdir())]
            for path in written:
                os.replace(stage / path.name, path)
        _sync(folder)
    except BaseException as error:
        for path in created:
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()
        if isinstance(error, OSError):
            raise RunError(f"cannot write to folder {folder}: {error.strerror or error}") from None
        raise
    return written, notes


def _table(result: Forecast) -> str:
    """The forecast as CSV text: one row per step."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([result.axis.name, "forecast", "lower", "upper"])
    for label, *numbers in zip(result.axis.labels(), result.values, result.lower, result.upper, strict=True):
        writer.writerow([label, *(f"{number:.7g}" for number in numbers)])
    return text.getvalue()


def _write(path: Path, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Make the renames durable where the system can (POSIX)."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
