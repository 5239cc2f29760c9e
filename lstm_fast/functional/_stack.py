"""Stacks of recurrent layers on arrays, in one call of the kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from numpy.typing import ArrayLike

from lstm_fast import _check, _core, _rows
from lstm_fast._check import Array
from lstm_fast._core import empty
from lstm_fast._tape import Tape
from lstm_fast.functional import _call, _stack_inputs
from lstm_fast.functional._stack_inputs import States

CELLS = {cell.name: cell for cell in (_call.LSTM, _call.GRU, _call.RNN)}


class StackOutput(NamedTuple):
    """y (B,T,H) of the last layer in the layout of x; h and, of LSTMs, c (B,H) of each after a row's last step."""

    y: Array
    h: tuple[Array, ...]
    c: tuple[Array, ...]


class StackGrads(NamedTuple):
    """The gradient of x, of (w_x, w_h, b) of each layer, of h0 and, for LSTMs, c0 of each; in the shapes of these."""

    x: Array
    layers: tuple[tuple[Array, Array, Array], ...]
    h0: tuple[Array, ...]
    c0: tuple[Array, ...]


class StackTape(Tape):
    """What `recurrent_stack_backward` needs of one `recurrent_stack_forward`; used once."""

    __slots__ = ("c0s", "factors", "h0s", "kind", "sizes", "two", "ys")
    kind: _call.Cell
    ys: list[Array]  # (B,T,H) of each layer; of all but the last times its factors
    sizes: list[tuple[int, int]]  # I, H
    two: list[bool]  # db has two rows
    factors: list[Array | None]
    h0s: list[Array | None]
    c0s: list[Array | None]


def recurrent_stack(
    x: ArrayLike,
    layers: Sequence[Any],
    h0: States | None = None,
    c0: States | None = None,
    *,
    cell: str = "lstm",
    lengths: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    reset: ArrayLike | None = None,
    dropout: Sequence[ArrayLike | None] | None = None,
    reverse: bool = False,
    time_major: bool = False,
    num_threads: int | None = None,
) -> StackOutput:
    """Some recurrent layers, each over the output of the one before, in one call; for inference.

    Shapes: x (B,T,I) -> y (B,T,H) of the last layer, h and c (B,H) of each; x (T,I) -> y (T,H), h and c (H,).

        y_1 = cell(x; layers[0])    y_2 = cell(y_1 * dropout[0]; layers[1])    ...    y = y_L

    Args:
        x: (B,T,I), or (T,B,I) with `time_major`, or one sequence (T,I); float32 or float64.
        layers: (w_x, w_h, b) or (w_x, w_h) for each, shaped as `lstm`, `gru` or `rnn` take them; w_x of the first has I
            rows, of each other as many as the layer before has units. Every array has the dtype of x.
        h0: for each layer (B,H), or (H,) with an unbatched x, or None for zeros; None: zeros for all.
        c0: the same for the cell states of LSTMs.
        cell: "lstm", "gru" or "rnn": of all layers.
        lengths, mask, reset, reverse, time_major, num_threads: as in `lstm`, for all layers.
        dropout: for each layer but the last, factors of its y on the way to the next layer, drawn by the caller, or
            None for ones: (B,H), the same at each step, or shaped as y.

    Returns:
        StackOutput(y, h, c), c empty without cell states; the bits of one call per layer, for any number of threads.

    Raises:
        TypeError: a dtype other than that of x, or not float32 or float64; layers that are no sequence of arrays.
        ValueError: a wrong shape or number of arrays, an unknown cell, and as in `lstm`.
        MemoryError: the problem does not fit.

    Source:
        Graves 2013, "Generating sequences with recurrent neural networks", without the connections that pass layers by.

    Example:
        >>> import numpy as np
        >>> layers = [(np.ones((1, 8)), np.ones((2, 8))), (np.ones((2, 4)), np.ones((1, 4)))]
        >>> y, h, c = recurrent_stack(np.ones((1, 2, 1)), layers)
        >>> y.ravel().round(4).tolist(), [a.shape for a in h]
        ([0.2718, 0.6964], [(1, 2), (1, 1)])
    """
    rows = {"lengths": lengths, "mask": mask, "reset": reset, "reverse": reverse, "time_major": time_major}
    return _forward("recurrent_stack", False, cell, x, layers, h0, c0, rows, dropout, num_threads)[0]


