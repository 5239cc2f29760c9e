"""A stack of recurrent layers by `lstm_fast.functional` or by its NumPy twin: both have the same names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cases import Case
from ..stacks import named, output_gradient, projection, weights


def setup(case: Case, functions: Any, dtype: str) -> Callable[[], Any]:
    """`run` of the case on `functions`, everything converted to `dtype`; weights are packed at every call."""
    stack = case.stack
    infer = getattr(functions, stack.cell)
    forward, backward = (getattr(functions, f"{stack.cell}_{pass_}") for pass_ in ("forward", "backward"))
    data = case.data().x.astype(dtype)
    layers = [[tuple(a.astype(dtype) for a in w) for w in layer] for layer in weights(case)]
    dy, valid, P = output_gradient(case).astype(dtype), case.lengths(), case.P
    w_p = projection(case)
    more = {} if w_p is None else {"projection": w_p.astype(dtype)}

    def parts(y: NDArray[Any]) -> list[NDArray[Any]]:
        """Each direction's columns."""
        return [y[..., d * P : (d + 1) * P] for d in range(stack.directions)]

    def run_layer(function: Any, x: NDArray[Any], layer: Any) -> tuple[NDArray[Any], list[Any]]:
        y = np.empty((case.B, case.T, P * stack.directions), dtype)
        return y, [
            function(x, *w, lengths=valid, reverse=d == 1, out=half, **more)
            for d, (w, half) in enumerate(zip(layer, parts(y), strict=True))
        ]

    def inference() -> Any:
        x = data
        for layer in layers:
            x = run_layer(infer, x, layer)[0]
        return x

    def training() -> Any:
        x, tapes = data, []
        for layer in layers:
            x, results = run_layer(forward, x, layer)
            tapes.append([tape for _, tape in results])
        dx, gradients = dy, list[Any]()
        for layer_tapes in reversed(tapes):
            grads = [backward(tape, dy=half) for tape, half in zip(layer_tapes, parts(dx), strict=True)]
            dx = grads[0].x if len(grads) == 1 else grads[0].x + grads[1].x
            gradients.insert(0, grads)
        return x, dx, gradients

    return inference if case.mode == "inference" else training


def outputs(raw: Any) -> dict[str, NDArray[Any]]:
    if not isinstance(raw, tuple):
        return {"y": raw}
    y, dx, gradients = raw
    found = {"y": y, "dx": dx}
    for k, layer in enumerate(gradients):
        for d, grads in enumerate(layer):
            found |= {named(name, k, d): a for name, a in (("dw_x", grads.w_x), ("dw_h", grads.w_h), ("db", grads.b))}
            if getattr(grads, "projection", None) is not None:
                found[named("dw_p", k, d)] = grads.projection
    return found
