"""Ctrl-C inside one long native call: it returns within a second, and the library works on."""

from __future__ import annotations

import pytest

CODE = """
import os, signal, threading, time
import numpy as np
import lstm_fast

B, T, I, H = 16, 200000, 8, 96
x = np.zeros((B, 1, I), np.float32).repeat(1, axis=1)
x = np.broadcast_to(x, (B, T, I))
w_x, w_h = np.full((I, 4 * H), 0.01, np.float32), np.full((H, 4 * H), 0.001, np.float32)
lstm_fast.set_num_threads({threads})
sent = []

def send():
    time.sleep(0.5)
    sent.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)

thread = threading.Thread(target=send)
thread.start()
try:
    lstm_fast.lstm(x, w_x, w_h)
    print("finished")
except KeyboardInterrupt:
    print("late" if time.perf_counter() - sent[0] > 1.0 else "stopped")
thread.join()
assert np.isfinite(lstm_fast.lstm(x[:1, :3], w_x, w_h).y).all()
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_a_long_call_stops(python, threads: int) -> None:  # type: ignore[no-untyped-def]
    done = python(CODE.replace("{threads}", str(threads)), timeout=120)
    assert done.stdout == "stopped\n", done.stderr


def test_layers_side_by_side_stop(python) -> None:  # type: ignore[no-untyped-def]
    """A stack of small layers over one long row, on two threads."""
    code = CODE.replace("{threads}", "2").replace("B, T, I, H = 16, 200000, 8, 96", "B, T, I, H = 1, 3000000, 2, 16")
    call = "lstm_fast.recurrent_stack(x, [(w_x, w_h), (w_h, w_h)])"
    done = python(code.replace("lstm_fast.lstm(x, w_x, w_h)", call), timeout=120)
    assert done.stdout == "stopped\n", done.stderr
