"""LSTM on arrays: shapes, defaults and output allocation around the kernels.

Shapes: T time steps, B batch, I input features, H hidden units; x (B,T,I), y (B,T,H), h and c (B,H), w_x (I,4H),
w_h (H,4H), b (4H). Gates in the order i f g o:

    i = sigmoid(x w_xi + h w_hi + b_i)    f = sigmoid(...)    g = tanh(...)    o = sigmoid(...)
    c' = f*c + i*g                        h' = o*tanh(c')

`lstm_fast.reference` is the NumPy twin of this module.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import ArrayLike

from lstm_fast import _check, _core
from lstm_fast._core import empty
from lstm_fast._tape import Tape, batch_major, sequence_shape

Array = _check.Array

__all__ = ["LSTMGrads", "LSTMOutput", "Tape", "lstm", "lstm_backward", "lstm_forward"]


class LSTMOutput(NamedTuple):
    """y (B,T,H) in the layout of x; h, c (B,H): the state after each row's last valid step."""

    y: Array
    h: Array
    c: Array


class LSTMGrads(NamedTuple):
    """The gradient of each input of `lstm_forward` in the shape of that input (b, h0, c0 also where they were None)."""

    x: Array
    w_x: Array
    w_h: Array
    b: Array
    h0: Array
    c0: Array


def lstm(
    x: ArrayLike,
    w_x: ArrayLike,
    w_h: ArrayLike,
    b: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    c0: ArrayLike | None = None,
    *,
    lengths: ArrayLike | None = None,
    reverse: bool = False,
    time_major: bool = False,
    num_threads: int | None = None,
    out: Array | None = None,
) -> LSTMOutput:
    """One LSTM layer over a batch of sequences, for inference.

    Shapes: x (B,T,I) -> y (B,T,H), h (B,H), c (B,H); x (T,I) -> y (T,H), h (H,), c (H,).

        i, f, o = sigmoid(x w_x + h w_h + b)    g = tanh(...)    c' = f*c + i*g    h' = o*tanh(c')

    Args:
        x: (B,T,I), or (T,B,I) with `time_major`, or one sequence (T,I); float32 or float64.
        w_x: (I,4H), columns in the gate order i f g o. Every array has the dtype of x.
        w_h: (H,4H).
        b: (4H), or None for zeros.
        h0: (B,H), or (H,) with an unbatched x, or None for zeros.
        c0: the same for the cell state.
        lengths: B integers in 0..T: row r has lengths[r] valid steps, y beyond them is zero.
        reverse: run from the last valid step to the first; y[t] stays beside x[t], h is the state after t=0.
        time_major: x and y are (T,B,·).
        num_threads: at most so many threads; None: `get_num_threads()`.
        out: receives y: shape and dtype of y, any strides, apart from the inputs.

    Returns:
        LSTMOutput(y, h, c), dtype of x. The bits depend on neither threads, batch, layout nor instruction set.

    Raises:
        TypeError: a dtype other than that of x, or not float32 or float64.
        ValueError: a wrong shape, length or thread count.
        MemoryError: the problem does not fit.

    Source:
        Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000.

    Example:
        >>> import numpy as np
        >>> x, w_x, w_h = np.ones((1, 2, 1)), np.ones((1, 4)), np.ones((1, 4))
        >>> y, h, c = lstm(x, w_x, w_h)
        >>> y.ravel().round(4).tolist()
        [0.3696, 0.6505]
    """
    return _lstm("lstm", False, x, w_x, w_h, b, h0, c0, lengths, reverse, time_major, num_threads, out)[0]


def lstm_forward(
    x: ArrayLike,
    w_x: ArrayLike,
    w_h: ArrayLike,
    b: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    c0: ArrayLike | None = None,
    *,
    lengths: ArrayLike | None = None,
    reverse: bool = False,
    time_major: bool = False,
    num_threads: int | None = None,
    out: Array | None = None,
) -> tuple[LSTMOutput, Tape]:
    """`lstm`, keeping what `lstm_backward` needs: 20 bytes per (t,b,h) in float32.

    Args: as `lstm`. x, h0 and c0 stay unchanged until backward has run; the weights may change.

    Returns:
        (LSTMOutput(y, h, c), tape); the bits of `lstm`.

    Raises: as `lstm`.

    Example:
        >>> import numpy as np
        >>> x, w_x, w_h = np.ones((1, 2, 1)), np.ones((1, 4)), np.ones((1, 4))
        >>> (y, h, c), tape = lstm_forward(x, w_x, w_h)
        >>> lstm_backward(tape, dy=np.ones_like(y)).x.shape
        (1, 2, 1)
    """
    return _lstm("lstm_forward", True, x, w_x, w_h, b, h0, c0, lengths, reverse, time_major, num_threads, out)  # type: ignore[return-value]


