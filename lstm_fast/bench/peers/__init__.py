"""The rivals: one file each, the same verbs in each.

The verbs:
    setup(case, threads) -> run     builds the layer as a good user of that library would
    run() -> raw                    one inference or one training step; this alone is timed
    outputs(raw) -> arrays          y (B,T,H), in training also dx, dw_x, dw_h, db, gates i f g o, for the comparison
    version() -> str

`<rival>_stack.py` has the same verbs for the cases of `stacks` (other cells, ragged rows, directions, layers).

Everything else about a rival (layout, gate order, thread setting) stays inside its file. A file is imported only
inside the process that times it.
"""

from __future__ import annotations

from importlib.util import find_spec

OURS = "lstm_fast"

# name -> modules that have to be installed
REQUIRES: dict[str, tuple[str, ...]] = {
    OURS: ("lstm_fast.functional",),
    "torch": ("torch",),
    "onnxruntime": ("onnxruntime", "onnx"),
    "openvino": ("openvino", "onnx"),
    "jax": ("jax",),
    "keras": ("keras", "tensorflow"),
}
INFERENCE_ONLY = ("onnxruntime", "openvino")


def missing(name: str) -> list[str]:
    """Modules that peer `name` needs and this environment lacks."""
    return [module for module in REQUIRES[name] if find_spec(module) is None]


def runs(name: str, mode: str) -> bool:
    """Does peer `name` have this mode at all?"""
    return mode == "inference" or name not in INFERENCE_ONLY
