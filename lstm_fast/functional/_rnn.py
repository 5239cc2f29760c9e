"""The plain recurrent layer on arrays."""

from __future__ import annotations

from typing import NamedTuple

from numpy.typing import ArrayLike

from lstm_fast._check import Array
from lstm_fast._tape import Tape
from lstm_fast.functional import _call
from lstm_fast.functional._settings import Activation, Settings


class RNNOutput(NamedTuple):
    """y (B,T,H) in the layout of x; h (B,H): the state after each row's last valid step."""

    y: Array
    h: Array


class RNNGrads(NamedTuple):
    """The gradient of each input of `rnn_forward` in the shape of that input (b and h0 also where they were None)."""

    x: Array
    w_x: Array
    w_h: Array
    b: Array
    h0: Array


def rnn(
    x: ArrayLike,
    w_x: ArrayLike,
    w_h: ArrayLike,
    b: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    *,
    activation: Activation = "tanh",
    clip: float | None = None,
    lengths: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    reset: ArrayLike | None = None,
    offsets: ArrayLike | None = None,
    dropout: ArrayLike | None = None,
    recurrent_dropout: ArrayLike | None = None,
    reverse: bool = False,
    time_major: bool = False,
    num_threads: int | None = None,
    out: Array | None = None,
) -> RNNOutput:
    """One plain recurrent layer over a batch of sequences, for inference.

    Shapes: x (B,T,I) -> y (B,T,H), h (B,H); x (T,I) -> y (T,H), h (H,).

        h' = activation(x w_x + h w_h + b)

    Args:
        x: (B,T,I), or (T,B,I) with `time_major`, or one sequence (T,I); float32 or float64.
        w_x: (I,H). Every array has the dtype of x.
        w_h: (H,H).
        b: (H), or None for zeros.
        h0: (B,H), or (H,) with an unbatched x, or None for zeros.
        activation: a name or (name, alpha) or (name, alpha, beta); the names are those of `lstm`.
        clip: bounds the argument of the activation to [-clip, clip].
        lengths: B integers in 0..T: row r has lengths[r] valid steps, y beyond them is zero.
        mask: (B,T) bool, as in Keras: a step that is False carries state and output on (zeros before the first that
            counts), and costs nothing.
        reset: (B,T) bool, episodes that start: where True the state is zeroed before that step.
        offsets: B+1 integers: x is packed as (R,I), row r at offsets[r]..offsets[r+1]; y, mask and reset likewise.
        dropout: (B,I) factors that multiply x at each step (0 or 1/(1-rate), drawn by the caller).
        recurrent_dropout: (B,H) factors that multiply h where it enters the product with w_h.
        reverse: run from the last valid step to the first; y[t] stays beside x[t], h is the state after t=0.
        time_major: x and y are (T,B,·).
        num_threads: at most so many threads; None: `get_num_threads()`.
        out: receives y: shape and dtype of y, any strides, apart from the inputs.

    Returns:
        RNNOutput(y, h), dtype of x. The bits depend on neither threads, batch, layout nor instruction set.

    Raises:
        TypeError: a dtype other than that of x, or not float32 or float64.
        ValueError: a wrong shape, length, clip or thread count, an unknown activation.
        MemoryError: the problem does not fit.

    Source:
        Elman 1990.

    Example:
        >>> import numpy as np
        >>> rnn(np.ones((1, 2, 1)), np.ones((1, 1)), np.ones((1, 1)), activation="relu").y.ravel().tolist()
        [1.0, 2.0]
    """
    options = _call.Options(
        lengths, mask, reset, offsets, dropout, recurrent_dropout, reverse, time_major, num_threads, out
    )  # fmt: skip
    settings = Settings(activation, clip=clip)
    y, h, *_ = _call.forward("rnn", _call.RNN, False, x, w_x, w_h, b, h0, None, options, settings)
    return RNNOutput(y, h)


def rnn_forward(
    x: ArrayLike,
    w_x: ArrayLike,
    w_h: ArrayLike,
    b: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    *,
    activation: Activation = "tanh",
    clip: float | None = None,
    lengths: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    reset: ArrayLike | None = None,
    offsets: ArrayLike | None = None,
    dropout: ArrayLike | None = None,
    recurrent_dropout: ArrayLike | None = None,
    reverse: bool = False,
    time_major: bool = False,
    num_threads: int | None = None,
    out: Array | None = None,
    checkpoint_every: int | None = None,
) -> tuple[RNNOutput, Tape]:
    """`rnn`, keeping what `rnn_backward` needs: 8 bytes per (t,b,h) in float32.

    Args: as `rnn`, and
        checkpoint_every: k: keep only the state of every k-th step; backward computes the rest again, k at a time.
            Memory falls about k-fold, a training step takes about a third longer, no bit of any result changes. None:
            keep everything.

    x and h0 stay unchanged until backward has run; the weights may change.

    Returns:
        (RNNOutput(y, h), tape); the bits of `rnn`.

    Raises: as `rnn`.

    Example:
        >>> import numpy as np
        >>> (y, h), tape = rnn_forward(np.ones((1, 2, 1)), np.ones((1, 1)), np.ones((1, 1)))
        >>> rnn_backward(tape, dy=np.ones_like(y)).x.shape
        (1, 2, 1)
    """
    options = _call.Options(
        lengths, mask, reset, offsets, dropout, recurrent_dropout, reverse, time_major, num_threads, out,
        checkpoint_every,
    )  # fmt: skip
    settings = Settings(activation, clip=clip)
    y, h, _, tape, _ = _call.forward("rnn_forward", _call.RNN, True, x, w_x, w_h, b, h0, None, options, settings)
    return RNNOutput(y, h), tape


def rnn_backward(tape: Tape, dy: ArrayLike | None = None, dh: ArrayLike | None = None) -> RNNGrads:
    """The gradients of all inputs of the `rnn_forward` that made `tape`; uses the tape up.

    Shapes: dy as y, dh as h -> x, w_x, w_h, b, h0, each in the shape of that input.

    For each step from last to first, with dh summed over all that used h':

        dz = dh*(1 - h'^2)   (relu: dh where h' > 0)    dx = dz w_x^T    dh = dz w_h^T
        dw_x += x^T dz    dw_h += h^T dz    db += dz

    Args:
        tape: from `rnn_forward`.
        dy: gradient of y in the layout of y, or None for zeros; values beyond a row's length are not read.
        dh: gradient of the last h, or None for zeros.

    Returns:
        RNNGrads(x, w_x, w_h, b, h0), dtype of x; zero for x beyond a row's length.

    Raises:
        ValueError: the tape was used before, or a wrong shape (the tape stays usable).
        TypeError: not a tape, or a dtype other than that of x.

    Example:
        >>> import numpy as np
        >>> (y, h), tape = rnn_forward(np.ones((1, 2, 1)), np.ones((1, 1)), np.ones((1, 1)), activation="relu")
        >>> rnn_backward(tape, dy=np.ones_like(y)).w_h.tolist()
        [[1.0]]
    """
    return RNNGrads(*_call.backward("rnn_backward", _call.RNN, tape, dy, dh)[0])
