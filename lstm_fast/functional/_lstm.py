"""The LSTM on arrays."""

from __future__ import annotations

from typing import NamedTuple

from numpy.typing import ArrayLike

from lstm_fast._check import Array
from lstm_fast._tape import Tape
from lstm_fast.functional import _call
from lstm_fast.functional._settings import Activation, Settings


class _Output(NamedTuple):
    y: Array
    h: Array
    c: Array


class LSTMOutput(_Output):
    """y (B,T,H) in the layout of x; h, c (B,H): the state after each row's last valid step.

    Three arrays as a tuple; `c_sequence`, shaped as y, beside them with `return_c`.
    """

    c_sequence: Array | None = None


class _Grads(NamedTuple):
    x: Array
    w_x: Array
    w_h: Array
    b: Array
    h0: Array
    c0: Array


class LSTMGrads(_Grads):
    """The gradient of each input of `lstm_forward` in the shape of that input (b, h0, c0 also where they were None).

    Six arrays as a tuple; `peephole` (3H), `projection` (H,P), `layer_norm` (10H) beside them where they were given.
    """

    peephole: Array | None = None
    projection: Array | None = None
    layer_norm: Array | None = None


def _output(y: Array, h: Array, c: Array, c_sequence: Array | None) -> LSTMOutput:
    result = LSTMOutput(y, h, c)
    if c_sequence is not None:
        result.c_sequence = c_sequence
    return result


