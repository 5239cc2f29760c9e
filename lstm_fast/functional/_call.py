"""What the functions of every cell share: checks, allocation, one forward and one backward call of the kernels."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lstm_fast import _check, _core, _rows
from lstm_fast._check import Array
from lstm_fast._core import empty
from lstm_fast._tape import Tape
from lstm_fast.functional import _projection, _settings
from lstm_fast.functional._settings import Settings


class Cell(NamedTuple):
    """A cell as the functions see it; the kernels' numbers are in lf_shape_of."""

    name: str
    gates: int
    biases: int  # rows of b in the kernel
    memory: bool  # c beside h


LSTM = Cell("lstm", 4, 1, True)
GRU = Cell("gru", 3, 2, False)
RNN = Cell("rnn", 1, 1, False)


class Options(NamedTuple):
    """The options of every cell, as the caller gave them."""

    lengths: ArrayLike | None
    mask: ArrayLike | None
    reset: ArrayLike | None
    offsets: ArrayLike | None
    dropout: ArrayLike | None
    recurrent_dropout: ArrayLike | None
    reverse: bool
    time_major: bool
    num_threads: int | None
    out: Array | None
    checkpoint_every: int | None = None


def forward(
    op: str,
    cell: Cell,
    training: bool,
    x: ArrayLike,
    w_x: ArrayLike,
    w_h: ArrayLike,
    b: ArrayLike | None,
    h0: ArrayLike | None,
    c0: ArrayLike | None,
    options: Options,
    settings: Settings,
    peephole: ArrayLike | None = None,
    return_c: bool = False,
    zoneout_seed: int | None = None,
    projection: ArrayLike | None = None,
    layer_norm: ArrayLike | None = None,
) -> tuple[Array, Array, Any, Any, Any]:
    """y, h, c (None without memory), when training the tape, and if asked for c of all steps."""
    out = options.out
    x, layout, rows = _rows.read(
        op, x, lengths=options.lengths, mask=options.mask, reset=options.reset, offsets=options.offsets,
        reverse=options.reverse, time_major=options.time_major,
    )  # fmt: skip
    B, T, batched = layout.B, layout.T, layout.batched
    I, dtype = x.shape[-1], x.dtype
    w_p: Array | None = None
    if projection is None:
        w_x, w_h, b, H = _check.weights(op, cell.gates, I, w_x, w_h, b, dtype, cell.biases)
        P, letter = H, "H"  # numbers of h
    else:
        _projection.check(op, settings)
        w_x, w_h, b, w_p = _projection.weights(op, I, w_x, w_h, b, projection, dtype)
        (H, P), letter = w_p.shape, "P"
    _check.size(op, B, T, I, max(H, P))
    h0 = _check.state(op, "h0", h0, B, P, dtype, batched, letter)
    c0 = _check.state(op, "c0", c0, B, H, dtype, batched)
    x_scale = _check.state(op, "dropout", options.dropout, B, I, dtype, batched, "I")
    h_scale = _check.state(op, "recurrent_dropout", options.recurrent_dropout, B, P, dtype, batched, letter)
    workers = 0 if options.num_threads is None else _check.num_threads(op, options.num_threads)
    every = _check.checkpoint_every(op, options.checkpoint_every)
    shape = layout.shape(P)
    if out is None:
        y = target = empty(shape, dtype)
    else:
        y = _check.output(op, out, shape, dtype, (x, w_x, w_h, b, h0, c0, w_p))
        target = y if _check.rows(y) is y else empty(shape, dtype)  # the kernel writes contiguous rows
    h, c = empty((B, P), dtype), empty((B, H), dtype) if cell.memory else None
    if x_scale is not None:
        x = layout.scaled(x, x_scale)

    keywords, drawn = settings.checked(op), _settings.seed(op, zoneout_seed)
    others = {"peephole": peephole, "projection": projection, "zoneout": settings.zoneout,
              "cell_clip": settings.cell_clip, "input_forget": settings.input_forget or None}  # fmt: skip
    norm = _settings.layer_norm(op, layer_norm, H, dtype, others)
    c_seq = empty(layout.shape(H), dtype) if return_c else None
    peephole = _settings.peephole(op, peephole, H, dtype)
    if w_p is not None:
        keywords["projection"] = P
    if norm is not None:
        keywords["layer_norm"] = True
    weights = _core.Weights(cell.name, I, H, dtype, training, peephole=peephole is not None, **keywords)
    weights.pack(w_x, w_h, kernel_bias(b, cell.biases == 2, settings.reset_after), peephole, w_p, norm, workers)
    sequence = _core.Sequence(
        weights,
        B,
        T,
        training=training,
        reverse=options.reverse,
        rows=rows,
        num_threads=workers,
        checkpoint_every=every,
    )
    c_rows = None if c_seq is None else layout.kernel(c_seq)
    sequence.forward(x, h0, c0, layout.kernel(target), h, c, h_scale=h_scale, c_seq=c_rows, zoneout_seed=drawn)

    if target is not y:
        y[...] = target
    one_bias = cell.biases == 1 or (b is not None and b.ndim == 1)
    tape = None
    if training:
        kept = 1 if cell.biases == 2 and not settings.reset_after else cell.biases
        tape = Tape(cell.name, sequence, x, h0, c0, H, layout, kept, one_bias, peephole is not None, x_scale, h_scale,
                    None if w_p is None else P, norm is not None)  # fmt: skip
    if not batched:
        h, c = h[0], None if c is None else c[0]
    return y, h, c, tape, c_seq


