"""The network of the job: built, trained with early stopping, and rolled forward over its own forecasts."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import RunError
from .options import Options
from .scaling import Scaling

if TYPE_CHECKING:
    from lstm_fast.models import Sequential

LEARNING_RATE = 0.005
PATIENCE = 10
_TEAM_WORK = 1_000_000  # fused multiply-adds of one time step from which on several threads train
_ROWS = 1024  # windows in one predict call

Progress = Callable[[int, float], None]  # epoch from 1, best validation loss so far


def build(window: int, features: int, options: Options) -> Sequential:
    """`x (B, window, features)` through LSTM layers to the change `(B, 1)`; the first weights follow from the seed."""
    from lstm_fast.layers import LSTM, Dense, Input
    from lstm_fast.models import Sequential
    from lstm_fast.optimizers import Adam
    from lstm_fast.utils import set_random_seed

    set_random_seed(options.seed)
    model = Sequential(name="forecast")
    model.add(Input((window, features)))
    for layer in range(options.layers):
        model.add(LSTM(options.units, return_sequences=layer < options.layers - 1))
    model.add(Dense(1))
    model.compile(optimizer=Adam(learning_rate=LEARNING_RATE), loss="mse")
    return model


def train(
    model: Sequential,
    training: tuple[NDArray[np.float32], NDArray[np.float32]],
    validation: tuple[NDArray[np.float32], NDArray[np.float32]],
    batch_size: int,
    epochs: int,
    progress: Progress | None = None,
) -> dict[str, list[float]]:
    """Fit until the validation loss has not fallen for `PATIENCE` epochs; the weights of the best epoch stay.

    Args:
        model: from `build`.
        training: x `(N, W, I)`, y `(N, 1)`.
        validation: the same for the validation part.
        batch_size: windows per step.
        epochs: most passes.
        progress: called after each epoch.

    Returns:
        `loss` and `val_loss` by epoch.

    Raises:
        RunError: the loss left the numbers.
        KeyboardInterrupt: Ctrl-C.
    """
    from lstm_fast import threads
    from lstm_fast.callbacks import Callback, EarlyStopping

    class Report(Callback):
        best = np.inf

        def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            self.best = min(self.best, float((logs or {}).get("val_loss", np.inf)))
            if progress is not None:
                progress(epoch + 1, self.best)

    # a team that waits for a busy core costs a small step more than the second core gains; the numbers are the same
    rows, units = min(batch_size, len(training[0])), model.get_weights()[1].shape[0]
    small = 4 * rows * units * (units + training[0].shape[2]) < _TEAM_WORK
    stopping = EarlyStopping(monitor="val_loss", patience=PATIENCE, restore_best_weights=True)
    with threads(1) if small else nullcontext():
        fitted = model.fit(
            *training,
            batch_size=batch_size,
            epochs=epochs,
            validation_data=validation,
            callbacks=[stopping, Report()],
            verbose=0,
        )
    history = {name: [float(v) for v in fitted.history[name]] for name in ("loss", "val_loss")}
    if not np.isfinite(history["loss"] + history["val_loss"]).all():
        at, loss = len(history["loss"]), history["loss"][-1]
        raise RunError(f"training diverged at epoch {at} (loss {loss}); try fewer --units or another --seed")
    return history


def predict(model: Sequential, scaling: Scaling, windows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The value after each window: `windows (N, W)` of v to `(N)` of v."""
    change = np.concatenate(
        [
            np.asarray(model.predict(scaling.inputs(windows[i : i + _ROWS]), batch_size=_ROWS, verbose=0))[:, 0]
            for i in range(0, len(windows), _ROWS)
        ]
    )
    return np.asarray(windows[:, -1] + scaling.change * change.astype(np.float64))


def roll(model: Sequential, scaling: Scaling, windows: NDArray[np.float64], horizon: int) -> NDArray[np.float64]:
    """Forecast `horizon` steps after each window, on its own forecasts: `(N, W)` to `(N, horizon)` of v."""
    n, window = windows.shape
    v = np.concatenate([windows, np.empty((n, horizon))], axis=1)
    lowest = None if scaling.floor is None else float(scaling.forward(np.array(scaling.floor)))
    for k in range(horizon):
        step = predict(model, scaling, v[:, k : k + window])
        v[:, window + k] = step if lowest is None else np.maximum(step, lowest)
    return v[:, window:]
