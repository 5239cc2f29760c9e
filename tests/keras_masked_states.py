"""Recurrent layers that start from given states and read a mask; one text, run with `keras` or `lstm_fast` as `k`."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
B, T, I, H = 5, 4, 2, 3
KINDS = {"LSTM": 2, "GRU": 1, "SimpleRNN": 1}  # states


def mask() -> Array:
    """No step at all, none at first, none at last, a hole, all."""
    m = np.ones((B, T), bool)
    m[0] = m[1, :2] = m[2, 3:] = m[3, 1] = False
    return m


def results(k: Any) -> dict[str, Array]:
    """The output and the last states of every layer, by name."""
    rng = np.random.Generator(np.random.Philox(7))

    def draw(*shape: int) -> Array:
        return rng.uniform(-1, 1, shape).astype(np.float32)

    found = {}
    x, h0, c0 = draw(B, T, I), draw(B, H), draw(B, H)
    for kind, states in KINDS.items():
        weights: list[Array] = []
        for sequences in (False, True):
            for zero in (False, True):
                for backwards in (False, True):
                    layer = getattr(k.layers, kind)(
                        H, return_sequences=sequences, return_state=True, go_backwards=backwards,
                        zero_output_for_mask=zero,
                    )  # fmt: skip
                    layer(x)
                    weights = weights or [draw(*w.shape) for w in layer.get_weights()]
                    layer.set_weights(weights)
                    outputs = layer(x, initial_state=[h0, c0][:states], mask=mask())
                    for n, a in enumerate(outputs):
                        found[f"{kind} sequences={sequences} zero={zero} backwards={backwards} {n}"] = np.asarray(a)
    return found
