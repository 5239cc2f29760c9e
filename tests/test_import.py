"""Import leaves the environment, the threads and the floating-point state of the process alone, and is quick."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

CODE = """
import ctypes, json, os, sys, time
import numpy as np
import numpy.random, numpy.ma
def tasks(): return len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1
def c_environ():
    getenv = ctypes.CDLL(None).getenv
    getenv.restype = ctypes.c_char_p
    names = [*os.environ, "OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"]
    return {n: (getenv(n.encode()) or b"-").decode() for n in names}
def fp():
    tiny = np.full(9, np.finfo(np.float32).smallest_normal, np.float32)
    return (tiny * np.float32(0.25)).tolist(), (tiny.astype(np.float64) ** 8 * 0.125).tolist(), np.geterr()
before = [dict(os.environ), c_environ(), tasks(), fp(), sys.getswitchinterval()]
modules = set(sys.modules)
start = time.perf_counter()
import lstm_fast.functional
lstm_fast.get_num_threads()
seconds = time.perf_counter() - start
after = [dict(os.environ), c_environ(), tasks(), fp(), sys.getswitchinterval()]
names = ["environ", "getenv", "threads", "floating point", "switch interval"]
new = sorted({m.split(".")[0] for m in set(sys.modules) - modules})
changed = [n for n, a, b in zip(names, before, after) if a != b]
print(json.dumps({"changed": changed, "seconds": seconds, "new": new}))
"""


@pytest.fixture(scope="module")
def report(request: pytest.FixtureRequest) -> dict[str, Any]:
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_process_is_left_alone(report: dict[str, Any]) -> None:
    assert report["changed"] == []


def test_no_framework_is_imported(report: dict[str, Any]) -> None:
    heavy = {
        "torch",
        "tensorflow",
        "keras",
        "jax",
        "onnx",
        "onnxruntime",
        "sklearn",
        "pandas",
        "scipy",
        "matplotlib",
        "tqdm",
    }
    assert heavy.isdisjoint(report["new"]), report["new"]


def test_import_is_quick(report: dict[str, Any]) -> None:
    print(f"import after numpy: {1e3 * report['seconds']:.1f} ms")
    assert report["seconds"] < 2


def test_one_thread_stays_one_thread(python: Any) -> None:
    """A call bounded to one thread creates none."""
    if not Path("/proc/self/task").is_dir():
        pytest.skip("no /proc here")
    code = """
import os, problems
p = problems.make(64, 4, 8, 16, "float32", num_threads=1)
before = len(os.listdir("/proc/self/task"))
problems.run(p)
print(len(os.listdir("/proc/self/task")) - before)
"""
    done = python(code)
    assert done.stdout == "0\n", done.stderr


def test_threads_is_a_function_in_any_order(python: Any) -> None:
    """No submodule of the same name takes the place of `lstm_fast.threads`."""
    code = """
import lstm_fast as lf
lf.set_num_threads(2)
with lf.threads(1):
    print(lf.get_num_threads())
"""
    done = python(code)
    assert done.stdout == "1\n", done.stderr


def test_what_is_offered_is_there() -> None:
    """Every name of `dir` and of the public list; another one gives one line."""
    import lstm_fast as lf

    names = [name for name in dir(lf) if not name.startswith("_")]
    assert {*lf.__all__, "bench", "sklearn", "forecast"} <= set(names)
    assert [name for name in names if name != "sklearn" and not hasattr(lf, name)] == []  # that one needs scikit-learn
    for name in ("torch", "keras", "onnx", "lstmm"):
        with pytest.raises(AttributeError, match=f"^module 'lstm_fast' has no attribute '{name}'$"):
            getattr(lf, name)
