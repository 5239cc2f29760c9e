"""lstm_fast alone over the shapes of the documentation, to compare one commit with another.

pytest bench/test_bench_lstm.py --benchmark-autosave --benchmark-compare
"""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from lstm_fast.bench.cases import MODES, SHAPES, Case
from lstm_fast.bench.machine import Limits
from lstm_fast.bench.peers import lstm_fast as ours


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "B{}-T{}-I{}-H{}".format(*shape))
@pytest.mark.parametrize("mode", MODES)
def test_lstm(
    benchmark: BenchmarkFixture,
    mode: str,
    shape: tuple[int, int, int, int],
    dtype: str,
    threads: int,
    limits: Limits,
) -> None:
    """Time of one call; GFLOP/s and the share of the machine's limit in `extra_info`."""
    case = Case(*shape, mode=mode, dtype=dtype)
    run = ours.setup(case, threads)
    benchmark.group = mode
    benchmark(run)
    if benchmark.stats is None:  # --benchmark-disable
        return
    seconds = benchmark.stats.stats.median
    benchmark.extra_info["gflops"] = 1e-9 * case.flop() / seconds
    benchmark.extra_info["share_of_limit"] = limits.seconds(case) / seconds
