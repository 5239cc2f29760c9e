"""The ONNX backend's node tests of LSTM, GRU and RNN, and equality with ONNX Runtime over their options."""

from __future__ import annotations

import importlib
import sys
from typing import Any, NamedTuple

import numpy as np
import pytest
from onnx_cells import DEFAULT, NAMES, run_node
from tolerances import assert_close

from lstm_fast import functional, reference

onnx = pytest.importorskip("onnx")
node_tests = pytest.importorskip("onnx.backend.test.case.node")
Array = np.ndarray[Any, Any]


class Case(NamedTuple):
    node: Any
    inputs: list[Array]
    outputs: list[Array]


def collected() -> dict[str, Case]:
    """The node tests by name: importing their modules hands each to `expect`."""
    found: dict[str, Case] = {}
    before = node_tests.expect

    def expect(node: Any, inputs: Any, outputs: Any, name: str, **_: Any) -> None:
        found[name] = Case(node, list(inputs), list(outputs))

    node_tests.expect = expect
    try:
        for module in ("lstm", "gru", "rnn"):
            name = f"{node_tests.__name__}.{module}"
            sys.modules.pop(name, None)
            importlib.import_module(name)
    finally:
        node_tests.expect = before
    return found


CASES = collected()


def test_all_node_tests_are_here() -> None:
    assert {case.node.op_type for case in CASES.values()} == {"LSTM", "GRU", "RNN"}
    assert len(CASES) >= 11


@pytest.mark.parametrize("name", sorted(CASES))
def test_node(name: str) -> None:
    node, inputs, outputs = CASES[name]
    decode = lambda v: v.decode() if isinstance(v, bytes) else v  # noqa: E731
    attributes = {a.name: decode(onnx.helper.get_attribute_value(a)) for a in node.attribute}
    given = dict(zip([i for i in node.input if i], inputs, strict=True))
    got = run_node(node.op_type, attributes, [given.get(i) for i in node.input])
    named = [a for output, a in zip(node.output, got, strict=False) if output]
    assert len(named) == len(outputs)
    for a, want in zip(named, outputs, strict=True):
        assert_close("onnx", a, want, name)


COMMON: list[dict[str, Any]] = [
    {},
    {"direction": "reverse", "lengths": True},
    {"direction": "bidirectional", "lengths": True, "initial": True},
    {"clip": 0.7},
    {"direction": "bidirectional", "layout": 0, "clip": 0.5, "initial": True},
]
LSTM = [
    *COMMON,
    {"P": True},
    {"P": True, "input_forget": 1, "initial": True},
    {"input_forget": 1},
    {"activations": ["HardSigmoid", "Softsign", "Elu"], "activation_alpha": [0.2, 0.8], "activation_beta": [0.5]},
    {"activations": ["Sigmoid", "LeakyRelu", "ScaledTanh"], "activation_alpha": [0.1, 1.2], "activation_beta": [0.7]},
]
GRU = [{**o, "linear_before_reset": n} for o in COMMON for n in (0, 1)]
NUMBERS = {"Affine": ([0.9], [0.1]), "ThresholdedRelu": ([0.4], []), "ScaledTanh": ([1.3], [0.6])}  # no defaults there
RNN = [
    *COMMON,
    *({"activations": [name]} for name in NAMES if name not in NUMBERS),
    *(
        {"activations": [n], "activation_alpha": a, **({"activation_beta": b} if b else {})}
        for n, (a, b) in NUMBERS.items()
    ),
]


@pytest.mark.parametrize(
    ("op", "options"), [(op, o) for op, cases in (("LSTM", LSTM), ("GRU", GRU), ("RNN", RNN)) for o in cases], ids=str
)
@pytest.mark.parametrize("module", [functional, reference], ids=["kernel", "reference"])
def test_onnxruntime(op: str, options: dict[str, Any], module: Any) -> None:
    ort = pytest.importorskip("onnxruntime")
    T, B, I, H, G = 6, 4, 5, 7, {"LSTM": 4, "GRU": 3, "RNN": 1}[op]
    attributes = {n: v for n, v in options.items() if n not in ("lengths", "initial", "P")} | {"hidden_size": H}
    D = 2 if options.get("direction") == "bidirectional" else 1
    random = np.random.RandomState(7)

    def draw(*shape: int) -> Array:
        return random.uniform(-0.8, 0.8, shape).astype(np.float32)

    inputs: dict[str, Array] = {
        "X": draw(T, B, I),
        "W": draw(D, G * H, I),
        "R": draw(D, G * H, H),
        "B": draw(D, 2 * G * H),
    }
    if options.get("lengths"):
        inputs["lengths"] = np.array([6, 2, 5, 1], np.int32)
    if options.get("initial"):
        inputs["h0"] = draw(D, B, H)
        if op == "LSTM":
            inputs["c0"] = draw(D, B, H)
    if options.get("P"):
        inputs["P"] = draw(D, 3 * H)
    places = ["X", "W", "R", "B", "lengths", "h0", *(["c0", "P"] if op == "LSTM" else [])]
    names = ["Y", "Y_h", *(["Y_c"] if op == "LSTM" else [])]
    node = onnx.helper.make_node(op, [p if p in inputs else "" for p in places], names, **attributes)
    kinds = {np.dtype(np.float32): onnx.TensorProto.FLOAT, np.dtype(np.int32): onnx.TensorProto.INT32}
    values = [onnx.helper.make_tensor_value_info(n, kinds[a.dtype], a.shape) for n, a in inputs.items()]
    results = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, None) for n in names]
    model = onnx.helper.make_model(
        onnx.helper.make_graph([node], "cell", values, results),
        opset_imports=[onnx.helper.make_opsetid("", 17)],
        ir_version=9,
    )
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    want = session.run(None, inputs)
    got = run_node(op, attributes, [inputs.get(p) for p in places], module)
    for name, a, b in zip(names, got, want, strict=True):
        assert_close("onnxruntime", a, b, f"{op} {options} {name}")


def test_every_default_has_a_name() -> None:
    assert all(name in NAMES for names in DEFAULT.values() for name in names)
