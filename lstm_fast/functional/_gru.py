"""The GRU on arrays."""

from __future__ import annotations

from typing import NamedTuple

from numpy.typing import ArrayLike

from lstm_fast._check import Array
from lstm_fast._tape import Tape
from lstm_fast.functional import _call
from lstm_fast.functional._settings import Activation, Settings


class GRUOutput(NamedTuple):
    """y (B,T,H) in the layout of x; h (B,H): the state after each row's last valid step."""

    y: Array
    h: Array


class GRUGrads(NamedTuple):
    """The gradient of each input of `gru_forward` in the shape of that input (b (2,3H), h0 also where None)."""

    x: Array
    w_x: Array
    w_h: Array
    b: Array
    h0: Array


def gru(
    x: ArrayLike,
    w_x: ArrayLike,
    w_h: ArrayLike,
    b: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    *,
    reset_after: bool = True,
    activation: Activation = "tanh",
    recurrent_activation: Activation = "sigmoid",
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
) -> GRUOutput:
    """One GRU layer over a batch of sequences, for inference.

    Shapes: x (B,T,I) -> y (B,T,H), h (B,H); x (T,I) -> y (T,H), h (H,).

        z, r = sigmoid(x w_x + b_x + h w_h + b_h)    n = tanh(x w_xn + b_xn + r*(h w_hn + b_hn))
        h' = z*h + (1-z)*n

    The reset gate acts after the product, as in PyTorch, Keras' `reset_after=True`, ONNX' `linear_before_reset=1`; with
    `reset_after=False` (Cho et al.; ONNX' default) before it: n = tanh(x w_xn + (r*h) w_hn + b_xn + b_hn).

    Args:
        x: (B,T,I), or (T,B,I) with `time_major`, or one sequence (T,I); float32 or float64.
        w_x: (I,3H), columns in the gate order z r n. Every array has the dtype of x.
        w_h: (H,3H).
        b: (2,3H), b_x and b_h; or (3H), b_x alone; or None for zeros.
        h0: (B,H), or (H,) with an unbatched x, or None for zeros.
        reset_after: whether the reset gate acts after the product with w_hn.
        activation: of n, a name or (name, alpha) or (name, alpha, beta); the names are those of `lstm`.
        recurrent_activation: of z and r.
        clip: bounds the arguments of both activations to [-clip, clip].
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
        GRUOutput(y, h), dtype of x. The bits depend on neither threads, batch, layout nor instruction set.

    Raises:
        TypeError: a dtype other than that of x, or not float32 or float64.
        ValueError: a wrong shape, length, clip or thread count, an unknown activation; offsets together with lengths or
            time_major.
        MemoryError: the problem does not fit.

    Source:
        Cho et al. 2014.

    Example:
        >>> import numpy as np
        >>> gru(np.ones((1, 2, 1)), np.ones((1, 3)), np.ones((1, 3))).y.ravel().round(4).tolist()
        [0.2048, 0.3468]
    """
    options = _call.Options(
        lengths, mask, reset, offsets, dropout, recurrent_dropout, reverse, time_major, num_threads, out
    )  # fmt: skip
    settings = Settings(activation, recurrent_activation, clip=clip, reset_after=reset_after)
    y, h, *_ = _call.forward("gru", _call.GRU, False, x, w_x, w_h, b, h0, None, options, settings)
    return GRUOutput(y, h)


def gru_forward(
    x: ArrayLike,
    w_x: ArrayLike,
    w_h: ArrayLike,
    b: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    *,
    reset_after: bool = True,
    activation: Activation = "tanh",
    recurrent_activation: Activation = "sigmoid",
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
) -> tuple[GRUOutput, Tape]:
    """`gru`, keeping what `gru_backward` needs: 20 bytes per (t,b,h) in float32.

    Args: as `gru`, and
        checkpoint_every: k: keep only the state of every k-th step; backward computes the rest again, k at a time.
            Memory falls about k-fold, a training step takes about a third longer, no bit of any result changes. None:
            keep everything.

    x and h0 stay unchanged until backward has run; the weights may change.

    Returns:
        (GRUOutput(y, h), tape); the bits of `gru`.

    Raises: as `gru`.

    Example:
        >>> import numpy as np
        >>> (y, h), tape = gru_forward(np.ones((1, 2, 1)), np.ones((1, 3)), np.ones((1, 3)))
        >>> gru_backward(tape, dy=np.ones_like(y)).x.shape
        (1, 2, 1)
    """
    options = _call.Options(
        lengths, mask, reset, offsets, dropout, recurrent_dropout, reverse, time_major, num_threads, out,
        checkpoint_every,
    )  # fmt: skip
    settings = Settings(activation, recurrent_activation, clip=clip, reset_after=reset_after)
    y, h, _, tape, _ = _call.forward("gru_forward", _call.GRU, True, x, w_x, w_h, b, h0, None, options, settings)
    return GRUOutput(y, h), tape


def gru_backward(tape: Tape, dy: ArrayLike | None = None, dh: ArrayLike | None = None) -> GRUGrads:
    """The gradients of all inputs of the `gru_forward` that made `tape`; uses the tape up.

    Shapes: dy as y, dh as h -> x, w_x, w_h, b, h0, each in the shape of that input.

    For each step from last to first, with u = h w_hn + b_hn and dh summed over all that used h':

        dz = dh*(h - n)*z*(1-z)    dn = dh*(1-z)*(1-n^2)    dr = dn*u*r*(1-r)    du = dn*r
        dx = [dz dr dn] w_x^T    dh = dh*z + [dz dr du] w_h^T
        dw_x += x^T [dz dr dn]    dw_h += h^T [dz dr du]    db_x += [dz dr dn]    db_h += [dz dr du]

    With `reset_after=False`, q = dn w_hn^T takes the place of du: dr = q*h*r*(1-r), dh = dh*z + q*r + [dz dr] w_h^T.

    Args:
        tape: from `gru_forward`.
        dy: gradient of y in the layout of y, or None for zeros; values beyond a row's length are not read.
        dh: gradient of the last h, or None for zeros.

    Returns:
        GRUGrads(x, w_x, w_h, b, h0), dtype of x; zero for x beyond a row's length.

    Raises:
        ValueError: the tape was used before, or a wrong shape (the tape stays usable).
        TypeError: not a tape, or a dtype other than that of x.

    Example:
        >>> import numpy as np
        >>> (y, h), tape = gru_forward(np.ones((1, 2, 1)), np.ones((1, 3)), np.ones((1, 3)))
        >>> gru_backward(tape, dh=np.ones((1, 1))).h0.round(4).tolist()
        [[0.4787]]
    """
    return GRUGrads(*_call.backward("gru_backward", _call.GRU, tape, dy, dh)[0])
