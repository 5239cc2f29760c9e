"""PyTorch's LSTM: same gates in the same order, weights transposed, two biases added."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from problems import Problem, make, run
from tolerances import assert_close

from lstm_fast import reference

torch = pytest.importorskip("torch")

SHAPES = [(3, 5, 7, 6), (1, 10, 1, 20), (5, 4, 3, 17), (9, 12, 8, 33)]
MODULES = [pytest.param(None, id="kernel"), pytest.param(reference, id="reference")]


def torch_run(p: Problem, time_major: bool = False, reverse: bool = False, lengths: Any = None) -> dict[str, Any]:
    """The same dictionary as problems.run, from torch.nn.LSTM and autograd."""
    t = {n: torch.tensor(a, requires_grad=True) for n, a in p.inputs.items()}
    I, H, P = p.w_x.shape[0], p.c0.shape[1], p.h0.shape[1]
    projected = "projection" in p.options
    layer = torch.nn.LSTM(I, H, batch_first=not time_major, dtype=t["x"].dtype, proj_size=P if projected else 0)
    weights = {
        "weight_ih_l0": t["w_x"].T,
        "weight_hh_l0": t["w_h"].T,
        "bias_ih_l0": t["b"],
        "bias_hh_l0": torch.zeros_like(t["b"]),
    }
    if projected:
        t["projection"] = torch.tensor(p.options["projection"], requires_grad=True)
        weights["weight_hr_l0"] = t["projection"].T
    x = t["x"].flip(0 if time_major else 1) if reverse else t["x"]
    if lengths is not None:
        x = torch.nn.utils.rnn.pack_padded_sequence(
            x, torch.tensor(lengths), batch_first=not time_major, enforce_sorted=False
        )
    y, (h, c) = torch.func.functional_call(layer, weights, (x, (t["h0"][None], t["c0"][None])))
    if lengths is not None:
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(
            y, batch_first=not time_major, total_length=p.x.shape[0 if time_major else 1]
        )
    if reverse:
        y = y.flip(0 if time_major else 1)
    h, c = h[0], c[0]
    loss = (y * torch.tensor(p.dy)).sum() + (h * torch.tensor(p.dh)).sum() + (c * torch.tensor(p.dc)).sum()
    loss.backward()
    outputs = {"y": y, "h": h, "c": c, **{f"d{n}": a.grad for n, a in t.items()}}
    return {n: a.detach().numpy() for n, a in outputs.items()}


def compare(p: Problem, module: Any, **options: Any) -> None:
    got = run(p, **options) if module is None else run(p, module, **options)
    want = torch_run(p, **options)
    assert got.keys() == want.keys()
    for name in want:
        assert_close("torch gradient" if name.startswith("d") else "torch forward", got[name], want[name], name)


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_plain(shape: tuple[int, int, int, int], dtype: Any, module: Any) -> None:
    compare(make(*shape, dtype), module)


@pytest.mark.parametrize("module", MODULES)
def test_reverse_and_time_major(dtype: Any, module: Any) -> None:
    p = make(4, 6, 3, 9, dtype)
    compare(p, module, reverse=True)
    p.x, p.dy = p.x.swapaxes(0, 1).copy(), p.dy.swapaxes(0, 1).copy()
    compare(p, module, time_major=True)


@pytest.mark.parametrize("module", MODULES)
def test_packed_sequence(dtype: Any, module: Any) -> None:
    compare(make(4, 6, 3, 9, dtype), module, lengths=[2, 6, 1, 4])


@pytest.mark.parametrize("module", MODULES)
def test_projection(dtype: Any, module: Any) -> None:
    compare(make(3, 5, 7, 6, dtype, projection=4), module)
    compare(make(9, 12, 8, 33, dtype, projection=17), module, reverse=True)
    compare(make(4, 6, 3, 9, dtype, projection=5), module, lengths=[2, 6, 1, 4])


def torch_layer_norm(p: Problem) -> dict[str, Any]:
    """The layer-normalised LSTM, as PyTorch's benchmarks write it: LayerNormLSTMCell."""
    t = {n: torch.tensor(a, requires_grad=True) for n, a in p.inputs.items()}
    norm = torch.tensor(p.options["layer_norm"], requires_grad=True)
    H, epsilon = p.w_h.shape[0], p.options["layer_norm_epsilon"]
    gain_x, gain_h, gain_c, shift = norm.split([4 * H, 4 * H, H, H])
    layer_norm = torch.nn.functional.layer_norm
    h, c, ys = t["h0"], t["c0"], []
    for x in t["x"].unbind(1):
        z_x = layer_norm(x @ t["w_x"], (4 * H,), gain_x, t["b"], epsilon)
        z_h = layer_norm(h @ t["w_h"], (4 * H,), gain_h, None, epsilon)
        i, f, g, o = (z_x + z_h).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * layer_norm(c, (H,), gain_c, shift, epsilon).tanh()
        ys.append(h)
    y = torch.stack(ys, 1)
    loss = (y * torch.tensor(p.dy)).sum() + (h * torch.tensor(p.dh)).sum() + (c * torch.tensor(p.dc)).sum()
    loss.backward()
    outputs = {"y": y, "h": h, "c": c, **{f"d{n}": a.grad for n, a in t.items()}, "dlayer_norm": norm.grad}
    return {n: a.detach().numpy() for n, a in outputs.items()}


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_layer_norm(shape: tuple[int, int, int, int], dtype: Any, module: Any) -> None:
    p = make(*shape, dtype, layer_norm_epsilon=1e-3)
    p.options["layer_norm"] = np.random.RandomState(1).uniform(-1, 1, 10 * shape[3]).astype(dtype)
    got, want = run(p) if module is None else run(p, module), torch_layer_norm(p.astype(np.float64))
    assert got.keys() == want.keys()
    for name in want:
        assert_close("torch gradient" if name.startswith("d") else "torch forward", got[name], want[name], name)
