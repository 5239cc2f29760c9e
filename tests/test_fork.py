"""Fork after threads were used never hangs: the child computes the parent's bits."""

from __future__ import annotations

import os
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")

CODE = """
import os, signal, sys, warnings
warnings.simplefilter("ignore")  # Python 3.12 warns of any fork beside threads
from problems import digest, make, run
p = make(64, 8, 5, 16, "float32", num_threads=2)
want = digest([run(p)])
for generation in range(3):
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        same = digest([run(p)]) == want
        {grandchild}
        os._exit(0 if same else 3)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status == 0, f"child ended with {{status}}"
    assert digest([run(p)]) == want
print("done")
"""
GRANDCHILD = """
        if os.fork() == 0:
            signal.alarm(20)
            os._exit(0 if digest([run(p)]) == want else 3)
        same = same and os.waitstatus_to_exitcode(os.wait()[1]) == 0
"""


@pytest.mark.parametrize("grandchild", ["", GRANDCHILD.strip()], ids=["child", "grandchild"])
def test_fork_after_use(python: Any, grandchild: str) -> None:
    done = python(CODE.format(grandchild=grandchild), timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "done\n"


def test_multiprocessing_fork_pool(python: Any) -> None:
    code = """
import multiprocessing, warnings
warnings.simplefilter("ignore")
from problems import digest, make, run
p = make(32, 6, 5, 16, "float32", num_threads=2)
def work(_): return digest([run(p)])
if __name__ == "__main__":
    want = work(0)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert set(pool.map(work, range(6))) == {want}
    print("done")
"""
    done = python(code, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "done\n"


def test_directions_after_fork(python: Any) -> None:
    code = """
import os, signal, warnings
warnings.simplefilter("ignore")
import numpy as np
import lstm_fast as lf
lf.set_num_threads(2)
layer = lf.layers.Bidirectional(lf.layers.LSTM(120))
x = np.random.default_rng(1).standard_normal((9, 30, 20)).astype("float32")
want = layer(x)
if os.fork() == 0:
    signal.alarm(20)
    os._exit(0 if np.array_equal(layer(x), want) else 3)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
assert np.array_equal(layer(x), want)
print("done")
"""
    done = python(code, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "done\n"
