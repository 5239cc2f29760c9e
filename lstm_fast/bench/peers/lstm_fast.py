"""lstm_fast: `layers.LSTM`, called for inference, and in a plan, as `fit` runs it, for training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstm_fast import _core, layers, models, set_num_threads
from lstm_fast.training.plan import Plan, Value

from ..cases import Case


def version() -> str:
    return f"{_core.build_info()['version']} (isa {_core.isa()})"


def setup(case: Case, threads: int) -> Callable[[], Any]:
    set_num_threads(threads)
    data = case.data()

    layer = layers.LSTM(case.H, return_sequences=True, dtype=case.dtype)
    models.Sequential([layers.Input((case.T, case.I), dtype=case.dtype), layer])  # creates the weights
    layer.set_weights([data.w_x, data.w_h, data.b])
    if case.mode == "inference":
        return lambda: layer(data.x)

    plan, x = Plan(layer.dtype, training=True, gradients=True), Value(data.x)
    x.needs_grad = True
    (y,) = layer.add_ops(plan, [x])
    y.grad = data.dy
    plan.prepare_backward()

    def train() -> Any:
        plan.forward()
        plan.backward()
        return y.array, x.grad, [p.grad for p in layer.weights]

    return train


def outputs(raw: Any) -> dict[str, NDArray[Any]]:
    if not isinstance(raw, tuple):
        return {"y": np.asarray(raw)}
    y, dx, (dw_x, dw_h, db) = raw
    return {"y": y, "dx": dx, "dw_x": dw_x, "dw_h": dw_h, "db": db}
