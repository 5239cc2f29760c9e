"""Options of the cells: activations, peepholes, coupled gates, clips, in every cell that has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from problems import Problem, assert_same_bits, central_difference, digest, make, run, truth
from tolerances import assert_close

from lstm_fast import _core, functional, reference

ACTIVATIONS: list[Any] = [
    *_core.activations(),
    ("affine", 0.7, 0.2),
    ("leaky_relu", 0.3),
    ("thresholded_relu", 0.25),
    ("scaled_tanh", 1.5, 0.6),
    ("hard_sigmoid", 0.2, 0.5),
    ("elu", 0.8),
]

LSTM: list[dict[str, Any]] = [
    {"peephole": True},
    {"input_forget": True},
    {"input_forget": True, "peephole": True},
    {"clip": 0.8},
    {"cell_clip": 0.5},
    {"zoneout": (0.3, 0.2), "return_c": True},
    {"zoneout": (0.4, 0.6), "zoneout_seed": 12345, "cell_clip": 1.2, "input_forget": True},
    {"zoneout": 0.5, "zoneout_seed": 7, "lengths": [1, 4, 0], "reverse": True, "return_c": True},
    {"return_c": True},
    {"zoneout": (0.2, 0.35), "peephole": True},
    {"zoneout": (0.5, 0.3), "zoneout_seed": 5, "peephole": True, "lengths": [1, 4, 0], "return_c": True},
    {"clip": 1.1, "cell_clip": 0.9, "peephole": True, "reverse": True},
    {"projection": 7},
    {"projection": 20, "lengths": [1, 4, 0], "reverse": True, "return_c": True},
    {"projection": 4, "peephole": True, "cell_clip": 0.9, "activation": "softsign", "return_c": True},
    {"activation": "relu", "recurrent_activation": "hard_sigmoid"},
    {"activation": "softsign", "output_activation": "elu", "lengths": [1, 4, 0], "peephole": True},
    {"layer_norm": True},
    {"layer_norm": True, "layer_norm_epsilon": 1e-2, "clip": 0.9, "activation": "softsign", "return_c": True},
    {"layer_norm": True, "lengths": [1, 4, 0], "reverse": True},
]
GRU: list[dict[str, Any]] = [
    {"reset_after": False},
    {"reset_after": False, "activation": "softsign", "clip": 0.9, "lengths": [1, 4, 0], "reverse": True},
    {"clip": 0.8},
    {"activation": "silu", "recurrent_activation": "hard_sigmoid", "lengths": [1, 4, 0], "reverse": True},
]
RNN: list[dict[str, Any]] = [{"clip": 0.8}, {"activation": "softplus", "reverse": True}]
WEIGHTS = {"peephole": 3, "layer_norm": 10}  # options that are weights: numbers per unit
CASES = [(cell, o) for cell, options in (("lstm", LSTM), ("gru", GRU), ("rnn", RNN)) for o in options]

every_case = pytest.mark.parametrize(("cell", "options"), CASES, ids=str)


def problem(cell: str, options: dict[str, Any], B: int, T: int, I: int, H: int, dtype: Any = np.float64) -> Problem:
    """`peephole: True` and `layer_norm: True` become random numbers."""
    p = make(B, T, I, H, dtype, cell=cell, **options)
    for name, width in WEIGHTS.items():
        if name in options:
            p.options[name] = np.random.RandomState(H).uniform(-1, 1, width * H).astype(dtype)
    if "lengths" in options:
        p.options["lengths"] = np.resize(options["lengths"], B).clip(0, T)
    return p


def compare(p: Problem, label: str, **more: Any) -> None:
    got, want = run(p, **more), truth(p, **more)
    assert got.keys() == want.keys()
    for name in want:
        assert_close("gradient" if name.startswith("d") else "forward", got[name], want[name], f"{label} {name}")


@every_case
@pytest.mark.parametrize("shape", [(3, 5, 7, 6), (7, 4, 5, 17), (20, 30, 3, 40), (1, 4, 1, 33)], ids=str)
def test_twin(cell: str, options: dict[str, Any], shape: tuple[int, int, int, int], dtype: Any) -> None:
    compare(problem(cell, options, *shape, dtype), f"{cell} {shape}")


@every_case
def test_edge_shapes(cell: str, options: dict[str, Any], dtype: Any) -> None:
    for shape in [(3, 0, 4, 5), (0, 3, 4, 5), (3, 4, 0, 5), (1, 1, 1, 1), (7, 2, 1, 65)]:
        compare(problem(cell, options, *shape, dtype), f"{cell} {shape}")


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_every_activation(cell: str, activation: Any, dtype: Any) -> None:
    options = {"activation": activation}
    p = problem(cell, options, 5, 3, 7, 20, dtype)
    p.w_h *= 0.5  # unbounded activations stay in range
    if activation == "exponential":
        for a in (p.x, p.w_h, p.b, p.h0, p.c0):
            if a is not None:
                a *= 0.1
    compare(p, f"{cell} {activation}")
    if cell != "rnn":
        compare(p, f"{cell} gates {activation}", recurrent_activation=activation, activation="tanh")


@every_case
def test_central_differences(cell: str, options: dict[str, Any]) -> None:
    p = problem(cell, options, 3, 4, 2, 5)
    got = run(p)

    def loss() -> float:
        output = getattr(functional, cell)(**p.inputs, **p.options)
        pairs = [*zip(output, (p.dy, p.dh, p.dc), strict=False)]
        if p.dc_sequence is not None:
            pairs.append((output.c_sequence, p.dc_sequence))
        return float(sum(np.sum(a * d) for a, d in pairs))

    for name in [*p.inputs, *(n for n in ("peephole", "projection", "layer_norm") if n in options)]:
        a = p.options[name] if name in p.options else getattr(p, name)
        want = central_difference(a, loss)
        assert_close("central difference", got[f"d{name}"], want, f"{cell} d{name}")
        assert np.abs(want).max() > 1e-3


@every_case
def test_same_bits(cell: str, options: dict[str, Any], dtype: Any) -> None:
    for B, T, I, H in [(5, 6, 3, 17), (13, 4, 9, 8), (5, 30, 10, 131)]:
        p = problem(cell, options, B, T, I, H, dtype)
        want = run(p)
        for threads in (2, 3):
            assert_same_bits(run(p, num_threads=threads), want, f"{threads} threads")
        # draws of zoneout are numbered by row
        names = [n for n in ("y", "h", "c", "dx", "dh0", "dc0") if n in want and "zoneout_seed" not in options]
        for start in range(0, B, 2):
            part = slice(start, start + 2)
            got = run(p.rows(part))
            assert_same_bits({n: got[n] for n in names}, {n: want[n][part] for n in names}, f"rows {part}")
        inference = run(p, gradients=False)
        assert_same_bits(inference, {n: want[n] for n in inference}, "inference")


@pytest.mark.parametrize("options", LSTM, ids=str)
def test_gates(options: dict[str, Any], dtype: Any) -> None:
    """lstm_gates has the twin's gates and the bits of lstm."""
    options = {k: v for k, v in options.items() if k not in ("lengths", "reverse", "return_c")}
    for shape in [(3, 5, 7, 6), (2, 0, 4, 5), (1, 4, 2, 33)]:
        p = problem("lstm", options, *shape, dtype)
        got = functional.lstm_gates(**p.inputs, **p.options)
        wide = p.astype(np.float64)
        want = reference.lstm_gates(**wide.inputs, **wide.options)
        for name in want._fields:
            assert_close("forward", getattr(got, name), getattr(want, name), f"{options} {name}")
        whole = functional.lstm(**p.inputs, **p.options, return_c=True)
        assert_same_bits({"h": got.h, "c": got.c}, {"h": whole.y, "c": whole.c_sequence}, "states")
        alone = functional.lstm_gates(p.x[0], p.w_x, p.w_h, p.b, p.h0[0], p.c0[0], **p.options)
        for name in want._fields:
            assert_close("forward", getattr(alone, name), getattr(want, name)[0], f"one sequence {name}")


