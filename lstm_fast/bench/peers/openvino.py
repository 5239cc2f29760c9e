"""OpenVINO: the same LSTM node as ONNX Runtime, float32 arithmetic, input tensor shared; inference only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray

from ..cases import Case
from .onnx_model import lstm_model


def version() -> str:
    return str(openvino.__version__)


def setup(case: Case, threads: int) -> Callable[[], Any]:
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",  # some CPUs would default to bfloat16
        "ENABLE_CPU_PINNING": False,  # the process is pinned already
    }
    core = openvino.Core()
    request = core.compile_model(core.read_model(lstm_model(case)), "CPU", settings).create_infer_request()
    x = np.ascontiguousarray(case.data().x.swapaxes(0, 1))
    request.set_input_tensor(openvino.Tensor(x, shared_memory=True))

    def infer(keep_alive: Any = x) -> Any:  # the shared tensor does not own x
        return request.infer(share_outputs=True)

    return infer


def outputs(raw: Any) -> dict[str, NDArray[Any]]:
    return {"y": raw[0][:, 0].swapaxes(0, 1).copy()}