def _lstm(
    op: str,
    training: bool,
    x: ArrayLike,
    w_x: ArrayLike,
    w_h: ArrayLike,
    b: ArrayLike | None,
    h0: ArrayLike | None,
    c0: ArrayLike | None,
    lengths: ArrayLike | None,
    reverse: bool,
    time_major: bool,
    num_threads: int | None,
    out: Array | None,
) -> tuple[LSTMOutput, Tape | None]:
    x, batched = _check.sequence(op, x, time_major)
    B, T, I = x.shape
    dtype = x.dtype
    w_x, w_h, b, H = _check.weights(op, 4, I, w_x, w_h, b, dtype)
    _check.size(op, B, T, I, H)
    h0 = _check.state(op, "h0", h0, B, H, dtype, batched)
    c0 = _check.state(op, "c0", c0, B, H, dtype, batched)
    valid = None if lengths is None else _check.lengths(op, lengths, B, T, batched)
    workers = 0 if num_threads is None else _check.num_threads(op, num_threads)
    shape = sequence_shape(B, T, H, batched, time_major)
    if out is None:
        y = target = empty(shape, dtype)
    else:
        y = _check.output(op, out, shape, dtype, (x, w_x, w_h, b, h0, c0))
        target = y if _check.rows(y) is y else empty(shape, dtype)  # the kernel writes contiguous rows
    h, c = empty((B, H), dtype), empty((B, H), dtype)

    sequence = _plan("lstm", w_x, w_h, b, B, T, I, H, dtype, training, reverse, valid, workers)
    sequence.forward(x, h0, c0, batch_major(target, batched, time_major), h, c)

    if target is not y:
        y[...] = target
    tape = Tape("lstm", sequence, x, h0, c0, H, batched, time_major) if training else None
    return LSTMOutput(y, h, c) if batched else LSTMOutput(y, h[0], c[0]), tape


def _plan(
    cell: str,
    w_x: Array,
    w_h: Array,
    b: Array | None,
    B: int,
    T: int,
    I: int,
    H: int,
    dtype: _check.Dtype,
    training: bool,
    reverse: bool,
    lengths: Array | None,
    num_threads: int,
) -> Any:
    """A sequence on freshly packed weights; the one place where functions on arrays make either."""
    weights = _core.Weights(cell, I, H, dtype, training)
    weights.pack(w_x, w_h, b)
    return _core.Sequence(weights, B, T, training=training, reverse=reverse, lengths=lengths, num_threads=num_threads)


def lstm_backward(
    tape: Tape, dy: ArrayLike | None = None, dh: ArrayLike | None = None, dc: ArrayLike | None = None
) -> LSTMGrads:
    """The gradients of all inputs of the `lstm_forward` that made `tape`; uses the tape up.

    Shapes: dy as y, dh and dc as h and c -> x, w_x, w_h, b (4H), h0, c0, each in the shape of that input.

    For each step from last to first, with dh and dc summed over all that used h' and c':

        do_ = dh*tanh(c')    dc += dh*o*(1 - tanh(c')^2)    df = dc*c    di = dc*g    dg = dc*i    dc = dc*f
        dG = [di*i*(1-i), df*f*(1-f), dg*(1-g^2), do_*o*(1-o)]    dx = dG w_x^T    dh = dG w_h^T
        dw_x += x^T dG    dw_h += h^T dG    db += dG

    Args:
        tape: from `lstm_forward`.
        dy: gradient of y in the layout of y, or None for zeros; values beyond a row's length are not read.
        dh: gradient of the last h, or None for zeros.
        dc: gradient of the last c, or None for zeros.

    Returns:
        LSTMGrads(x, w_x, w_h, b, h0, c0), dtype of x; zero for x beyond a row's length.

    Raises:
        ValueError: the tape was used before, or a wrong shape (the tape stays usable).
        TypeError: not a tape, or a dtype other than that of x.

    Example:
        >>> import numpy as np
        >>> (y, h, c), tape = lstm_forward(np.ones((1, 2, 1)), np.ones((1, 4)), np.ones((1, 4)))
        >>> lstm_backward(tape, dh=np.ones((1, 1))).b.round(4).tolist()
        [0.0894, 0.024, 0.1542, 0.1559]
    """
    op = "lstm_backward"
    if not isinstance(tape, Tape) or tape.cell != "lstm":
        got = f"one of {tape.cell}_forward" if isinstance(tape, Tape) else type(tape).__name__
        raise TypeError(f"{op}: expected a tape from lstm_forward, got {got}")
    B, T, I, H = tape.shape
    batched, time_major, dtype = tape.batched, tape.time_major, tape.dtype
    dy = _check.like_output(op, "dy", dy, sequence_shape(B, T, H, batched, time_major), dtype)
    dh = _check.state(op, "dh", dh, B, H, dtype, batched)
    dc = _check.state(op, "dc", dc, B, H, dtype, batched)

    dx = empty(sequence_shape(B, T, I, batched, time_major), dtype)
    dw_x, dw_h, db = empty((I, 4 * H), dtype), empty((H, 4 * H), dtype), empty((4 * H,), dtype)
    dh0, dc0 = empty((B, H), dtype), empty((B, H), dtype)
    tape.take(op).backward(
        tape.x,
        None if dy is None else batch_major(dy, batched, time_major),
        dh,
        dc,
        batch_major(dx, batched, time_major),
        dw_x,
        dw_h,
        db,
        dh0,
        dc0,
        tape.h0,
        tape.c0,
    )
    if not batched:
        dh0, dc0 = dh0[0], dc0[0]
    return LSTMGrads(dx, dw_x, dw_h, db, dh0, dc0)
