"""The NumPy twin in float64: never timed, it is what every rival is compared with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstm_fast import reference

from ..cases import Case


def version() -> str:
    return f"numpy {np.__version__}"


def setup(case: Case, threads: int) -> Callable[[], Any]:
    data = case.data()  # rounded to the case's dtype first: the rivals' inputs, exactly
    x, w_x, w_h, b, dy = (a.astype(np.float64) for a in (data.x, data.w_x, data.w_h, data.b, data.dy))

    def run() -> Any:
        if case.mode == "inference":
            return reference.lstm(x, w_x, w_h, b).y
        out, tape = reference.lstm_forward(x, w_x, w_h, b)
        return out.y, reference.lstm_backward(tape, dy=dy)

    return run


def outputs(raw: Any) -> dict[str, NDArray[Any]]:
    if not isinstance(raw, tuple):
        return {"y": raw}
    y, grads = raw
    return {"y": y, "dx": grads.x, "dw_x": grads.w_x, "dw_h": grads.w_h, "db": grads.b}
