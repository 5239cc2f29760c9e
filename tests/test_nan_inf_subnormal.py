"""NaN stays in its row, Inf saturates, subnormals are flushed inside, and the caller's floating-point state stays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from problems import assert_same_bits, make, run

from lstm_fast import functional

PER_ROW = ("y", "h", "c", "dx", "dh0", "dc0")
SHAPES = [(1, 4, 3, 5), (7, 5, 3, 6), (5, 4, 2, 17)]


def subnormals_live(dtype: Any) -> bool:
    """Whether this thread computes with subnormals, both as inputs and as results."""
    info = np.finfo(dtype)
    tiny = np.full(17, info.smallest_normal, dtype)
    small = np.full(17, info.smallest_subnormal * 8, dtype)
    half = np.full(17, 0.5, dtype)
    return bool(((tiny * half) != 0).all() and ((small * 2) != 0).all() and ((small + small) != 0).all())


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_nan_stays_in_its_row(shape: tuple[int, int, int, int], threads: int, dtype: Any) -> None:
    p = make(*shape, dtype, num_threads=threads)
    B, T, _, _ = shape
    want = run(p)
    row, t = B // 2, T // 2
    p.x[row, t, 1] = np.nan
    got = run(p)
    others = [r for r in range(B) if r != row]
    assert_same_bits({n: got[n][others] for n in PER_ROW}, {n: want[n][others] for n in PER_ROW}, "other rows")
    assert np.array_equal(got["y"][row, :t], want["y"][row, :t])  # the past is untouched
    assert np.isnan(got["y"][row, t:]).all()
    assert np.isnan(got["h"][row]).all()
    assert np.isnan(got["c"][row]).all()


@pytest.mark.parametrize("name", ["h0", "c0"])
def test_nan_in_a_state(name: str, dtype: Any) -> None:
    p = make(6, 3, 2, 5, dtype)
    want = run(p)
    getattr(p, name)[4, 2] = np.nan
    got = run(p)
    others = [0, 1, 2, 3, 5]
    assert_same_bits({n: got[n][others] for n in PER_ROW}, {n: want[n][others] for n in PER_ROW}, "other rows")
    assert np.isnan(got["y"][4, -1]).all()


def test_nan_in_a_column_of_the_weights(dtype: Any) -> None:
    """One unit's bias: with one step, only that unit is NaN; the padding of a vector leaks nowhere."""
    p = make(3, 1, 2, 5, dtype)
    want = functional.lstm(**p.inputs)
    p.b[3] = np.nan  # input gate of unit 3
    got = functional.lstm(**p.inputs)
    assert np.isnan(got.h[:, 3]).all()
    keep = [0, 1, 2, 4]
    assert np.array_equal(got.h[:, keep], want.h[:, keep])


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("B", [1, 4, 9])
def test_inf_saturates(sign: int, B: int, dtype: Any) -> None:
    """One feature: pre-activations are +-Inf, gates exactly 0, 1, -1. H=5 leaves padded lanes: 0*Inf stays there."""
    H = 5
    p = make(B, 1, 1, H, dtype)
    p.x[...] = sign * np.inf
    got = functional.lstm(**p.inputs)
    i, f, g, o = np.split(sign * p.w_x[0], 4)
    gate = {n: (v > 0).astype(dtype) for n, v in (("i", i), ("f", f), ("o", o))}
    c = gate["f"] * p.c0 + gate["i"] * np.sign(g)
    assert np.array_equal(got.c, c)
    np.testing.assert_allclose(got.h, gate["o"] * np.tanh(c), rtol=1e-6)
    assert np.isfinite(got.y).all()


def test_inf_in_the_cell_state(dtype: Any) -> None:
    p = make(3, 1, 2, 5, dtype)
    p.c0[1] = np.inf
    p.c0[2] = -np.inf
    got = functional.lstm(**p.inputs)
    assert np.array_equal(np.sign(got.c[1:]) * np.inf, got.c[1:])
    assert (got.h[1] > 0).all()
    assert (got.h[2] < 0).all()


def test_subnormal_inputs_are_flushed(dtype: Any) -> None:
    """Weights of 2**100 would lift a subnormal x to visible size; flushed, it is a zero."""
    info = np.finfo(dtype)
    p = make(4, 3, 2, 5, dtype)
    p.w_x *= dtype.type(2.0 ** (-info.minexp - 2))
    p.x[...] = 0
    want = functional.lstm(**p.inputs)
    p.x[...] = info.smallest_normal / 4
    got = functional.lstm(**p.inputs)
    for a, b in zip(got, want, strict=True):
        assert np.array_equal(a, b)


def test_results_are_never_subnormal(dtype: Any) -> None:
    """A cell state that halves its way down ends at zero, not among the subnormals."""
    info = np.finfo(dtype)
    p = make(2, 12, 1, 5, dtype)
    for a in (p.x, p.w_x, p.w_h, p.b):
        a[...] = 0
    p.c0[...] = info.smallest_normal * 16
    got = functional.lstm(**p.inputs)
    for a in got:
        assert ((a == 0) | (np.abs(a) >= info.smallest_normal)).all()
    assert not got.c.any()


@pytest.mark.parametrize("threads", [1, 2])
def test_floating_point_state_of_the_caller(threads: int, dtype: Any) -> None:
    assert subnormals_live(dtype)
    p = make(9, 4, 3, 5, dtype, num_threads=threads)
    run(p)
    assert subnormals_live(dtype)
    p.x[0, 0, 0] = np.nan
    p.x[1, 0, 0] = np.inf
    with np.errstate(all="raise"):
        run(p)
        assert (np.ones(9, dtype) + 1 == 2).all()  # no stale exception flag is raised here
    assert subnormals_live(dtype)


def test_floating_point_state_after_an_error(dtype: Any) -> None:
    p = make(2, 3, 4, 5, dtype)
    _, tape = functional.lstm_forward(**p.inputs)
    functional.lstm_backward(tape)
    with pytest.raises(ValueError, match="fresh tape"):
        functional.lstm_backward(tape)
    assert subnormals_live(dtype)
