"""T=0, B=0, length 0, I=0 and H=1 are defined; sizes beyond memory are refused before anything is touched."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from problems import make, run, truth
from tolerances import assert_close

from lstm_fast import functional

EDGES = [(0, 5, 3, 4), (3, 0, 2, 4), (0, 0, 3, 4), (3, 5, 0, 4), (2, 4, 3, 1), (1, 1, 1, 1), (1, 1, 0, 1), (0, 0, 0, 1)]


@pytest.mark.parametrize("options", [{}, {"reverse": True}, {"num_threads": 3}], ids=str)
@pytest.mark.parametrize("shape", EDGES, ids=str)
def test_edges(shape: tuple[int, int, int, int], options: dict[str, Any], dtype: Any) -> None:
    B, T, I, H = shape
    p = make(B, T, I, H, dtype, **options)
    got, want = run(p), truth(p)
    for name, a in want.items():
        assert_close("gradient" if name.startswith("d") else "forward", got[name], a, f"{shape} {name}")
    assert got["y"].shape == (B, T, H)
    assert got["dw_x"].shape == (I, 4 * H)
    if T == 0:
        assert np.array_equal(got["h"], p.h0)
        assert np.array_equal(got["c"], p.c0)
        assert np.array_equal(got["dh0"], p.dh)
        assert np.array_equal(got["dc0"], p.dc)
    if B == 0 or T == 0:
        assert not got["dw_h"].any()
        assert not got["db"].any()


@pytest.mark.parametrize("shape", [(4, 2), (0, 2), (4, 0)], ids=str)
def test_unbatched_edges(shape: tuple[int, int], dtype: Any) -> None:
    T, I = shape
    p = make(1, T, I, 3, dtype)
    (y, h, c), tape = functional.lstm_forward(p.x[0], p.w_x, p.w_h, p.b, p.h0[0], p.c0[0])
    assert y.shape == (T, 3)
    assert h.shape == c.shape == (3,)
    grads = functional.lstm_backward(tape, p.dy[0], p.dh[0], p.dc[0])
    assert [g.shape for g in grads] == [(T, I), (I, 12), (3, 12), (12,), (3,), (3,)]


@pytest.mark.parametrize("lengths", [[0, 0, 0], [0, 4, 0], [4, 0, 1]], ids=str)
@pytest.mark.parametrize("reverse", [False, True])
def test_length_zero(lengths: list[int], reverse: bool, dtype: Any) -> None:
    p = make(3, 4, 2, 5, dtype, lengths=lengths, reverse=reverse)
    got, want = run(p), truth(p)
    for name, a in want.items():
        assert_close("gradient" if name.startswith("d") else "forward", got[name], a, name)
    for row in np.flatnonzero(np.array(lengths) == 0):
        assert not got["y"][row].any()
        assert not got["dx"][row].any()
        assert np.array_equal(got["h"][row], p.h0[row])
        assert np.array_equal(got["dc0"][row], p.dc[row])


def test_empty_lengths() -> None:
    p = make(0, 4, 2, 5)
    assert functional.lstm(**p.inputs, lengths=[]).y.shape == (0, 4, 5)


def test_no_hidden_unit() -> None:
    x = np.ones((2, 3, 4))
    with pytest.raises(
        ValueError, match=r"^lstm: expected at least one hidden unit \(H >= 1\), got w_h of shape \(0, 0\)$"
    ):
        functional.lstm(x, np.ones((4, 0)), np.ones((0, 0)))


def test_out_is_fully_written(dtype: Any) -> None:
    p = make(3, 4, 2, 5, dtype, lengths=[4, 0, 2])
    out = np.full((3, 4, 5), np.nan, dtype)
    got = functional.lstm(**p.inputs, **p.options, out=out)
    assert got.y is out
    assert np.array_equal(out, functional.lstm(**p.inputs, **p.options).y)


@pytest.mark.parametrize("function", [functional.lstm, functional.lstm_forward])
@pytest.mark.parametrize("shape", [(2**30, 2**30, 1), (2**59, 1, 1), (1, 2**45, 1), (2**45, 0, 1)], ids=str)
def test_too_large(function: Any, shape: tuple[int, ...]) -> None:
    """Sizes that cannot be: views without memory, refused at once."""
    x = np.lib.stride_tricks.as_strided(np.ones(1, np.float32), shape, (0, 0, 4))
    w_x, w_h = np.ones((1, 32), np.float32), np.ones((8, 32), np.float32)
    start = time.perf_counter()
    with pytest.raises((MemoryError, ValueError)) as caught:
        function(x, w_x, w_h)
    print(caught.value)
    assert time.perf_counter() - start < 1


def test_an_empty_batch_of_endless_sequences_ends() -> None:
    x = np.empty((0, 2**40, 1))
    start = time.perf_counter()
    assert functional.lstm(x, np.ones((1, 8)), np.ones((2, 8))).h.shape == (0, 2)
    assert time.perf_counter() - start < 1
