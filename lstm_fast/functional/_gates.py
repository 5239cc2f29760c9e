"""The gates of an LSTM over time, for looking at what it does."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lstm_fast.functional._lstm import lstm
from lstm_fast.functional._settings import Activation

Array = np.ndarray[Any, Any]


class LSTMGates(NamedTuple):
    """i, f, g, o, c: each (B,T,H), or (T,H) for one sequence; h the same, or P wide with a projection."""

    i: Array
    f: Array
    g: Array
    o: Array
    c: Array
    h: Array


def lstm_gates(
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
) -> LSTMGates:
    """All gates and states of an LSTM at every step.

        i, f, o = sigmoid(x w_x + h w_h + b)    g = tanh(...)    c' = f*c + i*g    h' = o*tanh(c')

    Args:
        x, w_x, w_h, b, h0, c0: as in `lstm`; x (B,T,I) or (T,I).
        others: the options of the cell, as in `lstm`. Those of rows (lengths, mask, reverse, ...) are not taken.

    Returns:
        LSTMGates: h and c are the bits of `lstm`; the gates follow from them in NumPy, to rounding.

    Raises:
        TypeError, ValueError: as in `lstm`.

    Example:
        >>> import numpy as np
        >>> gates = lstm_gates(np.ones((3, 1)), np.zeros((1, 8)), np.zeros((2, 8)))
        >>> gates.f.tolist()
        [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]]
    """
    from lstm_fast.reference._activations import bind
    from lstm_fast.reference._norm import standard

    out = lstm(
        x, w_x, w_h, b, h0, c0, activation=activation, recurrent_activation=recurrent_activation,
        output_activation=output_activation, peephole=peephole, projection=projection, input_forget=input_forget,
        clip=clip, cell_clip=cell_clip, zoneout=zoneout, zoneout_seed=zoneout_seed, return_c=True,
        layer_norm=layer_norm, layer_norm_epsilon=layer_norm_epsilon,
    )  # fmt: skip
    assert out.c_sequence is not None
    h, c = out.y, out.c_sequence
    gate, candidate = bind(recurrent_activation, clip), bind(activation, clip)
    c_before = before(c, c0)
    z_x, z_h = np.asarray(x) @ np.asarray(w_x), before(h, h0) @ np.asarray(w_h)
    if layer_norm is not None:
        columns = z_x.shape[-1]
        gain_x, gain_h, _ = np.split(np.asarray(layer_norm), [columns, 2 * columns])
        epsilon = z_x.dtype.type(layer_norm_epsilon)
        z_x, z_h = gain_x * standard(z_x, epsilon)[0], gain_h * standard(z_h, epsilon)[0]
    i, f, g, o = np.split(z_x + z_h + (0 if b is None else np.asarray(b)), 4, axis=-1)
    p_i, p_f, p_o = np.split(np.zeros(3 * c.shape[-1], c.dtype) if peephole is None else np.asarray(peephole), 3)
    i, g = gate(i + p_i * c_before), candidate(g)
    f = 1 - i if input_forget else gate(f + p_f * c_before)
    moved = f * c_before + i * g  # c' before zoneout
    o = gate(o + p_o * (moved if cell_clip is None else np.clip(moved, -cell_clip, cell_clip)))
    return LSTMGates(i, f, g, o, c, h)


def before(states: Array, first: ArrayLike | None) -> Array:
    """(..,T,H) -> the state that each step starts from; `first` (..,H), None: zeros."""
    start = np.zeros_like(states[..., :1, :]) if first is None else np.asarray(first)[..., None, :]
    return np.concatenate([start, states[..., :-1, :]], axis=-2)[..., : states.shape[-2], :]
