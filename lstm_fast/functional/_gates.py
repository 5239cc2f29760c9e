"""The gates of an LSTM over time, for looking at what it does."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstm_fast.functional._lstm import lstm

Array = np.ndarray[Any, Any]


class LSTMGates(NamedTuple):
    """i, f, g, o, c, h: each (B,T,H), or (T,H) for one sequence."""

    i: Array
    f: Array
    g: Array
    o: Array
    c: Array
    h: Array


def lstm_gates(x: Any, w_x: Any, w_h: Any, b: Any = None, h0: Any = None, c0: Any = None) -> LSTMGates:
    """All gates and states of an LSTM at every step.

        i, f, o = sigmoid(x w_x + h w_h + b)    g = tanh(...)    c' = f*c + i*g    h' = o*tanh(c')

    Args:
        x, w_x, w_h, b, h0, c0: as in `lstm`; x (B,T,I) or (T,I).

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
    out = lstm(x, w_x, w_h, b, h0, c0, return_c=True)
    x, h = np.asarray(x), out.y
    first = np.zeros_like(h[..., :1, :]) if h0 is None else np.asarray(h0)[..., None, :]
    before = np.concatenate([first, h[..., :-1, :]], axis=-2)[..., : h.shape[-2], :]  # h of the step before
    sums = x @ np.asarray(w_x) + before @ np.asarray(w_h) + (0 if b is None else np.asarray(b))
    i, f, g, o = np.split(sums, 4, axis=-1)
    i, f, o = (0.5 + 0.5 * np.tanh(0.5 * a) for a in (i, f, o))
    assert out.c_sequence is not None
    return LSTMGates(i, f, np.tanh(g), o, out.c_sequence, h)
