"""The inputs of stacks, checked: a list with an entry per layer each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lstm_fast import _check
from lstm_fast._check import Array
from lstm_fast._rows import Layout
from lstm_fast.functional import _call

Layer = tuple[Array, Array, Array | None]  # w_x, w_h, b
States = Sequence[ArrayLike | None]  # one per layer; None: zeros


def weights(op: str, cell: _call.Cell, I: int, layers: Sequence[Any], dtype: Any) -> list[Layer]:
    """(w_x, w_h, b or None) of each layer, checked; each reads I features, or what the one before has units."""
    if not isinstance(layers, list | tuple) or not layers:
        got = f"a {type(layers).__name__}" if not isinstance(layers, list | tuple) else "none"
        raise TypeError(f"{op}: expected layers as a list of (w_x, w_h, b), one for each layer, got {got}")
    checked: list[Layer] = []
    for k, layer in enumerate(layers):
        where = f"{op}: layers[{k}]"
        if not isinstance(layer, tuple | list) or len(layer) not in (2, 3):
            raise TypeError(f"{where}: expected (w_x, w_h) or (w_x, w_h, b), got {type(layer).__name__}"
                            f"{f' of {len(layer)}' if isinstance(layer, tuple | list) else ''}")  # fmt: skip
        w_x, w_h, b = (*layer, None)[:3]
        w_x, w_h, b, I = _check.weights(where, cell.gates, I, w_x, w_h, b, dtype, cell.biases)
        checked.append((w_x, w_h, b))
    return checked


def states(
    op: str, name: str, value: States | None, sizes: Sequence[tuple[int, int]], layout: Layout, dtype: Any
) -> list[Array | None]:
    """A state or its gradient (B,H) of each layer, checked, or None."""
    if value is None:
        return [None] * len(sizes)
    _one_each(op, name, value, len(sizes), "layer")
    return [_check.state(op, f"{name}[{k}]", a, layout.B, H, dtype, layout.batched)
            for k, (a, (_, H)) in enumerate(zip(value, sizes, strict=True))]  # fmt: skip


def factors(
    op: str, dropout: Sequence[ArrayLike | None] | None, sizes: Sequence[tuple[int, int]], layout: Layout, dtype: Any
) -> list[Array | None]:
    """The factors (B,T,I) of x of each layer, None for the first."""
    checked: list[Array | None] = [None] * len(sizes)
    if dropout is None:
        return checked
    _one_each(op, "dropout", dropout, len(sizes) - 1, "layer but the last")
    for k, value in enumerate(dropout):
        if value is None:
            continue
        name, H = f"dropout[{k}]", sizes[k][1]
        full = layout.shape(H)
        a = _check.packed(op, name, value, dtype)
        if a.shape == full:
            checked[k + 1] = layout.kernel(a)
        else:
            rows = _check.state(op, name, a, layout.B, H, dtype, layout.batched)
            assert rows is not None
            checked[k + 1] = np.broadcast_to(rows[:, None], (layout.B, layout.T, H))
    return checked


def _one_each(op: str, name: str, value: Any, count: int, what: str) -> None:
    if isinstance(value, np.ndarray) or not isinstance(value, list | tuple) or len(value) != count:
        got = f"an array of shape {value.shape}; use list({name})" if isinstance(value, np.ndarray) else (
            f"{len(value)}" if isinstance(value, list | tuple) else type(value).__name__)  # fmt: skip
        raise ValueError(f"{op}: expected {name} as a list of {count}, one for each {what}, got {got}")


def given(states: list[Array], layout: Layout) -> tuple[Array, ...]:
    """States in the layout of the caller."""
    return tuple(states) if layout.batched else tuple(a[0] for a in states)
