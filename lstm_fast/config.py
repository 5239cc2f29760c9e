"""The default number type of layers, as in Keras."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

_floatx = "float32"
_names: dict[str, int] = {}


def floatx() -> str:
    """The dtype of layers that are given none: 'float32' unless `set_floatx` changed it."""
    return _floatx


def set_floatx(dtype: str) -> None:
    """Set the dtype of layers made from now on.

    Args:
        dtype: 'float32' or 'float64'.

    Example:
        >>> set_floatx("float64"); floatx()
        'float64'
        >>> set_floatx("float32")
    """
    global _floatx
    _floatx = check_dtype("set_floatx", dtype).name


def check_dtype(op: str, dtype: Any) -> np.dtype[Any]:
    """`dtype` (None: the default) as float32 or float64."""
    try:
        checked = np.dtype(floatx() if dtype is None else dtype)
    except TypeError:
        checked = None
    if checked is None or checked.name not in ("float32", "float64"):
        raise ValueError(f"{op}: expected dtype 'float32' or 'float64', got {dtype!r}")
    return checked


def clear_session() -> None:
    """Start the automatic names (lstm, lstm_1, ...) again."""
    _names.clear()


def base_name(class_name: str) -> str:
    """'TimeDistributed' -> 'time_distributed'."""
    return re.sub(r"(?<=[a-z])([A-Z])|(?<=.)([A-Z])(?=[a-z])", r"_\g<0>", class_name).lower()


def automatic_name(class_name: str) -> str:
    """'LSTM' -> 'lstm', then 'lstm_1', ..."""
    base = base_name(class_name)
    count = _names[base] = _names.get(base, -1) + 1
    return f"{base}_{count}" if count else base