def recurrent_stack_forward(
    x: ArrayLike,
    layers: Sequence[Any],
    h0: States | None = None,
    c0: States | None = None,
    *,
    cell: str = "lstm",
    lengths: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    reset: ArrayLike | None = None,
    dropout: Sequence[ArrayLike | None] | None = None,
    reverse: bool = False,
    time_major: bool = False,
    num_threads: int | None = None,
) -> tuple[StackOutput, StackTape]:
    """`recurrent_stack`, keeping what `recurrent_stack_backward` needs: what each `<cell>_forward` keeps, and its y.

    Args: as `recurrent_stack`. x, h0, c0 and dropout stay unchanged until backward has run; the weights may change.

    Returns:
        (StackOutput(y, h, c), tape); the bits of `recurrent_stack`.

    Raises: as `recurrent_stack`.

    Example:
        >>> import numpy as np
        >>> layers = [(np.ones((1, 2)), np.ones((2, 2))), (np.ones((2, 3)), np.ones((3, 3)))]
        >>> (y, h, c), tape = recurrent_stack_forward(np.ones((1, 2, 1)), layers, cell="rnn")
        >>> [[a.shape for a in grads] for grads in recurrent_stack_backward(tape, dy=np.ones_like(y)).layers]
        [[(1, 2), (2, 2), (2,)], [(2, 3), (3, 3), (3,)]]
    """
    rows = {"lengths": lengths, "mask": mask, "reset": reset, "reverse": reverse, "time_major": time_major}
    output, tape = _forward("recurrent_stack_forward", True, cell, x, layers, h0, c0, rows, dropout, num_threads)
    assert tape is not None
    return output, tape


def recurrent_stack_backward(
    tape: StackTape, dy: ArrayLike | None = None, dh: States | None = None, dc: States | None = None
) -> StackGrads:
    """The gradients of all inputs of the `recurrent_stack_forward` that made `tape`; uses the tape up.

    Shapes: dy as y, dh and dc as h and c -> x, (w_x, w_h, b) of each layer, h0 and c0 of each layer.

    From the last layer to the first, each as `<cell>_backward`: dy of a layer is dx of the next one times its dropout.

    Args:
        tape: from `recurrent_stack_forward`.
        dy: gradient of y in the layout of y, or None for zeros; values beyond a row's length are not read.
        dh: per layer the gradient of the last h, or None for zeros; None: zeros for all.
        dc: the same for the last c of LSTMs.

    Returns:
        StackGrads(x, layers, h0, c0), dtype of x; the bits of one call per layer.

    Raises:
        ValueError: the tape was used before, or a wrong shape (the tape stays usable).
        TypeError: not a tape, or a dtype other than that of x.

    Example:
        >>> import numpy as np
        >>> layers = [(np.ones((1, 4)), np.ones((1, 4)))] * 2
        >>> (y, h, c), tape = recurrent_stack_forward(np.ones((1, 2, 1)), layers)
        >>> recurrent_stack_backward(tape, dy=np.ones_like(y)).x.round(4).ravel().tolist()
        [0.3344, 0.0972]
    """
    op = "recurrent_stack_backward"
    if not isinstance(tape, StackTape):
        raise TypeError(f"{op}: expected a tape from recurrent_stack_forward, got {type(tape).__name__}")
    cell, layout, dtype, sizes = tape.kind, tape.layout, tape.dtype, tape.sizes
    B, T, G = layout.B, layout.T, cell.gates
    dy = _check.like_output(op, "dy", dy, layout.shape(sizes[-1][1]), dtype)
    dhs = _stack_inputs.states(op, "dh", dh, sizes, layout, dtype)
    dcs = _stack_inputs.states(op, "dc", dc if cell.memory else None, sizes, layout, dtype)

    dx = empty(layout.shape(sizes[0][0]), dtype)
    dxs = [layout.kernel(dx), *(empty((B, T, I), dtype) for I, _ in sizes[1:])]
    dweights = [
        (empty((I, G * H), dtype), empty((H, G * H), dtype), empty((cell.biases, G * H), dtype)) for I, H in sizes
    ]
    dh0, dc0 = ([empty((B, H), dtype) for _, H in sizes] for _ in range(2))
    tape.take(op).backward(
        tape.x, tape.ys, None if dy is None else layout.kernel(dy), dhs, dcs, dxs, dweights, dh0,
        dc0 if cell.memory else [None] * len(sizes), tape.h0s, tape.c0s, tape.factors,
    )  # fmt: skip
    grads = tuple((dw_x, dw_h, db if two else db[0]) for (dw_x, dw_h, db), two in zip(dweights, tape.two, strict=True))
    return StackGrads(
        dx, grads, _stack_inputs.given(dh0, layout), _stack_inputs.given(dc0, layout) if cell.memory else ()
    )


