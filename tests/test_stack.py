"""Stacks of layers in one call: the bits of one call per layer, the twin, PyTorch, central differences, messages."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from problems import central_difference
from tolerances import assert_close

import lstm_fast as lf
from lstm_fast import functional, reference
from lstm_fast.layers import run_stack

CELLS = ["lstm", "gru", "rnn"]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"reverse": True},
    {"lengths": [3, 0, 6, 5]},
    {"mask": np.arange(24).reshape(4, 6) % 5 > 1, "reset": np.arange(24).reshape(4, 6) % 7 == 3},
    {"time_major": True, "reverse": True},
]
Arrays = dict[str, Any]


def draw(
    cell: str, sizes: list[int], B: int, T: int, dtype: Any, time_major: bool = False, per_step: int = 1
) -> Arrays:
    """Inputs of a stack of layers of `sizes[1:]` units over sizes[0] features, and the gradients of its outputs.

    Dropout `per_step` has factors for each step, all others one set for all steps.
    """
    random = np.random.RandomState(sum(sizes) + 10 * B + T)
    G = {"lstm": 4, "gru": 3, "rnn": 1}[cell]

    def one(*shape: int, scale: float = 1.0) -> Any:
        return (scale * (2 * random.random_sample(shape) - 1)).astype(dtype)

    def series(F: int) -> Any:
        return one(T, B, F) if time_major else one(B, T, F)

    pairs = list(itertools.pairwise(sizes))
    layers = [
        (one(I, G * H, scale=1.5 / np.sqrt(I + H)), one(H, G * H, scale=1.5 / np.sqrt(I + H)),
         one(2, G * H) if cell == "gru" else one(G * H))
        for I, H in pairs
    ]  # fmt: skip
    states = {name: [one(B, H) for H in sizes[1:]] for name in ("h0", "c0", "dh", "dc")}
    if cell != "lstm":
        states["c0"] = states["dc"] = None  # type: ignore[assignment]
    dropout = [1 + (series(H) if k == per_step else one(B, H)) for k, H in enumerate(sizes[1:-1])]
    return {"x": series(sizes[0]), "layers": layers, "dropout": dropout, "dy": series(sizes[-1]), **states}


def run(cell: str, p: Arrays, module: Any = functional, **options: Any) -> Arrays:
    """Everything that a stack computes, by name."""
    given = [p[n] for n in ("x", "layers", "h0", "c0")]
    out, tape = module.recurrent_stack_forward(*given, cell=cell, dropout=p["dropout"], **options)
    grads = module.recurrent_stack_backward(tape, p["dy"], p["dh"], p["dc"])
    return named(out.y, out.h, out.c, grads.x, grads.layers, grads.h0, grads.c0)


def named(y: Any, h: Any, c: Any, dx: Any, layers: Any, dh0: Any, dc0: Any) -> Arrays:
    lists = {"h": h, "c": c, "dh0": dh0, "dc0": dc0} | {
        n: [g[k] for g in layers] for k, n in enumerate(("dw_x", "dw_h", "db"))
    }
    return {"y": y, "dx": dx} | {f"{n}[{k}]": a for n, values in lists.items() for k, a in enumerate(values)}


def one_by_one(cell: str, p: Arrays, **options: Any) -> Arrays:
    """The same by one call per layer, dropout by NumPy."""
    time = 0 if options.get("time_major") else 1
    forward, backward = (getattr(functional, f"{cell}_{way}") for way in ("forward", "backward"))
    factors = [a if a.ndim == 3 else np.expand_dims(a, time) for a in p["dropout"]]
    y, tapes, states, grads = p["x"], [], [], []
    for k, layer in enumerate(p["layers"]):
        (y, *state), tape = forward(y, *layer, *(p[n][k] for n in ("h0", "c0") if p[n]), **options)
        y = y * factors[k] if k < len(factors) else y
        states.append(state)
        tapes.append(tape)
    d = p["dy"]
    for k in reversed(range(len(tapes))):
        g = backward(tapes[k], d, *(p[n][k] for n in ("dh", "dc") if p[n]))
        d = g[0] * factors[k - 1] if k else g[0]
        grads.insert(0, g)
    rest = list(zip(*states, strict=True)), list(zip(*(g[4:] for g in grads), strict=True))
    (h, c), (dh0, dc0) = ([*r, ()][:2] for r in rest)
    return named(y, h, c, d, [g[1:4] for g in grads], dh0, dc0)


def assert_same(got: Arrays, want: Arrays) -> None:
    assert got.keys() == want.keys()
    for name in want:
        assert got[name].shape == want[name].shape, name
        assert np.array_equal(got[name], want[name]), name


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_bits_of_one_call_per_layer(cell: str, options: dict[str, Any], dtype: Any) -> None:
    p = draw(cell, [3, 5, 9, 17], 4, 6, dtype, options.get("time_major", False))
    want = one_by_one(cell, p, **options)
    assert_same(run(cell, p, **options), want)
    out = functional.recurrent_stack(
        *(p[n] for n in ("x", "layers", "h0", "c0")), cell=cell, dropout=p["dropout"], **options
    )
    assert np.array_equal(out.y, want["y"])
    assert all(np.array_equal(a, want[f"h[{k}]"]) for k, a in enumerate(out.h))


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_layers_side_by_side_in_time(cell: str, reverse: bool, threads: int, dtype: Any) -> None:
    """Two rows and enough work: workers take different layers at different steps."""
    p = draw(cell, [2, 31, 32, 30], 2, 163, dtype, per_step=0)
    assert_same(run(cell, p, reverse=reverse, num_threads=threads), one_by_one(cell, p, reverse=reverse, num_threads=1))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_twin(cell: str, options: dict[str, Any], dtype: Any) -> None:
    p = draw(cell, [4, 7, 6, 5], 4, 6, dtype, options.get("time_major", False))
    got, want = run(cell, p, **options), run(cell, p, reference, **options)
    assert got.keys() == want.keys()
    for name in want:
        family = "gradient" if name.startswith("d") else "forward"
        assert_close(family, got[name], want[name], f"{cell} {name}")


@pytest.mark.parametrize("sizes", [[3, 9, 9], [5, 7, 7, 7]], ids=str)
def test_torch(sizes: list[int], dtype: Any) -> None:
    torch = pytest.importorskip("torch")
    p = draw("lstm", sizes, 4, 6, dtype)
    p["dropout"] = None
    t = {n: torch.tensor(np.stack(p[n]) if n.endswith("0") else p[n], requires_grad=True) for n in ("x", "h0", "c0")}
    net = torch.nn.LSTM(sizes[0], sizes[1], len(p["layers"]), batch_first=True, dtype=t["x"].dtype)
    with torch.no_grad():
        for k, layer in enumerate(p["layers"]):
            for name, value in zip(("weight_ih", "weight_hh", "bias_ih"), layer, strict=True):
                getattr(net, f"{name}_l{k}").copy_(torch.tensor(value.T))
            getattr(net, f"bias_hh_l{k}").zero_()
    y, (h, c) = net(t["x"], (t["h0"], t["c0"]))
    d = {n: torch.tensor(np.stack(p[n]) if n != "dy" else p[n]) for n in ("dy", "dh", "dc")}
    ((y * d["dy"]).sum() + (h * d["dh"]).sum() + (c * d["dc"]).sum()).backward()
    weights = [
        tuple(getattr(net, f"{n}_l{k}").grad for n in ("weight_ih", "weight_hh", "bias_ih")) for k in range(len(h))
    ]
    want = named(y, h, c, t["x"].grad, weights, t["h0"].grad, t["c0"].grad)
    got = run("lstm", p)
    for name, value in want.items():
        family = "torch gradient" if name.startswith("d") else "torch forward"
        assert_close(
            family, got[name], value.detach().numpy().T if name.startswith("dw") else value.detach().numpy(), name
        )


@pytest.mark.parametrize("options", [{}, {"lengths": [2, 3], "reverse": True}], ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_central_differences(cell: str, options: dict[str, Any]) -> None:
    p = draw(cell, [2, 4, 3], 2, 3, np.float64, per_step=0)
    got = run(cell, p, **options)

    def loss() -> float:
        y, h, c = functional.recurrent_stack(
            *(p[n] for n in ("x", "layers", "h0", "c0")), cell=cell, dropout=p["dropout"], **options
        )
        states = [(a, d) for n, values in (("dh", h), ("dc", c)) for a, d in zip(values, p[n] or [], strict=True)]
        return float(sum(np.sum(a * d) for a, d in [(y, p["dy"]), *states]))

    inputs = {"dx": p["x"]} | {f"d{n}[{k}]": a for n in ("h0", "c0") for k, a in enumerate(p[n] or [])}
    inputs |= {
        f"d{n}[{k}]": a for k, layer in enumerate(p["layers"]) for n, a in zip(("w_x", "w_h", "b"), layer, strict=True)
    }
    assert {n for n in got if n.startswith("d")} == inputs.keys()
    for name, a in inputs.items():
        want = central_difference(a, loss)
        assert_close("central difference", got[name], want, f"{name} {options}")
        assert np.abs(want).max() > 1e-3  # the comparison is not between zeros


def test_unbatched(dtype: Any) -> None:
    p = draw("lstm", [3, 5, 4, 6], 1, 7, dtype)
    want = run("lstm", p)
    p = {n: a if n == "layers" else a[0] if isinstance(a, np.ndarray) else [v[0] for v in a] for n, a in p.items()}
    got = run("lstm", p)
    for name in want:
        assert np.array_equal(got[name], want[name] if name.startswith(("dw", "db")) else want[name][0]), name


@pytest.mark.parametrize(("B", "T"), [(0, 4), (3, 0)])
def test_empty(B: int, T: int, dtype: Any) -> None:
    p = draw("lstm", [3, 5, 4], B, T, dtype, per_step=0)
    assert_same(run("lstm", p), one_by_one("lstm", p))


def test_messages() -> None:
    p = draw("lstm", [3, 5, 4], 2, 6, np.float32)
    x, layers = p["x"], p["layers"]
    f = functional.recurrent_stack
    with pytest.raises(
        ValueError, match=r"^recurrent_stack: layers\[1\]: expected w_x of shape \(I, 4H\) = \(5, 16\), got \(3, 16\)"
    ):
        f(x, [layers[0], (layers[1][0][:3], *layers[1][1:])])
    with pytest.raises(
        TypeError, match=r"^recurrent_stack: layers\[0\]: expected \(w_x, w_h\) or \(w_x, w_h, b\), got ndarray$"
    ):
        f(x, layers[0])
    with pytest.raises(
        TypeError,
        match=r"^recurrent_stack: expected layers as a list of \(w_x, w_h, b\), one for each layer, got none$",
    ):
        f(x, [])
    with pytest.raises(ValueError, match=r"^recurrent_stack: expected h0 as a list of 2, one for each layer, got 1$"):
        f(x, layers, p["h0"][:1])
    with pytest.raises(
        ValueError, match=r"^recurrent_stack: expected h0\[1\] of shape \(B, H\) = \(2, 4\), got \(2, 5\)$"
    ):
        f(x, layers, [None, p["h0"][0]])
    with pytest.raises(
        ValueError,
        match=r"^recurrent_stack: expected dropout as a list of 1, one for each layer but the last, got an array",
    ):
        f(x, layers, dropout=np.ones((2, 5), np.float32))
    with pytest.raises(ValueError, match=r"^recurrent_stack: expected cell in lstm, gru, rnn, got 'LSTM'$"):
        f(x, layers, cell="LSTM")
    with pytest.raises(ValueError, match=r"^recurrent_stack: expected no c0 with cell 'rnn', which has h alone$"):
        f(x, [(np.ones((3, 2), np.float32), np.ones((2, 2), np.float32))], None, p["c0"], cell="rnn")
    _, tape = functional.recurrent_stack_forward(x, layers)
    assert tape.nbytes > 0
    with pytest.raises(ValueError, match=r"^recurrent_stack_backward: expected dh\[0\] of shape"):
        functional.recurrent_stack_backward(tape, p["dy"], p["dh"][::-1])
    functional.recurrent_stack_backward(tape, p["dy"])  # a refused call has not used it up
    with pytest.raises(
        ValueError, match=r"^recurrent_stack_backward: expected a fresh tape, got one that was used already"
    ):
        functional.recurrent_stack_backward(tape, p["dy"])
    with pytest.raises(
        TypeError, match=r"^lstm_backward: expected a tape from lstm_forward, got one of recurrent_stack_forward$"
    ):
        functional.lstm_backward(tape)
    with pytest.raises(
        TypeError, match=r"^recurrent_stack_backward: expected a tape from recurrent_stack_forward, got ndarray$"
    ):
        functional.recurrent_stack_backward(x)


@pytest.mark.parametrize("layer", ["LSTM", "GRU", "SimpleRNN"])
def test_layers_of_a_model_go_together(layer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A single row passes the three layers in one call, and comes out with the bits it has in a batch."""
    calls = []
    forward = run_stack.RunStack.forward
    monkeypatch.setattr(run_stack.RunStack, "forward", lambda self: (calls.append(len(self.runs)), forward(self))[1])
    kind = getattr(lf.layers, layer)
    stack = [kind(62, return_sequences=True), kind(61, return_sequences=True), kind(57)]
    model = lf.Sequential([lf.Input((80, 3)), *stack, lf.layers.Dense(2)])
    x = np.random.RandomState(1).standard_normal((5, 80, 3)).astype(np.float32)
    batch = model.predict(x, verbose=0)
    assert calls == []  # rows enough for the threads
    with lf.threads(2):
        for k in (3, 0):
            assert np.array_equal(model.predict(x[k : k + 1], verbose=0)[0], batch[k])
    assert calls == [3, 3]
    model.set_weights([0.5 * w for w in model.get_weights()])
    assert not np.array_equal(model.predict(x[:1], verbose=0)[0], batch[0])
    assert np.array_equal(model.predict(x[:1], verbose=0)[0], model.predict(x, verbose=0)[0])