def test_layer_norm_sums_in_blocks(dtype: Any) -> None:
    """More steps, and more rows, than one partial sum of its gradients has (epsilon: few units magnify roundings)."""
    for shape, lengths in (((3, 600, 9, 20), [600, 3, 257]), ((270, 2, 40, 33), [2, 1])):
        options = {"layer_norm": True, "layer_norm_epsilon": 0.1, "lengths": lengths}
        p = problem("lstm", options, *shape, dtype)
        compare(p, str(shape))
        want = run(p)
        for threads, every in ((1, 100), (3, None), (2, 1)):
            got = run(p, num_threads=threads, checkpoint_every=every)
            assert_same_bits(got, want, f"{threads} threads, checkpoint_every={every}")


def everything(dtype: str) -> str:
    """One hash over every case and every activation."""
    problems = [problem(c, o, 5, 3, 3, 19, dtype) for c, o in CASES]
    problems += [problem("rnn", {"activation": a}, 3, 2, 3, 19, dtype) for a in ACTIVATIONS]
    return digest(run(p) for p in problems)


def test_every_isa(python: Any) -> None:
    code = "import test_cell_options as t; print(t._core.isa(), t.everything('float32'), t.everything('float64'))"
    hashes = set()
    for isa in _core.isas():
        done = python(code, LSTM_FAST_ISA=isa)
        assert done.returncode == 0, done.stderr
        ran, *found = done.stdout.split()
        assert ran == isa
        hashes.add(tuple(found))
    assert len(hashes) == 1, hashes


