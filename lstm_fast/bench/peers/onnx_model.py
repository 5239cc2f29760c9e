"""The ONNX file that ONNX Runtime and OpenVINO load: one LSTM node, weights as initializers."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from ..cases import Case


def _iofc(w: NDArray[Any]) -> NDArray[Any]:
    """(K,4H) in i f g o -> (1,4H,K) in ONNX' order i o f c."""
    i, f, g, o = np.split(w, 4, axis=-1)
    return np.ascontiguousarray(np.concatenate([i, o, f, g], axis=-1).T)[None]


def lstm_model(case: Case) -> bytes:
    """Serialized model: X (T,B,I) -> Y (T,1,B,H)."""
    data = case.data()
    b = np.concatenate([_iofc(data.b[None])[..., 0], np.zeros((1, 4 * case.H), case.dtype)], axis=-1)  # (1,8H)
    weights = {"W": _iofc(data.w_x), "R": _iofc(data.w_h), "B": b}
    initializers = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(case.dtype))
    graph = helper.make_graph(
        [helper.make_node("LSTM", ["X", "W", "R", "B"], ["Y"], hidden_size=case.H)],
        "lstm",
        [helper.make_tensor_value_info("X", kind, (case.T, case.B, case.I))],
        [helper.make_tensor_value_info("Y", kind, (case.T, 1, case.B, case.H))],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
