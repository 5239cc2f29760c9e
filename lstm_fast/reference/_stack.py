"""Stacks of layers: each reads what the one before has written, times its dropout."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstm_fast.reference import _cells, _loop
from lstm_fast.reference._loop import Tape

Array = np.ndarray[Any, Any]
CELLS: dict[str, type[_cells.Cell]] = {"lstm": _cells.LSTM, "gru": _cells.GRU, "rnn": _cells.RNN}


class StackOutput(NamedTuple):
    """y (B,T,H) of the last layer; h and, of LSTMs, c (B,H) of each."""

    y: Array
    h: tuple[Array, ...]
    c: tuple[Array, ...]


class StackGrads(NamedTuple):
    """The gradient of x, of (w_x, w_h, b) of each layer, of h0 and, for LSTMs, c0 of each."""

    x: Array
    layers: tuple[tuple[Array, Array, Array], ...]
    h0: tuple[Array, ...]
    c0: tuple[Array, ...]


class StackTape(NamedTuple):
    """The tape of each layer, and the factors of its output."""

    tapes: list[Tape]
    factors: list[Any]


def recurrent_stack(
    x: Any, layers: Any, h0: Any = None, c0: Any = None, *, cell: str = "lstm", dropout: Any = None, **options: Any
) -> StackOutput:
    """Some recurrent layers; see `lstm_fast.functional.recurrent_stack`.

    Example:
        >>> layers = [(np.ones((1, 8)), np.ones((2, 8))), (np.ones((2, 4)), np.ones((1, 4)))]
        >>> recurrent_stack(np.ones((1, 2, 1)), layers).y.ravel().round(4).tolist()
        [0.2718, 0.6964]
    """
    return recurrent_stack_forward(x, layers, h0, c0, cell=cell, dropout=dropout, **options)[0]


def recurrent_stack_forward(
    x: Any, layers: Any, h0: Any = None, c0: Any = None, *, cell: str = "lstm", dropout: Any = None, **options: Any
) -> tuple[StackOutput, StackTape]:
    """`recurrent_stack` with the tapes of its layers.

    Example:
        >>> layers = [(np.ones((1, 2)), np.ones((2, 2))), (np.ones((2, 3)), np.ones((3, 3)))]
        >>> (y, h, c), tape = recurrent_stack_forward(np.ones((1, 2, 1)), layers, cell="rnn")
        >>> len(tape.tapes), [a.shape for a in h], c
        (2, [(1, 2), (1, 3)], ())
    """
    nothing = [None] * len(layers)
    y = np.asarray(x)
    hs: list[Array] = []
    cs: list[Array] = []
    tapes: list[Tape] = []
    factors: list[Any] = []
    time = 0 if options.get("time_major") or y.ndim == 2 else 1
    for k, weights in enumerate(layers):
        layer = CELLS[cell](*weights, *(() if len(weights) > 2 else (None,)))
        y, h, c, tape, _ = _loop.forward(layer, y, (h0 or nothing)[k], (c0 or nothing)[k], **options)
        factor = None if dropout is None or k == len(layers) - 1 else dropout[k]
        if factor is not None:
            factor = np.asarray(factor)
            factor = factor if factor.ndim == y.ndim else np.expand_dims(factor, time)
            y = y * factor
        hs, cs, tapes, factors = [*hs, h], [*cs, c], [*tapes, tape], [*factors, factor]
    return StackOutput(y, tuple(hs), tuple(cs) if cell == "lstm" else ()), StackTape(tapes, factors)


def recurrent_stack_backward(tape: StackTape, dy: Any = None, dh: Any = None, dc: Any = None) -> StackGrads:
    """The gradients of all inputs.

    Example:
        >>> layers = [(np.ones((1, 4)), np.ones((1, 4)))] * 2
        >>> (y, h, c), tape = recurrent_stack_forward(np.ones((1, 2, 1)), layers)
        >>> recurrent_stack_backward(tape, dy=np.ones_like(y)).x.round(4).ravel().tolist()
        [0.3344, 0.0972]
    """
    nothing = [None] * len(tape.tapes)
    layers: list[tuple[Array, Array, Array]] = []
    dh0: list[Array] = []
    dc0: list[Array] = []
    for k in reversed(range(len(tape.tapes))):
        cell, factor = tape.tapes[k].cell, tape.factors[k]
        dy = dy if factor is None or dy is None else dy * factor  # y = y * factor
        dy, first, second = _loop.backward(tape.tapes[k], dy, (dh or nothing)[k], (dc or nothing)[k])
        layers, dh0, dc0 = [(cell.dw_x, cell.dw_h, cell.bias_gradient()), *layers], [first, *dh0], [second, *dc0]
    lstm = isinstance(tape.tapes[0].cell, _cells.LSTM)
    return StackGrads(dy, tuple(layers), tuple(dh0), tuple(dc0) if lstm else ())
