"""GRU and plain RNN: against the NumPy twin, central differences, PyTorch; the same bits however the work is cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from problems import INPUTS, Problem, assert_same_bits, central_difference, digest, make, run, truth
from tolerances import assert_close

from lstm_fast import _core, functional, reference

KINDS: list[tuple[str, dict[str, Any]]] = [("gru", {}), ("rnn", {}), ("rnn", {"activation": "relu"})]
SHAPES = [(3, 5, 7, 6), (1, 6, 3, 1), (2, 1, 4, 8), (1, 4, 1, 20), (5, 3, 2, 15), (7, 4, 5, 17), (13, 3, 11, 70)]
PER_ROW = ("y", "h", "dx", "dh0")

every_kind = pytest.mark.parametrize(("cell", "settings"), KINDS, ids=str)


def compare(p: Problem, label: str, **options: Any) -> None:
    got, want = run(p, **options), truth(p, **options)
    assert got.keys() == want.keys()
    for name in want:
        assert got[name].dtype == p.x.dtype
        assert_close("gradient" if name.startswith("d") else "forward", got[name], want[name], f"{label} {name}")


@every_kind
@pytest.mark.parametrize("shape", [*SHAPES, (70, 40, 2, 5), (2, 3, 600, 9)], ids=str)
def test_twin(cell: str, settings: dict[str, Any], shape: tuple[int, int, int, int], dtype: Any) -> None:
    compare(make(*shape, dtype, cell=cell, **settings), str(shape))


@every_kind
@pytest.mark.parametrize("seed", range(8))
def test_random_options(cell: str, settings: dict[str, Any], seed: int, dtype: Any) -> None:
    random = np.random.RandomState(seed)
    B, T, I, H = (int(random.randint(1, n)) for n in (9, 9, 12, 24))
    options: dict[str, Any] = {"reverse": bool(random.randint(2)), "num_threads": int(random.randint(1, 4))}
    if random.randint(3):
        options["lengths"] = random.randint(0, T + 1, size=B)
    p = make(B, T, I, H, dtype, seed, cell=cell, **settings, **options)
    if random.randint(2):
        p.options["time_major"] = True
        p.x, p.dy = p.x.swapaxes(0, 1).copy(), p.dy.swapaxes(0, 1).copy()
    compare(p, f"{(B, T, I, H)} {options}")


@every_kind
@pytest.mark.parametrize("options", [{}, {"lengths": [1, 4, 0], "reverse": True}], ids=str)
def test_central_differences(cell: str, settings: dict[str, Any], options: dict[str, Any]) -> None:
    p = make(3, 4, 2, 5, cell=cell, **settings, **options)
    got = run(p)

    def loss() -> float:
        y, h = getattr(functional, cell)(**p.inputs, **p.options)
        return float(np.sum(y * p.dy) + np.sum(h * p.dh))

    for name in p.inputs:
        a = getattr(p, name)
        want = central_difference(a, loss)
        assert_close("central difference", got[f"d{name}"], want, f"{cell} d{name}")
        assert np.abs(want).max() > 1e-3


@every_kind
def test_same_bits(cell: str, settings: dict[str, Any], dtype: Any) -> None:
    """Threads, batch split, chunks in time, time-major and full lengths change no bit."""
    for B, T, I, H in [(5, 6, 3, 17), (13, 4, 9, 8), (5, 30, 10, 131), (33, 3, 5, 6)]:
        p = make(B, T, I, H, dtype, cell=cell, **settings)
        want = run(p)
        for threads in (2, 3):
            assert_same_bits(run(p, num_threads=threads), want, f"{threads} threads")
        assert_same_bits(run(p, lengths=np.full(B, T)), want, "lengths = T")
        for start in range(0, B, 2):
            part = slice(start, start + 2)
            got = run(p.rows(part))
            assert_same_bits({n: got[n] for n in PER_ROW}, {n: want[n][part] for n in PER_ROW}, f"rows {part}")
        h, parts = p.h0, []
        for t in range(T):
            y, h = getattr(functional, cell)(p.x[:, t : t + 1], p.w_x, p.w_h, p.b, h, **settings)
            parts.append(y)
        assert_same_bits({"y": np.concatenate(parts, axis=1), "h": h}, {n: want[n] for n in ("y", "h")}, "steps")
        inference = run(p, gradients=False)
        assert_same_bits(inference, {n: want[n] for n in inference}, "inference")


def everything(dtype: str) -> str:
    """One hash over every kind."""
    return digest(
        run(make(B, 4, I, H, dtype, cell=c, **s), reverse=True)
        for c, s in KINDS
        for B, I, H in [(5, 3, 17), (9, 7, 20)]
    )


def test_every_isa(python: Any) -> None:
    code = "import test_cells as t; print(t._core.isa(), t.everything('float32'), t.everything('float64'))"
    hashes = set()
    for isa in _core.isas():
        done = python(code, LSTM_FAST_ISA=isa)
        assert done.returncode == 0, done.stderr
        ran, *found = done.stdout.split()
        assert ran == isa
        hashes.add(tuple(found))
    assert len(hashes) == 1, hashes


@every_kind
def test_unbatched_and_out(cell: str, settings: dict[str, Any], dtype: Any) -> None:
    p = make(1, 5, 7, 6, dtype, cell=cell, **settings)
    want = run(p)
    out = np.empty_like(want["y"])
    assert getattr(functional, cell)(**p.inputs, **p.options, out=out).y is out
    assert np.array_equal(out, want["y"])
    for name in ("x", "h0", "dy", "dh"):
        setattr(p, name, getattr(p, name)[0])
    got = run(p)
    for name in want:
        assert np.array_equal(got[name], want[name] if name in ("dw_x", "dw_h", "db") else want[name][0]), name


def test_biases_of_a_gru(dtype: Any) -> None:
    """(3H) is b_x beside a zero b_h; None is zeros and has the gradient of both."""
    p = make(3, 5, 7, 6, dtype, cell="gru")
    both = np.stack([p.b[0], np.zeros_like(p.b[0])])
    p.b = both
    want = run(p)
    p.b = both[0]
    got = run(p)
    assert np.array_equal(got["db"], want["db"][0])
    assert_same_bits(
        {n: a for n, a in got.items() if n != "db"}, {n: a for n, a in want.items() if n != "db"}, "b (3H)"
    )
    p.b = np.zeros_like(both)
    want = run(p)
    _, tape = functional.gru_forward(p.x, p.w_x, p.w_h, None, p.h0)
    assert_same_bits({"db": functional.gru_backward(tape, p.dy, p.dh).b}, {"db": want["db"]}, "b None")


def test_messages() -> None:
    p = make(3, 5, 7, 6, cell="gru")
    with pytest.raises(ValueError, match=r"^gru: expected b of shape \(2, 3H\) = \(2, 18\) .* got \(4,\)$"):
        functional.gru(p.x, p.w_x, p.w_h, p.b[0, :4])
    with pytest.raises(
        ValueError, match=r"^gru: expected w_h of shape \(H, 3H\) = \(6, 18\), got \(18, 6\); transpose"
    ):
        functional.gru(p.x, p.w_x, p.w_h.T)
    with pytest.raises(ValueError, match=r"^rnn: expected activation in affine, .*, got 'softmax'$"):
        functional.rnn(p.x, p.w_x[:, :6], p.w_h[:, :6], activation="softmax")
    _, tape = functional.gru_forward(p.x, p.w_x, p.w_h)
    with pytest.raises(TypeError, match=r"^lstm_backward: expected a tape from lstm_forward, got one of gru_forward$"):
        functional.lstm_backward(tape)


def torch_run(p: Problem, activation: str = "tanh") -> dict[str, Any]:
    """The same dictionary as problems.run, from torch's layer and autograd."""
    torch = pytest.importorskip("torch")
    t = {n: torch.tensor(a, requires_grad=True) for n, a in p.inputs.items()}
    I, H = p.w_x.shape[0], p.w_h.shape[0]
    if p.cell == "gru":  # z r n -> r z n
        layer = torch.nn.GRU(I, H, batch_first=True, dtype=t["x"].dtype)
        w_x, w_h, b = (
            torch.cat([a[..., H : 2 * H], a[..., :H], a[..., 2 * H :]], -1) for a in (t["w_x"], t["w_h"], t["b"])
        )
        biases = (b[0], b[1])
    else:
        layer = torch.nn.RNN(I, H, batch_first=True, dtype=t["x"].dtype, nonlinearity=activation)
        w_x, w_h, biases = t["w_x"], t["w_h"], (t["b"], torch.zeros_like(t["b"]))
    weights = dict(
        zip(["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"], [w_x.T, w_h.T, *biases], strict=True)
    )
    y, h = torch.func.functional_call(layer, weights, (t["x"], t["h0"][None]))
    ((y * torch.tensor(p.dy)).sum() + (h[0] * torch.tensor(p.dh)).sum()).backward()
    outputs = {"y": y, "h": h[0], **{f"d{n}": a.grad for n, a in t.items()}}
    return {n: a.detach().numpy() for n, a in outputs.items()}


@every_kind
@pytest.mark.parametrize("module", [functional, reference], ids=["kernel", "reference"])
@pytest.mark.parametrize("shape", [(3, 5, 7, 6), (9, 12, 8, 33)], ids=str)
def test_torch(cell: str, settings: dict[str, Any], module: Any, shape: tuple[int, int, int, int], dtype: Any) -> None:
    p = make(*shape, dtype, cell=cell, **settings)
    got, want = run(p, module), torch_run(p, **settings)
    assert got.keys() == want.keys()
    for name in want:
        assert_close("torch gradient" if name.startswith("d") else "torch forward", got[name], want[name], name)


def test_inputs_cover_every_cell() -> None:
    assert set(make(1, 1, 1, 1, cell="gru").inputs) == set(INPUTS) - {"c0"}
