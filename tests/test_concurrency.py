"""Many Python threads on shared weights compute exactly what one computes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from problems import assert_same_bits, make, run

from lstm_fast import _core, functional, set_num_threads

WORKERS = 8


def together(work: Any, n: int) -> list[Any]:
    """work(k) for k < n, all released at once."""
    gate = threading.Barrier(WORKERS)

    def start(k: int) -> Any:
        if k < WORKERS:
            gate.wait(timeout=30)
        return work(k)

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(start, range(n)))


@pytest.mark.parametrize("num_threads", [1, 2])
def test_functions_on_shared_arrays(num_threads: int, dtype: Any) -> None:
    p = make(6, 8, 5, 17, dtype, num_threads=num_threads)
    want = run(p)
    for got in together(lambda k: run(p), 5 * WORKERS):
        assert_same_bits(got, want, "shared arrays")


def test_different_problems_at_once(dtype: Any) -> None:
    problems = [make(1 + k % 5, 2 + k % 7, 3, 4 + k, dtype, num_threads=1 + k % 2) for k in range(3 * WORKERS)]
    want = [run(p) for p in problems]
    got = together(lambda k: run(problems[k]), len(problems))
    for a, b in zip(got, want, strict=True):
        assert_same_bits(a, b, "different problems")


def test_shared_packed_weights(dtype: Any) -> None:
    """One packed model, one sequence per thread."""
    p = make(4, 9, 5, 13, dtype)
    want = functional.lstm(**p.inputs)
    weights = _core.Weights("lstm", 5, 13, dtype)
    weights.pack(p.w_x, p.w_h, p.b)

    def work(k: int) -> Any:
        sequence = _core.Sequence(weights, 4, 9, num_threads=1)
        y, h, c = np.empty_like(want.y), np.empty_like(want.h), np.empty_like(want.c)
        for _ in range(5):
            sequence.forward(p.x, p.h0, p.c0, y, h, c)
        return {"y": y, "h": h, "c": c}

    for got in together(work, 3 * WORKERS):
        assert_same_bits(got, want._asdict(), "shared weights")


def test_one_tape_many_threads() -> None:
    """Exactly one backward wins."""
    p = make(3, 4, 5, 6)
    _, tape = functional.lstm_forward(**p.inputs)

    def work(k: int) -> bool:
        try:
            functional.lstm_backward(tape, p.dy)
        except ValueError:
            return False
        return True

    assert sum(together(work, WORKERS)) == 1


def test_thread_count_changes_while_computing(dtype: Any) -> None:
    p = make(9, 5, 3, 8, dtype)
    want = run(p)

    def work(k: int) -> Any:
        if k % 4 == 0:
            set_num_threads(1 + k % 3)
        return run(p)

    for got in together(work, 4 * WORKERS):
        assert_same_bits(got, want, "changing thread count")


def test_other_python_threads_run_meanwhile() -> None:
    """The interpreter lock is released: a second Python thread counts while a kernel works."""
    p = make(64, 60, 64, 64, "float32", num_threads=1)
    ticks: list[int] = []
    stop = threading.Event()

    def count() -> None:
        n = 0
        while not stop.is_set():
            n += 1
        ticks.append(n)

    counter = threading.Thread(target=count)
    counter.start()
    functional.lstm(**p.inputs, num_threads=1)
    stop.set()
    counter.join()
    assert ticks[0] > 100