def lstm(
    x: ArrayLike,
    w_x: ArrayLike,
    w_h: ArrayLike,
    b: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    c0: ArrayLike | None = None,
    *,
    activation: Activation = "tanh",
    recurrent_activation: Activation = "sigmoid",
    output_activation: Activation | None = None,
    peephole: ArrayLike | None = None,
    projection: ArrayLike | None = None,
    input_forget: bool = False,
    clip: float | None = None,
    cell_clip: float | None = None,
    zoneout: float | tuple[float, float] | None = None,
    zoneout_seed: int | None = None,
    layer_norm: ArrayLike | None = None,
    layer_norm_epsilon: float = 1e-5,
    return_c: bool = False,
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
        activation: of g and c', a name or (name, alpha) or (name, alpha, beta): linear relu tanh sigmoid affine
            leaky_relu thresholded_relu scaled_tanh hard_sigmoid elu selu softsign softplus exponential silu swish
            relu6 mish gelu.
        recurrent_activation: of i, f and o.
        output_activation: of c' alone; None: `activation`.
        peephole: (3H), p_i p_f p_o: i and f also see p*c, o sees p*c'.
        projection: (H,P), w_p: h' = (o*tanh(c')) w_p has P numbers, then w_h is (P,4H), h0 (B,P), y (B,T,P); not
            together with zoneout.
        input_forget: f = 1 - i; the columns of f are without effect.
        clip: bounds the arguments of the gates' activations to [-clip, clip].
        cell_clip: bounds c'.
        zoneout: rates of h and of c (one number: both), in [0, 1): each unit keeps that part of its old state; o sees
            c' as it was before.
        zoneout_seed: an integer: a unit keeps all of its old state or nothing, drawn at those rates, as while training;
            the draw depends on the seed, the row, the step and the unit. None: the expectation.
        layer_norm: (10H), gains of N(x w_x) (4H), N(h w_h) (4H) and N(c') (H), then the shift of c' (H); N(z) is z with
            mean 0 and variance 1 over its numbers of one row and step: the gates' arguments are the sum of the first
            two and b, the output's is the third and its shift. Not together with peephole, input_forget, cell_clip,
            zoneout or projection.
        layer_norm_epsilon: added to each variance.
        return_c: also return c of all steps, as `c_sequence` of the result.
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
        LSTMOutput(y, h, c), dtype of x. The bits depend on neither threads, batch, layout nor instruction set.

    Raises:
        TypeError: a dtype other than that of x, or not float32 or float64.
        ValueError: a wrong shape, length, clip or thread count, an unknown activation; offsets together with lengths or
            time_major.
        MemoryError: the problem does not fit.

    Source:
        Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000; peepholes: Gers & Schmidhuber 2000; coupled gates:
        Greff et al. 2015; zoneout: Krueger et al. 2016; projection: Sak et al. 2014; layer normalisation: Ba, Kiros &
        Hinton 2016.

    Example:
        >>> import numpy as np
        >>> x, w_x, w_h = np.ones((1, 2, 1)), np.ones((1, 4)), np.ones((1, 4))
        >>> y, h, c = lstm(x, w_x, w_h)
        >>> y.ravel().round(4).tolist()
        [0.3696, 0.6505]
    """
    options = _call.Options(
        lengths, mask, reset, offsets, dropout, recurrent_dropout, reverse, time_major, num_threads, out
    )  # fmt: skip
    settings = Settings(
        activation, recurrent_activation, output_activation, clip, cell_clip, input_forget, zoneout=zoneout,
        layer_norm_epsilon=layer_norm_epsilon,
    )  # fmt: skip
    y, h, c, _, c_seq = _call.forward(
        "lstm", _call.LSTM, False, x, w_x, w_h, b, h0, c0, options, settings, peephole, return_c, zoneout_seed,
        projection, layer_norm,
    )  # fmt: skip
    return _output(y, h, c, c_seq)


def lstm_forward(
    x: ArrayLike,
    w_x: ArrayLike,
    w_h: ArrayLike,
    b: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    c0: ArrayLike | None = None,
    *,
    activation: Activation = "tanh",
    recurrent_activation: Activation = "sigmoid",
    output_activation: Activation | None = None,
    peephole: ArrayLike | None = None,
    projection: ArrayLike | None = None,
    input_forget: bool = False,
    clip: float | None = None,
    cell_clip: float | None = None,
    zoneout: float | tuple[float, float] | None = None,
    zoneout_seed: int | None = None,
    layer_norm: ArrayLike | None = None,
    layer_norm_epsilon: float = 1e-5,
    return_c: bool = False,
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
) -> tuple[LSTMOutput, Tape]:
    """`lstm`, keeping what `lstm_backward` needs: 20 bytes per (t,b,h) in float32, 40 with layer_norm.

    Args: as `lstm`, and
        checkpoint_every: k: keep only the state of every k-th step; backward computes the rest again, k at a time.
            Memory falls about k-fold, a training step takes about a third longer, no bit of any result changes. None:
            keep everything.

    x, h0 and c0 stay unchanged until backward has run; the weights may change.

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
    options = _call.Options(
        lengths, mask, reset, offsets, dropout, recurrent_dropout, reverse, time_major, num_threads, out,
        checkpoint_every,
    )  # fmt: skip
    settings = Settings(
        activation, recurrent_activation, output_activation, clip, cell_clip, input_forget, zoneout=zoneout,
        layer_norm_epsilon=layer_norm_epsilon,
    )  # fmt: skip
    y, h, c, tape, c_seq = _call.forward(
        "lstm_forward", _call.LSTM, True, x, w_x, w_h, b, h0, c0, options, settings, peephole, return_c, zoneout_seed,
        projection, layer_norm,
    )  # fmt: skip
    return _output(y, h, c, c_seq), tape


def lstm_backward(
    tape: Tape,
    dy: ArrayLike | None = None,
    dh: ArrayLike | None = None,
    dc: ArrayLike | None = None,
    dc_sequence: ArrayLike | None = None,
) -> LSTMGrads:
    """The gradients of all inputs of the `lstm_forward` that made `tape`; uses the tape up.

    Shapes: dy and dc_sequence as y, dh, dc as h, c -> x, w_x, w_h, b (4H), h0, c0, each in the shape of that input.

    For each step from last to first, with dh and dc summed over all that used h' and c':

        do_ = dh*tanh(c')    dc += dh*o*(1 - tanh(c')^2)    df = dc*c    di = dc*g    dg = dc*i    dc = dc*f
        dG = [di*i*(1-i), df*f*(1-f), dg*(1-g^2), do_*o*(1-o)]    dx = dG w_x^T    dh = dG w_h^T
        dw_x += x^T dG    dw_h += h^T dG    db += dG

    Args:
        tape: from `lstm_forward`.
        dy: gradient of y in the layout of y, or None for zeros; values beyond a row's length are not read.
        dh: gradient of the last h, or None for zeros.
        dc: gradient of the last c, or None for zeros.
        dc_sequence: gradient of c of all steps (`return_c`), read as dy, or None for zeros.

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
    grads, others = _call.backward("lstm_backward", _call.LSTM, tape, dy, dh, dc, dc_sequence)
    result = LSTMGrads(*grads)
    for name, gradient in others.items():
        if gradient is not None:
            setattr(result, name, gradient)
    return result