def _forward(
    op: str,
    training: bool,
    name: str,
    x: ArrayLike,
    layers: Sequence[Any],
    h0: States | None,
    c0: States | None,
    rows: dict[str, Any],
    dropout: Sequence[ArrayLike | None] | None,
    num_threads: int | None,
) -> tuple[StackOutput, StackTape | None]:
    cell = CELLS.get(name)
    if cell is None:
        raise ValueError(f"{op}: expected cell in {', '.join(CELLS)}, got {name!r}")
    x, layout, steps = _rows.read(op, x, **rows)
    B, T, dtype = layout.B, layout.T, x.dtype
    weights = _stack_inputs.weights(op, cell, x.shape[-1], layers, dtype)
    sizes = [(len(w_x), len(w_h)) for w_x, w_h, _ in weights]
    for I, H in sizes:
        _check.size(op, B, T, I, H)
    if c0 is not None and not cell.memory:
        raise ValueError(f"{op}: expected no c0 with cell {name!r}, which has h alone")
    h0s, c0s = (_stack_inputs.states(op, key, value, sizes, layout, dtype) for key, value in (("h0", h0), ("c0", c0)))
    factors = _stack_inputs.factors(op, dropout, sizes, layout, dtype)
    workers = 0 if num_threads is None else _check.num_threads(op, num_threads)

    sequences = []
    for (I, H), (w_x, w_h, b) in zip(sizes, weights, strict=True):
        panels = _core.Weights(name, I, H, dtype, training)
        panels.pack(w_x, w_h, _call.kernel_bias(b, cell.biases == 2, True), num_threads=workers)
        sequences.append(
            _core.Sequence(panels, B, T, training=training, reverse=rows["reverse"], rows=steps, num_threads=workers)
        )
    stack = _core.Stack(sequences)
    y = empty(layout.shape(sizes[-1][1]), dtype)
    ys = [*(empty((B, T, H), dtype) for _, H in sizes[:-1]), layout.kernel(y)]
    h, c = ([empty((B, H), dtype) for _, H in sizes] for _ in range(2))
    stack.forward(x, h0s, c0s, ys, h, c if cell.memory else [None] * len(sizes), factors)

    output = StackOutput(y, _stack_inputs.given(h, layout), _stack_inputs.given(c, layout) if cell.memory else ())
    if not training:
        return output, None
    tape = StackTape("recurrent_stack", stack, x, None, None, sizes[0][1], layout)
    tape.kind, tape.ys, tape.sizes, tape.factors = cell, ys, sizes, factors
    tape.h0s, tape.c0s = h0s, c0s
    tape.two = [cell.biases == 2 and (b is None or b.ndim == 2) for _, _, b in weights]
    return output, tape
