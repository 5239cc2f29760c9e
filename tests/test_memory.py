"""Saved state of at most 24 bytes per (t,b,h) in float32, and no growth over repeated calls."""

from __future__ import annotations

import gc
import os
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from problems import make, run

from lstm_fast import _core, functional

STATM = Path("/proc/self/statm")


def resident() -> int:
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("shape", [(64, 50, 512, 512), (256, 128, 32, 64), (7, 100, 3, 50), (32, 50, 1, 48)], ids=str)
def test_saved_state(shape: tuple[int, int, int, int], dtype: Any) -> None:
    B, T, I, H = shape
    weights = _core.Weights("lstm", I, H, dtype, backward=True)
    sequence = _core.Sequence(weights, B, T, training=True)
    each = sequence.state_nbytes / (B * T * H)
    print(f"{shape} {dtype}: {each:.2f} bytes per (t,b,h), scratch {sequence.scratch_nbytes / 2**20:.1f} MiB")
    assert 0 < each <= 24 * dtype.itemsize / 4
    inference = _core.Sequence(_core.Weights("lstm", I, H, dtype), B, T)
    assert inference.state_nbytes == 0


def test_saved_state_of_a_ragged_batch_counts_valid_steps() -> None:
    lengths = np.array([50, 1, 0, 9], np.int64)
    sequence = _core.Sequence(
        _core.Weights("lstm", 3, 16, np.float32, backward=True), 4, 50, training=True, lengths=lengths
    )
    assert sequence.state_nbytes <= 24 * lengths.sum() * 16 + 4096


GROWTH = """
from problems import make
from test_memory import functional, resident
B, T, I, H = 128, 300, 1, 16
functional.lstm_forward(**make(2, 3, I, H, "float32").inputs)  # whatever is allocated once
p = make(B, T, I, H, "float32", num_threads={num_threads})
before = resident()
kept = functional.lstm_forward(**p.inputs, **p.options)
print((resident() - before) / (B * T * H))
"""


@pytest.mark.skipif(not STATM.exists(), reason="no /proc here")
@pytest.mark.parametrize("num_threads", [1, 2])
def test_the_process_grows_by_no_more(python: Any, num_threads: int) -> None:
    """Resident memory while one tape is alive, in a fresh process: y, the tape, and no hidden copy of either."""
    done = python(GROWTH.format(num_threads=num_threads))
    assert done.returncode == 0, done.stderr
    each = float(done.stdout)
    print(f"{each:.1f} bytes per (t,b,h), 4 of them y")
    assert 4 + 20 <= each <= 4 + 24 + 6  # 6: scratch and whole huge pages, 3.5 MiB in all


@pytest.mark.skipif(not STATM.exists(), reason="no /proc here")
def test_no_growth(dtype: Any) -> None:
    p = make(5, 20, 7, 33, dtype, num_threads=2, lengths=[20, 3, 0, 7, 20])

    def calls(n: int) -> None:
        for _ in range(n):
            run(p)
            functional.lstm(**p.inputs, **p.options)
            with pytest.raises(ValueError, match="expected h0"):
                functional.lstm(p.x, p.w_x, p.w_h, h0=p.h0[:2])

    calls(30)
    gc.collect()
    before = resident()
    calls(150)
    gc.collect()
    grown = resident() - before
    print(f"grown by {grown / 1024:.0f} KiB over 300 calls")
    assert grown < 1.5 * 2**20  # one leaked tape per call would be 9 MiB


@pytest.mark.skipif(not STATM.exists(), reason="no /proc here")
def test_blocks_on_one_page(rng: np.random.Generator) -> None:
    """Arrays that share pages keep their numbers while others come and go; pages go back."""
    kept: dict[int, Any] = {}
    before = resident()
    for k in range(500):
        if len(kept) > 20:
            del kept[rng.choice(list(kept))]
        kept[k] = _core.empty((int(rng.integers(8_000, 270_000)),))
        assert kept[k].ctypes.data % 64 == 0
        kept[k].fill(k)
    assert all((a == k).all() for k, a in kept.items())
    del kept
    print(f"grown by {(resident() - before) / 2**20:.0f} MiB of {500 * 139_000 * 4 / 2**20:.0f}")
    assert resident() - before < 2**27


def test_inference_allocates_its_outputs_and_little_more() -> None:
    """NumPy memory of one call (the kernels' own scratch is counted above)."""
    B, T, I, H = 16, 50, 8, 32
    p = make(B, T, I, H, "float32")
    functional.lstm(**p.inputs)
    tracemalloc.start()
    kept = functional.lstm(**p.inputs)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    outputs = sum(a.nbytes for a in kept)
    print(f"peak {peak} bytes, outputs {outputs}")
    packed = _core.Weights("lstm", I, H, np.float32).nbytes
    scratch = _core.Sequence(_core.Weights("lstm", I, H, np.float32), B, T).scratch_nbytes
    assert peak <= outputs + packed + scratch + 16_384


def test_out_is_not_allocated_again() -> None:
    p = make(16, 50, 8, 64, "float32")
    out = np.empty((16, 50, 64), np.float32)
    functional.lstm(**p.inputs, out=out)
    tracemalloc.start()
    functional.lstm(**p.inputs, out=out)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    sequence = _core.Sequence(_core.Weights("lstm", 8, 64, np.float32), 16, 50)
    own = sequence.scratch_nbytes + _core.Weights("lstm", 8, 64, np.float32).nbytes
    assert peak <= own + 32_768
