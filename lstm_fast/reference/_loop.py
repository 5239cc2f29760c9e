"""The loop over time, for every cell."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstm_fast.reference._cells import Cell
from lstm_fast.reference._rows import Layout, Moment, timetable

Array = np.ndarray[Any, Any]


class Tape(NamedTuple):
    """The steps in the order they ran, the cell, the layout of x, and the dropout masks."""

    steps: list[tuple[Moment, Any]]
    cell: Cell
    layout: Layout
    dropout: Array  # (B,I)
    recurrent_dropout: Array  # (B,H)


def forward(
    cell: Cell,
    x: Any,
    h0: Any = None,
    c0: Any = None,
    *,
    lengths: Any = None,
    mask: Any = None,
    reset: Any = None,
    offsets: Any = None,
    dropout: Any = None,
    recurrent_dropout: Any = None,
    reverse: bool = False,
    time_major: bool = False,
    checkpoint_every: int | None = None,
    num_threads: int | None = None,
    out: Array | None = None,
    return_c: bool = False,
) -> tuple[Array, Array, Array, Tape, Array]:
    """y, h, c, the tape and c of all steps; `num_threads` and `checkpoint_every` are without meaning here."""
    x = np.asarray(x)
    layout = Layout(x.shape, time_major, None if offsets is None else np.asarray(offsets))
    batch = layout.batch(x)
    (B, T, I), H = batch.shape, cell.outputs
    h = np.zeros((B, H), x.dtype) if h0 is None else np.array(h0).reshape(B, H)
    c = np.zeros((B, cell.units), x.dtype) if c0 is None else np.array(c0).reshape(B, cell.units)
    lengths = lengths if offsets is None else np.diff(offsets)
    x_scale = np.ones((B, I), x.dtype) if dropout is None else np.reshape(dropout, (B, I))
    h_scale = np.ones((B, H), x.dtype) if recurrent_dropout is None else np.reshape(recurrent_dropout, (B, H))
    y, output = np.zeros((B, T, H), x.dtype), np.zeros((B, H), x.dtype)
    c_seq, c_output = np.zeros((B, T, cell.units), x.dtype), np.zeros_like(c)
    taken = np.zeros(B, np.int64)  # steps of each row so far

    steps: list[tuple[Moment, Any]] = []
    for moment in timetable(B, T, lengths, reverse, layout.flags(mask, B, T), layout.flags(reset, B, T)):
        rows, t, held, held_t, restarted = moment
        h[restarted], c[restarted] = 0, 0
        y[held, held_t], c_seq[held, held_t] = output[held], c_output[held]
        cell.place(rows, taken[rows], T)
        taken[rows] += 1
        h_new, c_new, saved = cell.forward(batch[rows, t] * x_scale[rows], h[rows] * h_scale[rows], h[rows], c[rows])
        steps.append((moment, saved))
        h[rows], c[rows], output[rows], y[rows, t] = h_new, c_new, h_new, h_new
        c_output[rows], c_seq[rows, t] = c_new, c_new

    y, c_seq = layout.caller(y), layout.caller(c_seq)
    if out is not None:
        out[...] = y
        y = out
    if x.ndim == 2 and offsets is None:
        h, c = h[0], c[0]
    return y, h, c, Tape(steps, cell, layout, x_scale, h_scale), c_seq


def backward(
    tape: Tape, dy: Any = None, dh: Any = None, dc: Any = None, dc_sequence: Any = None
) -> tuple[Array, Array, Array]:
    """dx, dh0, dc0; the gradients of the weights are in the cell."""
    steps, cell, layout, x_scale, h_scale = tape
    (B, _), H, dtype = x_scale.shape, cell.outputs, cell.w_x.dtype
    dx = np.zeros_like(layout.batch(np.zeros(layout.shape, dtype)))
    dy = np.zeros((B, dx.shape[1], H), dtype) if dy is None else layout.batch(dy)
    dh = np.zeros((B, H), dtype) if dh is None else np.array(dh).reshape(B, H)
    dc = np.zeros((B, cell.units), dtype) if dc is None else np.array(dc).reshape(B, cell.units)
    dc_seq = np.zeros((B, dx.shape[1], cell.units), dtype) if dc_sequence is None else layout.batch(dc_sequence)
    d_output, dc_output = np.zeros((B, H), dtype), np.zeros((B, cell.units), dtype)

    for moment, saved in reversed(steps):
        rows, t, held, held_t, restarted = moment
        dh_new = dh[rows] + dy[rows, t] + d_output[rows]  # h[rows], output[rows], y[rows, t] = h_new
        dc_new = dc[rows] + dc_seq[rows, t] + dc_output[rows]  # c[rows], c_output[rows], c_seq[rows, t] = c_new
        d_output[rows], dc_output[rows] = 0, 0
        dx_t, dh_t, dpast, dc_t = cell.backward(saved, dh_new, dc_new)
        dx[rows, t] = dx_t * x_scale[rows]
        dh[rows] = dh_t * h_scale[rows] + dpast
        dc[rows] = dc_t
        d_output[held] += dy[held, held_t]  # y[held, held_t] = output[held]
        dc_output[held] += dc_seq[held, held_t]  # c_seq[held, held_t] = c_output[held]
        dh[restarted], dc[restarted] = 0, 0  # h[restarted], c[restarted] = 0

    if len(layout.shape) == 2 and layout.offsets is None:
        dh, dc = dh[0], dc[0]
    return layout.caller(dx), dh, dc