def test_messages() -> None:
    p = make(3, 5, 7, 6)
    with pytest.raises(TypeError, match="unexpected keyword argument 'lengths'"):
        functional.lstm_gates(**p.inputs, lengths=[5, 5, 5])  # type: ignore[call-arg]
    with pytest.raises(ValueError, match=r"^lstm: expected activation in affine, .* got 'softmax'$"):
        functional.lstm(**p.inputs, activation="softmax")
    with pytest.raises(TypeError, match=r"^lstm: expected recurrent_activation as a name, or \(name, alpha\)"):
        functional.lstm(**p.inputs, recurrent_activation=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^lstm: expected clip > 0 and finite, got -1; use None for no bound$"):
        functional.lstm(**p.inputs, clip=-1)
    with pytest.raises(
        ValueError, match=r"^lstm: expected peephole of shape \(3H,\) = \(18,\) in the order i f o, got \(6,\)$"
    ):
        functional.lstm(**p.inputs, peephole=np.ones(6))


def test_messages_of_projection() -> None:
    p = make(3, 5, 7, 6, projection=4)
    lstm, w_p = functional.lstm, p.options["projection"]
    inputs = p.inputs
    with pytest.raises(ValueError, match=r"^lstm: expected projection of shape \(H, P\) with H, P >= 1, got \(6,\)$"):
        lstm(**inputs, projection=w_p[:, 0])
    with pytest.raises(ValueError, match=r"^lstm: expected projection .* = \(6, 4\), got \(4, 6\); transpose it$"):
        lstm(**inputs, projection=w_p.T)
    beside = r"beside projection \(H, P\) = \(6, 4\), got"
    with pytest.raises(ValueError, match=rf"^lstm: expected w_h of shape \(P, 4H\) = \(4, 24\) {beside} \(6, 24\)$"):
        lstm(**{**inputs, "w_h": np.ones((6, 24))}, projection=w_p)
    with pytest.raises(ValueError, match=rf"w_x of shape \(I, 4H\) = \(7, 24\) {beside} \(24, 7\); transpose it if"):
        lstm(**{**inputs, "w_x": p.w_x.T}, projection=w_p)
    with pytest.raises(ValueError, match=rf"^lstm: expected b of shape \(4H,\) = \(24,\) {beside} \(23,\)$"):
        lstm(**{**inputs, "b": p.b[1:]}, projection=w_p)
    with pytest.raises(ValueError, match=r"^lstm: expected h0 of shape \(B, P\) = \(3, 4\), got \(3, 6\)$"):
        lstm(**{**inputs, "h0": p.c0}, projection=w_p)
    with pytest.raises(ValueError, match=r"recurrent_dropout of shape \(B, P\) = \(3, 4\), got \(3, 6\)$"):
        lstm(**inputs, projection=w_p, recurrent_dropout=p.c0)
    with pytest.raises(TypeError, match=r"^lstm: expected projection of dtype float64 \(the dtype of x\), got float32"):
        lstm(**inputs, projection=w_p.astype("float32"))
    with pytest.raises(ValueError, match=r"^lstm: projection and zoneout contradict each other; pass one of them$"):
        lstm(**inputs, projection=w_p, zoneout=0.1)
    with pytest.raises(ValueError, match=r"^lstm: expected out of the shape of y = \(3, 5, 4\), got \(3, 5, 6\)$"):
        lstm(**inputs, projection=w_p, out=np.empty((3, 5, 6)))
    with pytest.raises(ValueError, match=r"^lstm_backward: expected dh of shape \(B, P\) = \(3, 4\), got \(3, 6\)$"):
        functional.lstm_backward(functional.lstm_forward(**inputs, projection=w_p)[1], dh=p.c0)


def test_messages_of_layer_norm() -> None:
    p = make(3, 5, 7, 6)
    for name, value in {"peephole": np.ones(18), "zoneout": 0.1, "cell_clip": 1.0, "input_forget": True}.items():
        with pytest.raises(ValueError, match=f"^lstm: layer_norm and {name} contradict each other; pass one of them$"):
            functional.lstm(**p.inputs, layer_norm=np.ones(60), **{name: value})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^lstm: layer_norm and projection contradict each other; pass one of them$"):
        functional.lstm(**p.inputs, layer_norm=np.ones(60), projection=np.ones((6, 6)))
    with pytest.raises(ValueError, match=r"^lstm: expected layer_norm of shape \(10H,\) = \(60,\), gains of x w_x"):
        functional.lstm(**p.inputs, layer_norm=np.ones(24))
    with pytest.raises(ValueError, match=r"^lstm: expected layer_norm_epsilon > 0 and finite, got 0$"):
        functional.lstm(**p.inputs, layer_norm=np.ones(60), layer_norm_epsilon=0)
