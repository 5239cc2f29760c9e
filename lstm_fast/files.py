"""Model files: one safetensors file, the configuration as JSON in its metadata. No pickle, no code.

Tensors: `<layer>/<weight>` for the weights, `optimizer/<slot>/<layer>/<weight>` for the state of the optimizer.
A file is written beside its name, flushed to the disk, then renamed: it is whole or it is not there.
Equal models give equal bytes: layers that were named automatically are numbered anew in each file.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

FORMAT = "lstm_fast"
VERSION = 1  # raised when an older reader could misread a newer file


def write(op: str, path: str | os.PathLike[str], tensors: dict[str, Array], settings: dict[str, Any]) -> None:
    """Write tensors and settings to `path`, atomically.

    Raises:
        OSError: the folder is missing or not writable; what stood at `path` is untouched.
    """
    import tempfile

    from safetensors.numpy import save

    text = json.dumps({"format": FORMAT, "version": VERSION, **settings}, sort_keys=True, allow_nan=False)
    data = save({name: np.require(a, requirements="C") for name, a in tensors.items()}, metadata={FORMAT: text})
    target = os.path.abspath(text_path(op, path))
    if os.path.isdir(target):
        raise IsADirectoryError(f"{op}: expected a file name, {target} is a folder")
    folder = os.path.dirname(target)
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(target)}.", dir=folder)
    except OSError as error:
        raise type(error)(f"{op}: cannot write in {folder}: {error.strerror}") from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _mode(target))
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(folder)


def text_path(op: str, path: Any) -> str:
    """The name of a file as text."""
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"{op}: expected the path of a file, got {type(path).__name__}")
    return os.fspath(path)


def _mode(target: str) -> int:
    """The permissions of the file that is replaced, else what a new file would get."""
    with contextlib.suppress(OSError):
        return os.stat(target).st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _sync_folder(folder: str) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read(op: str, path: str | os.PathLike[str]) -> tuple[dict[str, Array], dict[str, Any]]:
    """Tensors and settings of a file written by `write`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not such a file, is damaged, or is of a newer version.
    """
    from safetensors import SafetensorError, safe_open

    name = text_path(op, path)
    if os.path.isdir(name):
        raise IsADirectoryError(f"{op}: expected a model file, {name} is a folder")
    if not os.path.exists(name):
        raise FileNotFoundError(f"{op}: no file {name}")
    try:
        with safe_open(name, framework="np") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(
            f"{op}: {name} is no model file of lstm_fast, or is damaged ({_reason(name, error)})"
        ) from None
    except OSError as error:
        raise type(error)(f"{op}: cannot read {name}: {error.strerror or error}") from None
    try:
        settings = json.loads(metadata[FORMAT])
        version = settings["version"]
    except (KeyError, ValueError, TypeError):
        raise ValueError(f"{op}: {name} is a safetensors file without a model of lstm_fast") from None
    if not isinstance(version, int) or version > VERSION:
        raise ValueError(f"{op}: {name} has format version {version}, this lstm_fast reads up to {VERSION}; upgrade it")
    return tensors, settings


def _reason(name: str, error: Exception) -> str:
    with open(name, "rb") as file:
        start = file.read(8)
    if not start:
        return "it is empty"
    if start.startswith(b"\x89HDF"):
        return "it is an HDF5 file"
    if start.startswith(b"PK"):
        return "it is a zip archive, perhaps of Keras"
    return str(error).splitlines()[0]
