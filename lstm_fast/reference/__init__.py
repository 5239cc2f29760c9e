"""The NumPy twin of `lstm_fast.functional`: the same names and signatures, written to be read.

Plain loops over time with the equations in sight; no kernels, no validation, no speed. Tests compare the two. Shapes as
in `lstm_fast.functional`. `_cells` has the equations, `_loop` the walk through time, `_rows` who takes which step.
"""

from __future__ import annotations

import inspect
from typing import Any, NamedTuple

import numpy as np

from lstm_fast.reference import _cells, _loop
from lstm_fast.reference._activations import sigmoid
from lstm_fast.reference._loop import Tape
from lstm_fast.reference._stack import (
    StackGrads,
    StackOutput,
    StackTape,
    recurrent_stack,
    recurrent_stack_backward,
    recurrent_stack_forward,
)

Array = np.ndarray[Any, Any]

__all__ = [
    "GRUGrads",
    "GRUOutput",
    "LSTMGates",
    "LSTMGrads",
    "LSTMOutput",
    "RNNGrads",
    "RNNOutput",
    "StackGrads",
    "StackOutput",
    "StackTape",
    "Tape",
    "gru",
    "gru_backward",
    "gru_forward",
    "lstm",
    "lstm_backward",
    "lstm_forward",
    "lstm_gates",
    "recurrent_stack",
    "recurrent_stack_backward",
    "recurrent_stack_forward",
    "rnn",
    "rnn_backward",
    "rnn_forward",
    "sigmoid",
]


class _Output(NamedTuple):
    y: Array
    h: Array
    c: Array


class LSTMOutput(_Output):
    """y (B,T,H), h (B,H), c (B,H); `c_sequence` with `return_c`."""

    c_sequence: Array | None = None


class _Grads(NamedTuple):
    x: Array
    w_x: Array
    w_h: Array
    b: Array
    h0: Array
    c0: Array


class LSTMGrads(_Grads):
    """The gradient of each input, in the shape of that input; `peephole`, `projection`, `layer_norm` where given."""

    peephole: Array | None = None
    projection: Array | None = None
    layer_norm: Array | None = None


class LSTMGates(NamedTuple):
    """i, f, g, o, c, h: each (B,T,H), or (T,H) for one sequence; h P wide with a projection."""

    i: Array
    f: Array
    g: Array
    o: Array
    c: Array
    h: Array


class GRUOutput(NamedTuple):
    """y (B,T,H), h (B,H)."""

    y: Array
    h: Array


class GRUGrads(NamedTuple):
    """The gradient of each input, in the shape of that input."""

    x: Array
    w_x: Array
    w_h: Array
    b: Array
    h0: Array


class RNNOutput(GRUOutput):
    """y (B,T,H), h (B,H)."""


class RNNGrads(GRUGrads):
    """The gradient of each input, in the shape of that input."""


