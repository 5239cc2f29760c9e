"""ONNX Runtime: one LSTM node, weights prepacked by the session; inference only.

Called by `session.run`, which returns a new array as our layer does. IO binding into a reused buffer saves it some
microseconds per call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ..cases import Case
from .onnx_model import lstm_model


def version() -> str:
    return str(onnxruntime.__version__)


def setup(case: Case, threads: int) -> Callable[[], Any]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = threads
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(lstm_model(case), options, providers=["CPUExecutionProvider"])
    feed = {"X": np.ascontiguousarray(case.data().x.swapaxes(0, 1))}
    names = ["Y"]
    return lambda: session.run(names, feed)


def outputs(raw: Any) -> dict[str, NDArray[Any]]:
    return {"y": raw[0][:, 0].swapaxes(0, 1)}
