"""lstm_fast: inference by `layers.LSTM` (weights packed once), training by the functions (packed at every step)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstm_fast import _core, functional, layers, set_num_threads

from ..cases import Case


def version() -> str:
    return f"{_core.build_info()['version']} (isa {_core.isa()})"


def setup(case: Case, threads: int) -> Callable[[], Any]:
    set_num_threads(threads)
    data = case.data()

    if case.mode == "inference":
        layer = layers.LSTM(case.H, return_sequences=True, dtype=case.dtype)
        layer(data.x)  # the first call creates the weights
        layer.set_weights([data.w_x, data.w_h, data.b])
        return lambda: layer(data.x)

    def train() -> Any:
        out, tape = functional.lstm_forward(data.x, data.w_x, data.w_h, data.b)
        return out.y, functional.lstm_backward(tape, dy=data.dy)

    return train


def outputs(raw: Any) -> dict[str, NDArray[Any]]:
    if not isinstance(raw, tuple):
        return {"y": np.asarray(raw)}
    y, grads = raw
    return {"y": y, "dx": grads.x, "dw_x": grads.w_x, "dw_h": grads.w_h, "db": grads.b}
