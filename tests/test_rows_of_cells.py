"""Resets, masks, factors of h and checkpoints for every cell of the kernels, by properties that need no twin."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from problems import assert_same_bits
from tolerances import assert_close

from lstm_fast import _core

CELLS = {"lstm": (4, 4), "gru": (3, 6), "rnn": (1, 1)}  # columns of the weights, numbers of the bias, per unit
Arrays = dict[str, Any]


def problem(cell: str, B: int, T: int, I: int, H: int, dtype: Any) -> Arrays:
    random = np.random.RandomState(B + T + I + H)
    G, biases = CELLS[cell]
    s = 1.5 / np.sqrt(I + H)
    shapes = {"x": (B, T, I), "dy": (B, T, H)} | dict.fromkeys(("h0", "c0", "dh", "dc"), (B, H))
    shapes |= {"w_x": (I, G * H), "w_h": (H, G * H), "b": (biases * H,)}
    return {n: (random.uniform(-1, 1, shape) * (s if n[0] == "w" else 1)).astype(dtype) for n, shape in shapes.items()}


def run(cell: str, p: Arrays, *, mask: Any = None, reset: Any = None, h_scale: Any = None, **options: Any) -> Arrays:
    """All outputs and gradients."""
    B, T, I = p["x"].shape
    H, dtype = p["w_h"].shape[0], p["x"].dtype
    weights = _core.Weights(cell, I, H, dtype, backward=True)
    weights.pack(p["w_x"], p["w_h"], p["b"])
    rows = None
    if mask is not None or reset is not None:
        rows = _core.Rows(B, T)
        rows.fill(mask, reset)
    sequence = _core.Sequence(weights, B, T, training=True, rows=rows, **options)
    memory = cell == "lstm"
    r = {"y": p["dy"], "h": p["h0"], "dx": p["x"], "dw_x": p["w_x"], "dw_h": p["w_h"], "db": p["b"], "dh0": p["h0"]}
    r = {n: np.empty_like(a) for n, a in (r | ({"c": p["c0"], "dc0": p["c0"]} if memory else {})).items()}
    c0, dc = (p["c0"], p["dc"]) if memory else (None, None)
    sequence.forward(p["x"], p["h0"], c0, r["y"], r["h"], r.get("c"), h_scale=h_scale)
    sequence.backward(
        p["x"], p["dy"], p["dh"], dc, r["dx"], r["dw_x"], r["dw_h"], r["db"], r["dh0"], r.get("dc0"), p["h0"], c0,
        h_scale=h_scale,
    )  # fmt: skip
    return r


cells = pytest.mark.parametrize("cell", CELLS)


@cells
def test_reset_is_a_new_sequence(cell: str, dtype: Any) -> None:
    p = problem(cell, 4, 8, 3, 19, dtype)
    got = run(cell, p, reset=np.ascontiguousarray(np.broadcast_to(np.arange(8) == 3, (4, 8))))
    zero = np.zeros_like(p["h0"])
    first = run(cell, p | {"x": p["x"][:, :3], "dy": p["dy"][:, :3], "dh": zero, "dc": zero})
    second = run(cell, p | {"x": p["x"][:, 3:], "dy": p["dy"][:, 3:], "h0": zero, "c0": zero})
    for name in ("y", "dx"):
        assert np.array_equal(got[name], np.concatenate([first[name], second[name]], axis=1)), name
    for name, part in (("h", second), ("dh0", first), *([("c", second), ("dc0", first)] if cell == "lstm" else [])):
        assert np.array_equal(got[name], part[name]), name
    for name in ("dw_x", "dw_h", "db"):
        assert_close("gradient", got[name], first[name].astype(np.float64) + second[name], name)


@cells
def test_mask_is_the_sequence_without_its_holes(cell: str, dtype: Any) -> None:
    p = problem(cell, 1, 9, 3, 19, dtype)
    mask = np.array([[False, True, True, False, False, True, False, True, False]])
    kept = np.flatnonzero(mask[0])
    repeats = np.stack([p["dy"][0, a:b].sum(axis=0) for a, b in zip(kept, [*kept[1:], 9], strict=True)])
    dense = run(cell, p | {"x": p["x"][:, kept], "dy": repeats[None]})
    got = run(cell, p, mask=mask)
    assert np.array_equal(got["y"][:, kept], dense["y"])
    assert not got["y"][:, 0].any()
    assert np.array_equal(got["y"][:, 3:5], dense["y"][:, [1, 1]])
    assert np.array_equal(got["h"], dense["h"])
    for name in ("dw_x", "dw_h", "db", "dh0"):
        assert_close("gradient", got[name], dense[name], name)
    assert_close("gradient", got["dx"][:, kept], dense["dx"], "dx")
    assert not got["dx"][:, ~mask[0]].any()


@cells
@pytest.mark.parametrize("T", [1, 6])
def test_factors_of_h_are_factors_of_the_weights(cell: str, T: int, dtype: Any) -> None:
    """For one row, (h s) w_h = h (diag(s) w_h)."""
    p = problem(cell, 1, T, 3, 19, dtype)
    s = np.random.RandomState(1).uniform(0.5, 2, (1, 19)).astype(dtype)
    got, want = run(cell, p, h_scale=s), run(cell, p | {"w_h": s.T * p["w_h"]})
    want["dw_h"] *= s.T
    for name in want:
        assert_close("gradient" if name[0] == "d" else "forward", got[name], want[name], name)


@cells
def test_same_bits(cell: str, dtype: Any) -> None:
    """Threads and checkpoints change nothing, with everything at once."""
    for shape in ((7, 60, 4, 17), (2, 11, 5, 131)):
        p, random = problem(cell, *shape, dtype), np.random.RandomState(5)
        B, T, _, H = shape
        places = {"mask": random.rand(B, T) < 0.8, "reset": random.rand(B, T) < 0.2}
        places["h_scale"] = random.uniform(0, 2, (B, H)).astype(dtype)
        want = run(cell, p, num_threads=1, **places)
        assert_same_bits(run(cell, p, num_threads=3, **places), want, "3 threads")
        for k in (1, 4, 7):
            assert_same_bits(run(cell, p, num_threads=2, checkpoint_every=k, **places), want, f"every {k}")
        assert_same_bits(run(cell, p, checkpoint_every=5), run(cell, p), "nothing but checkpoints")


def test_rows_filled_anew_need_another_forward() -> None:
    p = problem("lstm", 2, 5, 3, 4, np.float32)
    weights = _core.Weights("lstm", 3, 4, np.float32, backward=True)
    weights.pack(p["w_x"], p["w_h"], p["b"])
    rows = _core.Rows(2, 5)
    sequence = _core.Sequence(weights, 2, 5, training=True, rows=rows, refill=True)
    grads = [np.empty_like(p[n]) for n in ("x", "w_x", "w_h", "b")]
    for mask in (np.eye(2, 5, dtype=bool), np.ones((2, 5), bool)):  # more steps than before: the tape has room for all
        rows.fill(mask)
        sequence.forward(p["x"], None, None, None, None, None)
        sequence.backward(p["x"], p["dy"], None, None, *grads, None, None, None, None)
    sequence.forward(p["x"], None, None, None, None, None)
    rows.fill(np.eye(2, 5, dtype=bool))
    with pytest.raises(ValueError, match="filled anew since forward"):
        sequence.backward(p["x"], p["dy"], None, None, *grads, None, None, None, None)