def split(cell: type[_cells.Cell], options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options that the cell takes, and the others."""
    own = inspect.signature(cell.setup).parameters
    return {n: v for n, v in options.items() if n in own}, {n: v for n, v in options.items() if n not in own}


def lstm(x: Any, w_x: Any, w_h: Any, b: Any = None, h0: Any = None, c0: Any = None, **options: Any) -> LSTMOutput:
    """One LSTM layer over a batch of sequences; see `lstm_fast.functional.lstm`.

    Example:
        >>> y, h, c = lstm(np.ones((1, 2, 1)), np.ones((1, 4)), np.ones((1, 4)))
        >>> y.ravel().round(4).tolist()
        [0.3696, 0.6505]
    """
    return lstm_forward(x, w_x, w_h, b, h0, c0, **options)[0]


def lstm_forward(
    x: Any, w_x: Any, w_h: Any, b: Any = None, h0: Any = None, c0: Any = None, **options: Any
) -> tuple[LSTMOutput, Tape]:
    """`lstm` with the tape of its steps.

    Example:
        >>> (y, h, c), tape = lstm_forward(np.ones((1, 2, 1)), np.ones((1, 4)), np.ones((1, 4)))
        >>> len(tape.steps)
        2
    """
    settings, options = split(_cells.LSTM, options)
    y, h, c, tape, c_seq = _loop.forward(_cells.LSTM(w_x, w_h, b, **settings), x, h0, c0, **options)
    output = LSTMOutput(y, h, c)
    if options.get("return_c"):
        output.c_sequence = c_seq
    return output, tape


def lstm_backward(tape: Tape, dy: Any = None, dh: Any = None, dc: Any = None, dc_sequence: Any = None) -> LSTMGrads:
    """The gradients of all inputs.

    Example:
        >>> (y, h, c), tape = lstm_forward(np.ones((1, 2, 1)), np.ones((1, 4)), np.ones((1, 4)))
        >>> lstm_backward(tape, dh=np.ones((1, 1))).b.round(4).tolist()
        [0.0894, 0.024, 0.1542, 0.1559]
    """
    dx, dh0, dc0 = _loop.backward(tape, dy, dh, dc, dc_sequence)
    cell = tape.cell
    grads = LSTMGrads(dx, cell.dw_x, cell.dw_h, cell.bias_gradient(), dh0, dc0)
    if isinstance(cell, _cells.LSTM) and cell.has_peephole:
        grads.peephole = cell.dp
    if isinstance(cell, _cells.LSTM) and cell.projects:
        grads.projection = cell.dw_p
    if isinstance(cell, _cells.LSTM) and cell.norm is not None:
        grads.layer_norm = cell.dnorm
    return grads


def lstm_gates(x: Any, w_x: Any, w_h: Any, b: Any = None, h0: Any = None, c0: Any = None, **options: Any) -> LSTMGates:
    """All gates and states of an LSTM at every step; see `lstm_fast.functional.lstm_gates`.

    Example:
        >>> lstm_gates(np.ones((3, 1)), np.zeros((1, 8)), np.zeros((2, 8))).f.tolist()
        [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]]
    """
    settings, _ = split(_cells.LSTM, options)
    cell = _cells.LSTM(w_x, w_h, b, **settings)
    y, _, _, tape, c = _loop.forward(cell, x, h0, c0)
    steps = [cell.gates_of(saved) for _, saved in tape.steps]  # (i, f, g, o), each (B,H)
    empty = np.zeros((len(tape.dropout), 0, cell.units), cell.w_x.dtype)
    gates = [np.stack([step[k] for step in steps], axis=1) if steps else empty for k in range(4)]
    i, f, g, o = map(tape.layout.caller, gates)
    return LSTMGates(i, f, g, o, c, y)


def gru(x: Any, w_x: Any, w_h: Any, b: Any = None, h0: Any = None, **options: Any) -> GRUOutput:
    """One GRU layer over a batch of sequences; see `lstm_fast.functional.gru`.

    Example:
        >>> gru(np.ones((1, 2, 1)), np.ones((1, 3)), np.ones((1, 3))).y.ravel().round(4).tolist()
        [0.2048, 0.3468]
    """
    return gru_forward(x, w_x, w_h, b, h0, **options)[0]


def gru_forward(x: Any, w_x: Any, w_h: Any, b: Any = None, h0: Any = None, **options: Any) -> tuple[GRUOutput, Tape]:
    """`gru` with the tape of its steps.

    Example:
        >>> (y, h), tape = gru_forward(np.ones((1, 2, 1)), np.ones((1, 3)), np.ones((1, 3)))
        >>> len(tape.steps)
        2
    """
    settings, options = split(_cells.GRU, options)
    y, h, _, tape, _ = _loop.forward(_cells.GRU(w_x, w_h, b, **settings), x, h0, **options)
    return GRUOutput(y, h), tape


def gru_backward(tape: Tape, dy: Any = None, dh: Any = None) -> GRUGrads:
    """The gradients of all inputs.

    Example:
        >>> (y, h), tape = gru_forward(np.ones((1, 2, 1)), np.ones((1, 3)), np.ones((1, 3)))
        >>> gru_backward(tape, dh=np.ones((1, 1))).w_h.shape
        (1, 3)
    """
    dx, dh0, _ = _loop.backward(tape, dy, dh)
    return GRUGrads(dx, tape.cell.dw_x, tape.cell.dw_h, tape.cell.bias_gradient(), dh0)


def rnn(x: Any, w_x: Any, w_h: Any, b: Any = None, h0: Any = None, **options: Any) -> RNNOutput:
    """One plain recurrent layer over a batch of sequences; see `lstm_fast.functional.rnn`.

    Example:
        >>> rnn(np.ones((1, 2, 1)), np.ones((1, 1)), np.ones((1, 1)), activation="relu").y.ravel().tolist()
        [1.0, 2.0]
    """
    return rnn_forward(x, w_x, w_h, b, h0, **options)[0]


def rnn_forward(x: Any, w_x: Any, w_h: Any, b: Any = None, h0: Any = None, **options: Any) -> tuple[RNNOutput, Tape]:
    """`rnn` with the tape of its steps.

    Example:
        >>> (y, h), tape = rnn_forward(np.ones((1, 2, 1)), np.ones((1, 1)), np.ones((1, 1)))
        >>> len(tape.steps)
        2
    """
    settings, options = split(_cells.RNN, options)
    y, h, _, tape, _ = _loop.forward(_cells.RNN(w_x, w_h, b, **settings), x, h0, **options)
    return RNNOutput(y, h), tape


def rnn_backward(tape: Tape, dy: Any = None, dh: Any = None) -> RNNGrads:
    """The gradients of all inputs.

    Example:
        >>> (y, h), tape = rnn_forward(np.ones((1, 2, 1)), np.ones((1, 1)), np.ones((1, 1)), activation="relu")
        >>> rnn_backward(tape, dy=np.ones((1, 2, 1))).w_h.tolist()
        [[1.0]]
    """
    return RNNGrads(*gru_backward(tape, dy, dh))
