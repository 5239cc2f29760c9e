"""Ctrl-C ends fit within a second; the model stays usable, finished epochs and best weights are kept."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import numpy as np
import pytest

import lstm_fast as lf
from lstm_fast.callbacks import Callback, EarlyStopping
from lstm_fast.layers import LSTM, Dense
from lstm_fast.models import Sequential

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")


def long_fit(model: Any, x: Any, y: Any, **options: Any) -> float:
    """fit until a signal comes after 0.5 s; seconds from the signal to the exception."""
    sent: list[float] = []

    def interrupt() -> None:
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(0.5, interrupt)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            model.fit(x, y, epochs=10**6, **options)
        return time.perf_counter() - sent[0]
    finally:
        timer.cancel()


@pytest.mark.parametrize("verbose", [0, 1])
@pytest.mark.parametrize("rows", [40, 1_000_000])
def test_fit_ends_at_once(rows: int, verbose: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, 4, 2)).astype("float32")
    y = x.sum(axis=(1, 2))
    lf.utils.set_random_seed(1)
    model = Sequential([LSTM(5, input_shape=(4, 2)), Dense(1)])
    model.compile("adam", "mse")
    seconds = long_fit(model, x, y, batch_size=4, verbose=verbose)
    print(f"{rows} rows: {1e3 * seconds:.1f} ms")
    assert seconds < 1
    assert all(np.isfinite(w).all() for w in model.get_weights())
    assert np.array_equal(model.predict(x[:8]), model(x[:8]))
    finished = len(model.history.history.get("loss", []))
    assert finished > 3 if rows == 40 else finished == 0
    assert len(model.history.epoch) == finished
    before = model.predict(x[:8])
    model.fit(x[:40], y[:40], epochs=2, verbose=0)
    assert not np.array_equal(model.predict(x[:8]), before)


def test_best_weights_survive() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 4, 2)).astype("float32")
    y = x.sum(axis=(1, 2))
    model = Sequential([LSTM(5, input_shape=(4, 2)), Dense(1)])
    model.compile("adam", "mse")

    class Spoil(Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch == 4:
                self.model.optimizer.learning_rate = 1.0

    stop = EarlyStopping(monitor="loss", patience=10**9, restore_best_weights=True)
    long_fit(model, x, y, callbacks=[stop, Spoil()], verbose=0)
    assert stop.best_weights is not None
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), stop.best_weights, strict=True))


def test_callback_errors_pass_through() -> None:
    model = Sequential([LSTM(5, input_shape=(4, 2)), Dense(1)])
    model.compile("adam", "mse")

    class Broken(Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        model.fit(np.ones((4, 4, 2)), np.ones(4), verbose=0, callbacks=[Broken()])
    assert model.predict(np.ones((1, 4, 2))).shape == (1, 1)
