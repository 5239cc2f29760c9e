"""Outputs and gradients are the same bits for every thread count, batch split, chunking, layout and ISA."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from problems import Problem, assert_same_bits, digest, make, run

from lstm_fast import _core, functional

# SHA-256 of everything that `everything()` computes. It changes only with a deliberate change of the numbers contract.
STORED = {
    "float32": "dc17343fae734c627ec8d27c8d4b4eeec7dd19b3e65a2f47b1dc3751dc246189",
    "float64": "e6a717229db6d9bb31c0703c4514f4f286cfd7b035734196a467a4200ae5fab3",
}

SHAPES = [(1, 7, 1, 20), (5, 6, 3, 17), (13, 4, 9, 8), (3, 40, 2, 35), (33, 3, 5, 6)]
PER_ROW = ("y", "h", "c", "dx", "dh0", "dc0")


def everything(dtype: str) -> str:
    """One hash over plain, ragged and reversed problems and their gradients."""
    results = []
    for B, T, I, H in SHAPES:
        random = np.random.RandomState(B)
        p = make(B, T, I, H, dtype)
        results += [run(p), run(p, lengths=random.randint(0, T + 1, size=B), reverse=True)]
    return digest(results)


@pytest.fixture(params=SHAPES, ids=str)
def problem(request: pytest.FixtureRequest, dtype: Any) -> Problem:
    B, T, I, H = request.param
    return make(B, T, I, H, dtype)


@pytest.mark.parametrize("threads", [2, 3, 8])
@pytest.mark.parametrize("ragged", [False, True])
def test_threads(problem: Problem, threads: int, ragged: bool) -> None:
    p = problem
    B, T, _ = p.x.shape
    if ragged:
        p.options["lengths"] = np.arange(B) % (T + 1)
    assert_same_bits(run(p, num_threads=threads), run(p, num_threads=1), f"{threads} threads")


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize(
    "shape",
    [
        pytest.param((2, 40, 10, 131), id="units"),
        pytest.param((1, 30, 3, 261), id="fewer units than workers"),
        pytest.param((9, 12, 5, 260), id="rows and units"),
        pytest.param((70, 2, 270, 390), id="weights beyond a core's cache"),
    ],
)
def test_threads_on_wide_layers(dtype: Any, shape: tuple[int, int, int, int], ragged: bool) -> None:
    """Workers share rows, units or both, and some have no part of the steps."""
    B, T, I, H = shape
    lengths = {"lengths": (np.arange(B) * 5 + T - 1) % (T + 1)} if ragged else {}
    p = make(B, T, I, H, dtype, **lengths)
    one = run(p, num_threads=1)
    for threads in (2, 3, 7, 16):
        assert_same_bits(run(p, num_threads=threads), one, f"{threads} threads")


def test_a_worker_without_rows(dtype: Any) -> None:
    """One long row among rows of length 0: from the first step on, the others' worker has nothing to do."""
    p = make(13, 9, 4, 150, dtype, lengths=np.eye(1, 13, 5, dtype=int)[0] * 9)
    assert_same_bits(run(p, num_threads=2), run(p, num_threads=1), "2 threads")


@pytest.mark.parametrize("ragged", [False, True])
def test_batch_split(problem: Problem, ragged: bool) -> None:
    """A row's results do not depend on its mates; each row alone gives the bits of the batch."""
    p = problem
    B, T, _ = p.x.shape
    if ragged:
        p.options["lengths"] = (np.arange(B) * 5 + 2) % (T + 1)
    whole = run(p)
    for size in {1, 2, max(1, B // 2)}:
        for start in range(0, B, size):
            part = slice(start, start + size)
            got = run(p.rows(part))
            assert_same_bits({n: got[n] for n in PER_ROW}, {n: whole[n][part] for n in PER_ROW}, f"rows {part}")


@pytest.mark.parametrize("chunk", [1, 2, 3])
def test_time_chunks(problem: Problem, chunk: int) -> None:
    p = problem
    want = functional.lstm(**p.inputs)
    h, c, parts = p.h0, p.c0, []
    for t in range(0, p.x.shape[1], chunk):
        y, h, c = functional.lstm(p.x[:, t : t + chunk], p.w_x, p.w_h, p.b, h, c)
        parts.append(y)
    assert_same_bits({"y": np.concatenate(parts, axis=1), "h": h, "c": c}, want._asdict(), f"chunks of {chunk}")


def test_layout(problem: Problem) -> None:
    """Time-major, strided and Fortran inputs give the bits of the C-contiguous batch-major ones."""
    p = problem
    want = run(p)

    def strided(a: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        wide = np.full((*a.shape[:-1], 2 * a.shape[-1]), np.nan, a.dtype)
        wide[..., ::2] = a
        return wide[..., ::2]

    layouts: dict[str, Callable[[Any], Any]] = {"Fortran": np.asfortranarray, "strided": strided}
    for label, layout in layouts.items():
        arrays = {n: layout(a) for n, a in vars(p).items() if isinstance(a, np.ndarray)}
        assert_same_bits(run(Problem(**arrays)), want, label)

    p.x, p.dy = p.x.swapaxes(0, 1).copy(), p.dy.swapaxes(0, 1).copy()
    got = run(p, time_major=True)
    got = {n: a.swapaxes(0, 1) if n in ("y", "dx") else a for n, a in got.items()}
    assert_same_bits(got, want, "time-major")


def test_full_lengths_equal_none(problem: Problem) -> None:
    B, T, _ = problem.x.shape
    assert_same_bits(run(problem, lengths=np.full(B, T)), run(problem), "lengths = T")


def test_every_isa(python: Any) -> None:
    """The best instruction set of this CPU against each other one, in processes of their own."""
    isas = python("from lstm_fast import _core; print(*_core.isas())", LSTM_FAST_ISA="").stdout.split()
    assert isas, "no instruction set"
    code = "import test_same_bits as t; print(t._core.isa(), t.everything('float32'), t.everything('float64'))"
    hashes = {}
    for isa in isas:
        done = python(code, LSTM_FAST_ISA=isa)
        assert done.returncode == 0, done.stderr
        ran, *hashes[isa] = done.stdout.split()
        assert ran == isa
        print(isa, *hashes[isa])
    assert len({tuple(h) for h in hashes.values()}) == 1, hashes


def test_stored_hash(dtype: Any) -> None:
    got = everything(str(dtype))
    print(f"{_core.isa()} {dtype}: {got}")
    assert got == STORED[str(dtype)]


def test_the_hash_sees_one_bit() -> None:
    p = make(2, 3, 4, 5, "float32")
    result = run(p)
    before = digest([result])
    result["y"].view(np.uint32)[0, 0, 0] ^= 1
    assert digest([result]) != before


def test_thread_limit_of_the_environment(python: Any) -> None:
    """OMP_NUM_THREADS is honoured where no thread count is set, and changes no bit."""
    code = "import test_same_bits as t; print(t._core.get_num_threads(), t.everything('float32'))"
    one, three = (python(code, OMP_NUM_THREADS=n).stdout.split() for n in ("1", "3"))
    assert one[1] == three[1]
    if _core.build_info().get("openmp"):
        assert one[0] == "1"
