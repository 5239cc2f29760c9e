"""Class labels as one-hot rows."""

from __future__ import annotations

from typing import Any

import numpy as np


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray[Any, Any]:
    """Integer labels (...) as one-hot float32 (..., num_classes); a last axis of one is dropped, as in Keras.

    Args:
        x: integers >= 0.
        num_classes: None: the largest label + 1.

    Raises:
        ValueError: a label outside 0..num_classes-1.

    Example:
        >>> to_categorical([0, 2]).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    try:
        labels = np.asarray(x).astype(np.int64)
    except (ValueError, TypeError):
        raise ValueError("to_categorical: expected integer labels, got texts; number them first, for example with "
                         "numpy.unique(labels, return_inverse=True)") from None  # fmt: skip
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    count = int(num_classes) if num_classes else (int(labels.max()) + 1 if labels.size else 0)
    if labels.size and (labels.min() < 0 or labels.max() >= count):
        raise ValueError(f"to_categorical: expected labels in 0..{count - 1}, got {labels.min()}..{labels.max()}")
    out = np.zeros((labels.size, count), np.float32)
    out[np.arange(labels.size), labels.ravel()] = 1
    return out.reshape(*labels.shape, count)
