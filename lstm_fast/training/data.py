"""The front door of fit, evaluate and predict: what people pass, as C-contiguous arrays of the right type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lstm_fast.training.parameters import Array, Dtype

Shape = tuple[int | None, ...]


def as_array(op: str, name: str, value: Any, dtype: Dtype) -> Array:
    """`value` (array, nested list, pandas frame) as a C-contiguous, aligned array of `dtype`; itself when it is one."""
    if type(value) is np.ndarray and value.dtype is dtype and value.flags.c_contiguous and value.flags.aligned:
        return value
    if value is None:
        raise ValueError(f"{op}: expected {name} as an array of numbers, got None")
    if hasattr(value, "to_numpy"):  # pandas, polars
        value = _from_frame(op, name, value)
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{op}: expected {name} as numbers, got a masked array; fill it with {name}.filled()")
    try:
        a = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{op}: expected {name} as one array of numbers, got {type(value).__name__}: {error}"
        ) from None
    if a.dtype == object and a.size:
        try:
            a = a.astype(dtype)
        except (ValueError, TypeError):
            raise ValueError(
                f"{op}: expected {name} as one array of numbers, got rows of unequal length or no numbers"
            ) from None
    if a.dtype.kind not in "iufb" and a.size:
        raise TypeError(f"{op}: expected {name} as numbers, got dtype {a.dtype}")
    return np.require(a.astype(dtype, copy=False), dtype, ["C", "A"])


def _from_frame(op: str, name: str, frame: Any) -> Array:
    """The numbers of a data frame or of one column; what is missing becomes NaN."""
    a: Array = frame.to_numpy()
    if a.dtype != object:
        return a
    try:
        return _filled(frame)
    except (ValueError, TypeError):
        for label in getattr(frame, "columns", ()):
            try:
                _filled(frame[label])
            except (ValueError, TypeError):
                raise TypeError(
                    f"{op}: expected {name} as numbers, got column {label!r} of dtype {frame[label].dtype}; "
                    "encode it as numbers or leave it out"
                ) from None
        raise TypeError(f"{op}: expected {name} as numbers, got dtype {a.dtype}") from None


def _filled(frame: Any) -> Array:
    """Of pandas; elsewhere what is missing is NaN already."""
    a: Array = frame.to_numpy(dtype=np.float64, na_value=np.nan)
    return a


def text_shape(shape: Sequence[int | None]) -> str:
    """(None, 10, 1) -> '(batch, 10, 1)'."""
    inner = ", ".join("any" if n is None else str(n) for n in shape[1:])
    return f"(batch, {inner})" if len(shape) > 1 else "(batch,)"


def fit_shape(op: str, name: str, a: Array, shape: Shape) -> Array:
    """`a` as an input of `shape`: a missing or superfluous last axis of one is mended, as in Keras."""
    if a.ndim == len(shape) - 1 and a.ndim and shape[-1] == 1:
        a = a[..., None]
    elif a.ndim == len(shape) + 1 and a.shape[-1] == 1:
        a = a[..., 0]
    if a.ndim != len(shape) or any(want not in (None, got) for want, got in zip(shape[1:], a.shape[1:], strict=True)):
        fix = ""
        if len(shape) == 3 and a.ndim == 2:
            fix = f"; add the axis that is missing, such as {name}[..., None] for one feature"
        raise ValueError(f"{op}: expected {name} of shape {text_shape(shape)}, got {a.shape}{fix}")
    return a


def as_list(value: Any, count: int, names: Sequence[str], op: str, what: str) -> list[Any]:
    """What was passed for `count` inputs or outputs, in order: a list, a dict by name, or the one itself."""
    if isinstance(value, dict):
        missing = [n for n in names if n not in value]
        if missing:
            raise ValueError(f"{op}: {what} has no entry for {missing[0]!r}; it has {sorted(map(str, value))}")
        return [value[n] for n in names]
    if count == 1:
        if (
            isinstance(value, list | tuple)
            and len(value) == 1
            and isinstance(value[0], np.ndarray)
            and value[0].ndim > 1
        ):
            return [value[0]]
        return [value]
    if not isinstance(value, list | tuple) or len(value) != count:
        got = f"{len(value)}" if isinstance(value, list | tuple) else type(value).__name__
        raise ValueError(f"{op}: expected {what} as a list of {count} arrays, got {got}")
    return list(value)


def same_length(op: str, groups: dict[str, list[Any]], least: int = 1) -> int:
    """The number of rows that all arrays have; ValueError when they differ or when there are fewer than `least`."""
    lengths = {
        f"{name}[{k}]" if len(arrays) > 1 else name: len(a)
        for name, arrays in groups.items()
        for k, a in enumerate(arrays)
        if a is not None
    }
    first, n = next(iter(lengths.items()))
    for name, other in lengths.items():
        if other != n:
            raise ValueError(f"{op}: expected as many rows in {name} as in {first} ({n}), got {other}")
    if n < least:
        raise ValueError(f"{op}: expected at least one row, got {first} with none")
    return n


def split(fraction: float, n: int) -> int:
    """Rows that stay for training when the last `fraction` goes to validation."""
    if not isinstance(fraction, float | int | np.number) or not 0 < fraction < 1:
        raise ValueError(f"fit: expected validation_split between 0 and 1, got {fraction!r}")
    at = int(np.floor(n * (1.0 - fraction)))
    if at in (0, n):
        raise ValueError(f"fit: validation_split={fraction} of {n} rows leaves no row on one side")
    return at


def whole_number(name: str, value: Any, least: int, op: str = "fit") -> int:
    """`value` as an int >= least."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{op}: expected {name} as an integer >= {least}, got {value!r}")
    return int(value)