def kernel_bias(b: Array | None, two: bool, apart: bool) -> Array | None:
    """b as the kernel takes it: (2,GH) where there are two that act apart, else their sum (GH)."""
    if b is None or not two:
        return b
    if not apart:
        return b if b.ndim == 1 else b[0] + b[1]
    return b if b.ndim == 2 else np.stack([b, np.zeros_like(b)])


def backward(
    op: str,
    cell: Cell,
    tape: Tape,
    dy: ArrayLike | None,
    dh: ArrayLike | None,
    dc: ArrayLike | None = None,
    dc_sequence: ArrayLike | None = None,
) -> tuple[tuple[Array, ...], dict[str, Array | None]]:
    """dx, dw_x, dw_h, db, dh0 and, with memory, dc0; and by name the gradients of the other weights, None without."""
    if not isinstance(tape, Tape) or tape.cell != cell.name:
        got = f"one of {tape.cell}_forward" if isinstance(tape, Tape) else type(tape).__name__
        raise TypeError(f"{op}: expected a tape from {cell.name}_forward, got {got}")
    B, _, I, H = tape.shape
    layout, dtype, G = tape.layout, tape.dtype, cell.gates
    batched, P = layout.batched, H if tape.projection is None else tape.projection
    dy = _check.like_output(op, "dy", dy, layout.shape(P), dtype)
    dh = _check.state(op, "dh", dh, B, P, dtype, batched, "H" if tape.projection is None else "P")
    dc = _check.state(op, "dc", dc, B, H, dtype, batched)
    dc_sequence = _check.like_output(op, "dc_sequence", dc_sequence, layout.shape(H), dtype)

    dx = empty(layout.shape(I), dtype)
    dw_x, dw_h, db = empty((I, G * H), dtype), empty((P, G * H), dtype), empty((tape.biases, G * H), dtype)
    dh0, dc0 = empty((B, P), dtype), empty((B, H), dtype) if cell.memory else None
    dpeephole = empty((3 * H,), dtype) if tape.peephole else None
    dprojection = empty((H, P), dtype) if tape.projection is not None else None
    dlayer_norm = empty((10 * H,), dtype) if tape.layer_norm else None
    tape.take(op).backward(
        tape.x,
        None if dy is None else layout.kernel(dy),
        dh,
        dc,
        layout.kernel(dx),
        dw_x,
        dw_h,
        db,
        dh0,
        dc0,
        tape.h0,
        tape.c0,
        h_scale=tape.h_scale,
        dpeephole=dpeephole,
        dprojection=dprojection,
        dc_seq=None if dc_sequence is None else layout.kernel(dc_sequence),
        dlayer_norm=dlayer_norm,
    )
    if tape.x_scale is not None:
        layout.scaled(layout.kernel(dx), tape.x_scale, out=layout.kernel(dx))
    if not batched:
        dh0, dc0 = dh0[0], None if dc0 is None else dc0[0]
    # one kernel bias for b_x + b_h: both have its gradient
    db = db[0] if tape.one_bias else np.repeat(db, cell.biases // tape.biases, axis=0)
    grads = (dx, dw_x, dw_h, db, dh0)
    others = {"peephole": dpeephole, "projection": dprojection, "layer_norm": dlayer_norm}
    return grads if dc0 is None else (*grads, dc0), others
