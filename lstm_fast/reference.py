"""The NumPy twin of `lstm_fast.functional`: the same names and signatures, written to be read.

Plain loops over time with the equations in sight; no kernels, no validation, no speed. Tests compare the two. Shapes as
in `lstm_fast.functional`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]

__all__ = ["LSTMGrads", "LSTMOutput", "Tape", "lstm", "lstm_backward", "lstm_forward", "sigmoid"]


class LSTMOutput(NamedTuple):
    """y (B,T,H), h (B,H), c (B,H)."""

    y: Array
    h: Array
    c: Array


class LSTMGrads(NamedTuple):
    """The gradient of each input, in the shape of that input."""

    x: Array
    w_x: Array
    w_h: Array
    b: Array
    h0: Array
    c0: Array


class Step(NamedTuple):
    """One step of the rows still alive at it: R rows."""

    rows: Array  # (R) which rows of the batch
    t: Array  # (R) which position of each
    x: Array  # (R,I)
    h: Array  # (R,H) before the step
    c: Array  # (R,H) before the step
    gates: tuple[Array, Array, Array, Array]  # i f g o, each (R,H)
    c_new: Array  # (R,H)


class Tape(NamedTuple):
    """The steps in the order they ran, the weights, and the layout of x."""

    steps: list[Step]
    w_x: Array
    w_h: Array
    x: Array
    time_major: bool


def sigmoid(z: Array) -> Array:
    """1 / (1 + exp(-z)) without overflow, accurate in the lower tail.

    Example:
        >>> sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist()
        [0.0, 0.5, 1.0]
    """
    return np.exp(-np.logaddexp(0, -z)).astype(z.dtype)


def lstm(
    x: Any,
    w_x: Any,
    w_h: Any,
    b: Any = None,
    h0: Any = None,
    c0: Any = None,
    *,
    lengths: Any = None,
    reverse: bool = False,
    time_major: bool = False,
    num_threads: int | None = None,
    out: Array | None = None,
) -> LSTMOutput:
    """One LSTM layer over a batch of sequences; see `lstm_fast.functional.lstm`.

    Example:
        >>> y, h, c = lstm(np.ones((1, 2, 1)), np.ones((1, 4)), np.ones((1, 4)))
        >>> y.ravel().round(4).tolist()
        [0.3696, 0.6505]
    """
    output, _ = lstm_forward(x, w_x, w_h, b, h0, c0, lengths=lengths, reverse=reverse, time_major=time_major, out=out)
    return output


def lstm_forward(
    x: Any,
    w_x: Any,
    w_h: Any,
    b: Any = None,
    h0: Any = None,
    c0: Any = None,
    *,
    lengths: Any = None,
    reverse: bool = False,
    time_major: bool = False,
    num_threads: int | None = None,
    out: Array | None = None,
) -> tuple[LSTMOutput, Tape]:
    """`lstm` with the tape of its steps; `num_threads` is without meaning here.

    Example:
        >>> (y, h, c), tape = lstm_forward(np.ones((1, 2, 1)), np.ones((1, 4)), np.ones((1, 4)))
        >>> len(tape.steps)
        2
    """
    x, w_x, w_h = np.asarray(x), np.asarray(w_x), np.asarray(w_h)
    H = w_h.shape[0]
    batch = as_batch(x, time_major)
    B, T, _ = batch.shape
    b = np.zeros(4 * H, x.dtype) if b is None else np.asarray(b)
    h = np.zeros((B, H), x.dtype) if h0 is None else np.array(h0).reshape(B, H)
    c = np.zeros((B, H), x.dtype) if c0 is None else np.array(c0).reshape(B, H)
    lengths = np.full(B, T) if lengths is None else np.asarray(lengths, dtype=np.int64).reshape(B)
    y = np.zeros((B, T, H), x.dtype)

    steps: list[Step] = []
    for s in range(T):
        rows = np.flatnonzero(s < lengths)
        t = lengths[rows] - 1 - s if reverse else np.full(len(rows), s)
        x_t, h_t, c_t = batch[rows, t], h[rows], c[rows]

        z = x_t @ w_x + h_t @ w_h + b
        zi, zf, zg, zo = np.split(z, 4, axis=1)
        i, f, g, o = sigmoid(zi), sigmoid(zf), np.tanh(zg), sigmoid(zo)
        c_new = f * c_t + i * g
        h_new = o * np.tanh(c_new)

        steps.append(Step(rows, t, x_t, h_t, c_t, (i, f, g, o), c_new))
        h[rows], c[rows], y[rows, t] = h_new, c_new, h_new

    y = from_batch(y, x, time_major)
    if out is not None:
        out[...] = y
        y = out
    if x.ndim == 2:
        h, c = h[0], c[0]
    return LSTMOutput(y, h, c), Tape(steps, w_x, w_h, x, time_major)


def lstm_backward(tape: Tape, dy: Any = None, dh: Any = None, dc: Any = None) -> LSTMGrads:
    """The gradients of all inputs, each line the inverse of the forward line quoted beside it.

    Example:
        >>> (y, h, c), tape = lstm_forward(np.ones((1, 2, 1)), np.ones((1, 4)), np.ones((1, 4)))
        >>> lstm_backward(tape, dh=np.ones((1, 1))).b.round(4).tolist()
        [0.0894, 0.024, 0.1542, 0.1559]
    """
    steps, w_x, w_h, x, time_major = tape
    B, T, _ = as_batch(x, time_major).shape
    H = w_h.shape[0]
    dy = np.zeros((B, T, H), x.dtype) if dy is None else as_batch(np.asarray(dy), time_major)
    dh = np.zeros((B, H), x.dtype) if dh is None else np.array(dh).reshape(B, H)
    dc = np.zeros((B, H), x.dtype) if dc is None else np.array(dc).reshape(B, H)
    dx = np.zeros_like(as_batch(x, time_major), order="C")
    dw_x, dw_h, db = np.zeros_like(w_x, order="C"), np.zeros_like(w_h, order="C"), np.zeros(4 * H, x.dtype)

    for rows, t, x_t, h_t, c_t, (i, f, g, o), c_new in reversed(steps):
        dh_new = dh[rows] + dy[rows, t]  # y[rows, t] = h_new
        u = np.tanh(c_new)
        do_ = dh_new * u  # h_new = o * tanh(c_new)
        dc_new = dc[rows] + dh_new * o * (1 - u * u)
        di, df, dg = dc_new * g, dc_new * c_t, dc_new * i  # c_new = f * c_t + i * g
        dc[rows] = dc_new * f
        dz = np.concatenate([di * i * (1 - i), df * f * (1 - f), dg * (1 - g * g), do_ * o * (1 - o)], axis=1)
        dx[rows, t] = dz @ w_x.T  # z = x_t @ w_x + h_t @ w_h + b
        dh[rows] = dz @ w_h.T
        dw_x += x_t.T @ dz
        dw_h += h_t.T @ dz
        db += dz.sum(axis=0)

    if x.ndim == 2:
        dh, dc = dh[0], dc[0]
    return LSTMGrads(from_batch(dx, x, time_major), dw_x, dw_h, db, dh, dc)


def as_batch(a: Array, time_major: bool) -> Array:
    """(T,F), (T,B,F) or (B,T,F) as (B,T,F)."""
    if a.ndim == 2:
        return a[None]
    return a.swapaxes(0, 1) if time_major else a


def from_batch(a: Array, x: Array, time_major: bool) -> Array:
    """(B,T,F) in the layout of x."""
    squeezed: Array = a[0] if x.ndim == 2 else a
    return a.swapaxes(0, 1) if time_major and x.ndim == 3 else squeezed
