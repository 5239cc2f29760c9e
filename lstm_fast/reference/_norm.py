"""Layer normalisation of the numbers of each row (Ba, Kiros, Hinton 2016), without gain and shift."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def standard(z: Array, epsilon: Any) -> tuple[Array, Array]:
    """z (..,N) with mean 0 and variance 1 in each row, and the scale (..,1) it was multiplied by.

    Example:
        >>> standard(np.array([[1.0, 5.0]]), 0.0)[0].tolist()
        [[-1.0, 1.0]]
    """
    away = z - z.mean(axis=-1, keepdims=True)
    scale: Array = 1 / np.sqrt((away * away).mean(axis=-1, keepdims=True) + epsilon)
    return away * scale, scale


def standard_backward(n: Array, scale: Array, dn: Array) -> Array:
    """The gradient of z for n, scale = standard(z)."""
    along: Array = dn - dn.mean(axis=-1, keepdims=True) - n * (dn * n).mean(axis=-1, keepdims=True)
    return scale * along
