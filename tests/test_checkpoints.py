"""`checkpoint_every`: the same bits, less memory; truncated back-propagation with carried state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from problems import assert_same_bits, make, run
from test_cell_options import compare, problem
from test_rows import draw
from tolerances import assert_close

from lstm_fast import functional

# (B, T, I, H): tape rows below, at and above whole blocks of the weight gradients; units split over threads
SHAPES = [(1, 700, 2, 20), (3, 200, 5, 7), (40, 30, 3, 5), (2, 11, 10, 131), (300, 5, 2, 3)]


@pytest.mark.parametrize("k", [1, 3, 16, 100, 10_000])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_same_bits(shape: tuple[int, int, int, int], k: int, dtype: Any) -> None:
    if k == 1 and shape[1] > 100:
        k = 2
    p = make(*shape, dtype)
    assert_same_bits(run(p, checkpoint_every=k), run(p), f"every {k}")


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_same_bits_on_threads(shape: tuple[int, int, int, int], threads: int) -> None:
    p = make(*shape, "float32")
    assert_same_bits(run(p, checkpoint_every=7, num_threads=threads), run(p), f"{threads} threads")


@pytest.mark.parametrize(
    "names",
    [
        ("lengths",),
        ("lengths", "reverse"),
        ("mask", "reset"),
        ("recurrent_dropout", "reset"),
        ("dropout", "recurrent_dropout", "mask", "lengths", "reverse"),
    ],
    ids="+".join,
)
@pytest.mark.parametrize("shape", SHAPES[1:4], ids=str)
def test_same_bits_with_options(shape: tuple[int, int, int, int], names: tuple[str, ...], dtype: Any) -> None:
    p = make(*shape, dtype, return_c=True)
    p.options |= draw(p, 11, *names)
    want = run(p)
    for k in (1, 4, 9):
        assert_same_bits(run(p, checkpoint_every=k), want, f"every {k}")


def test_same_bits_of_a_projection(dtype: Any) -> None:
    for shape, P in (((2, 11, 10, 131), 70), ((40, 30, 3, 5), 17)):
        p = make(*shape, dtype, projection=P)
        p.options |= draw(p, 11, "recurrent_dropout", "mask", "reset", "lengths")
        want = run(p)
        for k in (1, 4, 9):
            assert_same_bits(run(p, checkpoint_every=k, num_threads=k), want, f"{shape} every {k}")


LONG_TAPES: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("lstm", {}, ("reset", "recurrent_dropout")),
    ("lstm", {"zoneout": (0.4, 0.2), "peephole": True, "return_c": True}, ("lengths",)),
    ("lstm", {"projection": 33}, ("recurrent_dropout",)),
    ("lstm", {"layer_norm": True, "layer_norm_epsilon": 0.1}, ()),
    ("gru", {}, ("mask", "lengths", "reverse")),
    ("gru", {"reset_after": False}, ("lengths", "dropout")),
    ("rnn", {}, ("recurrent_dropout",)),
]


@pytest.mark.parametrize(("cell", "options", "names"), LONG_TAPES, ids=str)
def test_products_of_a_long_tape(cell: str, options: dict[str, Any], names: tuple[str, ...], dtype: Any) -> None:
    """More rows than backward multiplies at once: the twin's gradients, and the bits of any other division."""
    p = problem(cell, options, 64, 230, 3, 50, dtype)  # steps begin where blocks of rows do; dG in pieces of 2 MB
    p.options |= draw(p, 5, *names)
    want = run(p)
    if np.dtype(dtype) == np.float64:  # float32 has its own roundings of 230 steps
        compare(p, cell)
    assert_same_bits(run(p, num_threads=2, checkpoint_every=90), want, "2 threads, checkpoint_every=90")
    assert_same_bits(run(p, num_threads=3), want, "3 threads")


def test_memory_falls() -> None:
    p = make(2, 1000, 3, 16, "float32")
    whole = functional.lstm_forward(**p.inputs)[1].nbytes
    kept = functional.lstm_forward(**p.inputs, checkpoint_every=32)[1].nbytes
    print(f"{whole} bytes, {kept} with checkpoints")
    assert whole == 2 * 1000 * 16 * 20
    assert kept <= 2 * (1000 / 32 * 2 + 32 * 5) * 16 * 4 + 256 * 5 * 16 * 4


LONG = """
import numpy as np
from lstm_fast import lstm_backward, lstm_forward
T, I, H = 100_000, 1, 64
random = np.random.default_rng(0)
def draw(*shape): return random.random(shape, np.float32) - 0.5
w_x, w_h, b = draw(I, 4 * H), draw(H, 4 * H) / 4, draw(4 * H)
x, dy = draw(1, T, I), draw(1, T, H)
(y, h, c), tape = lstm_forward(x, w_x, w_h, b, checkpoint_every={k})
grads = lstm_backward(tape, dy=dy)
assert np.isfinite(grads.w_h).all()
status = open("/proc/self/status").read()  # VmHWM in kB: the most that this process ever had resident
print(int(status.split("VmHWM:")[1].split()[0]) * 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")
def test_long_sequences_fit(python: Any) -> None:
    """T = 100,000 at H = 64 trains within 200 MB, the interpreter, x, y and dy included."""
    done = python(LONG.format(k=300))
    assert done.returncode == 0, done.stderr
    peak = int(done.stdout)
    print(f"{peak / 1e6:.0f} MB at most")
    assert peak < 200e6


def test_truncated_back_propagation(dtype: Any) -> None:
    """Chunks with carried state give the outputs of the whole and, dh and dc handed back, its gradients."""
    p = make(3, 12, 4, 17, dtype)
    want = run(p)
    h, c, tapes, parts = p.h0, p.c0, [], []
    for t in range(0, 12, 4):
        (y, h, c), tape = functional.lstm_forward(p.x[:, t : t + 4], p.w_x, p.w_h, p.b, h, c)
        parts.append(y)
        tapes.append(tape)
    assert np.array_equal(np.concatenate(parts, axis=1), want["y"])
    dh, dc, dw_h = p.dh, p.dc, np.zeros(p.w_h.shape)
    for t in (8, 4, 0):
        grads = functional.lstm_backward(tapes.pop(), p.dy[:, t : t + 4], dh, dc)
        dh, dc, dw_h = grads.h0, grads.c0, dw_h + grads.w_h
    for name, got in (("dh0", dh), ("dc0", dc), ("dw_h", dw_h.astype(dtype))):
        assert_close("gradient", got, want[name].astype(np.float64), name)


@pytest.mark.parametrize(("k", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), (True, ValueError)])
def test_messages(k: Any, error: type[Exception]) -> None:
    p = make(1, 2, 3, 4)
    with pytest.raises(error, match="lstm_forward: expected checkpoint_every"):
        functional.lstm_forward(**p.inputs, checkpoint_every=k)
