"""Sequences of unequal length as one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray[Any, Any]:
    """Sequences, each (n,...), as one array (rows, maxlen, ...), shorter ones filled up, longer ones cut.

    Args:
        sequences: lists or arrays.
        maxlen: None: the longest.
        dtype: of the result.
        padding: 'pre' or 'post': where `value` is put.
        truncating: 'pre' or 'post': where is cut.
        value: what shorter ones are filled with.

    Raises:
        ValueError: entries without a length, or of unequal shapes beyond the first axis.

    Example:
        >>> pad_sequences([[1], [2, 3, 4]], maxlen=2).tolist()
        [[0, 1], [3, 4]]
    """
    if not hasattr(sequences, "__len__"):
        raise ValueError(f"pad_sequences: expected a list of sequences, got {type(sequences).__name__}")
    for name, where in (("padding", padding), ("truncating", truncating)):
        if where not in ("pre", "post"):
            raise ValueError(f"pad_sequences: expected {name} 'pre' or 'post', got {where!r}")
    single = next((k for k, s in enumerate(sequences) if not hasattr(s, "__len__")), None)
    if single is not None:
        got = type(sequences[single]).__name__
        raise ValueError(f"pad_sequences: expected a list of sequences, got {got} at {single}; wrap it in a list")
    inner = next((np.asarray(s).shape[1:] for s in sequences if len(s)), ())
    longest = max(map(len, sequences), default=0) if maxlen is None else int(maxlen)
    if isinstance(value, str) and np.dtype(dtype).kind not in "OUS":
        raise ValueError(f"pad_sequences: value {value!r} does not fit dtype {dtype}; use dtype=object")
    out = np.full((len(sequences), longest, *inner), value, dtype)
    for k, s in enumerate(sequences):
        kept = s[max(0, len(s) - longest) :] if truncating == "pre" else s[:longest]
        if not len(kept):
            continue
        try:
            row = np.asarray(kept, dtype)
        except (ValueError, TypeError):
            fix = "; turn words into numbers first, with Tokenizer.texts_to_sequences"
            fix = fix if any(isinstance(v, str) for v in kept) else ""
            raise ValueError(f"pad_sequences: sequence {k} does not fit dtype {dtype}{fix}") from None
        if row.shape[1:] != inner:
            raise ValueError(f"pad_sequences: expected steps of shape {inner}, got {row.shape[1:]} in sequence {k}")
        if padding == "pre":
            out[k, longest - len(row) :] = row
        else:
            out[k, : len(row)] = row
    return out
