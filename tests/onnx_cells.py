"""ONNX' LSTM, GRU and RNN nodes on `lstm_fast.functional`: attributes, gate orders, layouts."""

from __future__ import annotations

from typing import Any

import numpy as np

from lstm_fast import functional

Array = np.ndarray[Any, Any]

NAMES = {
    "Relu": ("relu",),
    "Tanh": ("tanh",),
    "Sigmoid": ("sigmoid",),
    "Affine": ("affine", 1.0, 0.0),
    "LeakyRelu": ("leaky_relu", 0.01),
    "ThresholdedRelu": ("thresholded_relu", 1.0),
    "ScaledTanh": ("scaled_tanh", 1.0, 1.0),
    "HardSigmoid": ("hard_sigmoid", 0.2, 0.5),
    "Elu": ("elu", 1.0),
    "Softsign": ("softsign",),
    "Softplus": ("softplus",),
}
DEFAULT = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}
NAMED = ("activation", "output_activation")


def run_node(op: str, attributes: dict[str, Any], inputs: list[Array | None], module: Any = functional) -> list[Array]:
    """All outputs of a node: Y, Y_h and, of an LSTM, Y_c. Inputs left out at the end or as None."""
    x, w, r, b, lengths, h0, c0, p = (list(inputs) + [None] * 8)[:8]
    assert x is not None
    assert w is not None
    assert r is not None
    layout = attributes.get("layout", 0)
    direction = attributes.get("direction", "forward")
    state = (lambda a: a) if layout == 0 else (lambda a: a.swapaxes(0, 1))  # (D,B,H)
    outputs = []
    for d, reverse in enumerate({"forward": [False], "reverse": [True], "bidirectional": [False, True]}[direction]):
        settings = of_direction(op, attributes, d)
        settings |= {"reverse": reverse, "time_major": layout == 0}
        settings["lengths"] = None if lengths is None else lengths
        if op == "LSTM" and p is not None:
            settings["peephole"] = gates(p[d], "i o f", "i f o")
        arrays = {"w_x": reorder(op, w[d].T), "w_h": reorder(op, r[d].T)}
        if b is not None:
            b_x, b_h = reorder(op, b[d]).reshape(2, -1) if op != "LSTM" else [reorder(op, a) for a in np.split(b[d], 2)]
            arrays["b"] = np.stack([b_x, b_h]) if op == "GRU" else b_x + b_h
        for name, a in (("h0", h0), ("c0", c0)):
            if a is not None:
                arrays[name] = state(a)[d]
        outputs.append(getattr(module, op.lower())(x, **arrays, **settings))
    y = np.stack([o.y for o in outputs], axis=1 if layout == 0 else 2)  # (T,D,B,H) or (B,T,D,H)
    last = [np.stack(a) for a in zip(*(o[1:] for o in outputs), strict=True)]
    return [y, *(state(a) for a in last)]


def of_direction(op: str, attributes: dict[str, Any], d: int) -> dict[str, Any]:
    """Options of direction d; each activation takes its alpha and beta from the front of the lists."""
    names = attributes.get("activations") or DEFAULT[op] * 2
    alphas, betas = list(attributes.get("activation_alpha", [])), list(attributes.get("activation_beta", []))
    bound = []
    for name in names:
        given, *numbers = NAMES[name]
        for k, values in enumerate((alphas, betas)):
            if k < len(numbers) and values:
                numbers[k] = float(values.pop(0))
        bound.append((given, *numbers))
    n = len(DEFAULT[op])
    mine = bound[d * n : d * n + n]
    settings: dict[str, Any] = {"clip": attributes.get("clip")}
    if op == "RNN":
        return settings | {"activation": mine[0]}
    settings |= {"recurrent_activation": mine[0], "activation": mine[1]}
    if op == "LSTM":
        return settings | {"output_activation": mine[2], "input_forget": bool(attributes.get("input_forget", 0))}
    return settings | {"reset_after": bool(attributes.get("linear_before_reset", 0))}


def gates(a: Array, order: str, wanted: str) -> Array:
    """The blocks of the last axis in another order."""
    parts = dict(zip(order.split(), np.split(a, len(order.split()), axis=-1), strict=True))
    return np.concatenate([parts[g] for g in wanted.split()], axis=-1)


def reorder(op: str, a: Array) -> Array:
    """Gate columns from ONNX' order to ours: LSTM i o f c -> i f g o."""
    return np.ascontiguousarray(gates(a, "i o f c", "i f c o") if op == "LSTM" else a)
