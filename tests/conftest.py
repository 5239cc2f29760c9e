"""Fixtures of the suite."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

TESTS = Path(__file__).parent
# The checkout's lstm_fast/ has no compiled core: the tests mean the installed package, also under `python -m pytest`.
sys.path[:] = [p for p in sys.path if Path(p).resolve() != TESTS.parent]
sys.path.insert(0, str(TESTS))  # problems.py, tolerances.py

# A shell starts background jobs with SIGINT ignored, and children inherit that: the tests of Ctrl-C would wait in vain.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

Python = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session", autouse=True)
def _outside_the_checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """`python -c` and `python -m` look in the working directory first: not in the checkout, for the same reason."""
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("work"))
    yield
    os.chdir(before)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20240607)


@pytest.fixture(params=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> np.dtype[Any]:
    chosen: np.dtype[Any] = np.dtype(request.param)
    return chosen


@pytest.fixture
def python() -> Python:
    """Run code in a fresh interpreter that finds the test helpers: python(code, timeout=60, **environment)."""

    def call(code: str, timeout: float = 60, **environment: str) -> subprocess.CompletedProcess[str]:
        paths = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **environment}
        return subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=timeout, check=False
        )

    return call


@pytest.fixture(autouse=True)
def _same_thread_count_after() -> Iterator[None]:
    from lstm_fast import get_num_threads, set_num_threads

    before = get_num_threads()
    yield
    set_num_threads(before)
