"""fit: epochs of steps, validation, callbacks, and an orderly end when interrupted."""

from __future__ import annotations

import time
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from lstm_fast.callbacks import Callback, CallbackList, History
from lstm_fast.callbacks.progress import INTERVAL, Progress, verbosity
from lstm_fast.training.data import split
from lstm_fast.training.parameters import Array
from lstm_fast.training.step import Data, Step
from lstm_fast.training.totals import Totals

if TYPE_CHECKING:
    from lstm_fast.models.model import Model


def fit(
    model: Model,
    data: Data,
    *,
    batch_size: int | None,
    epochs: int,
    verbose: Any,
    callbacks: Any,
    validation_split: float,
    validation_data: Any,
    shuffle: bool,
    initial_epoch: int,
    steps_per_epoch: int | None,
    validation_batch_size: int | None,
    validation_freq: int,
) -> History:
    """`Trainer.fit`, which says what the arguments mean."""
    validation: Data | None = None
    if validation_data is not None:
        if not isinstance(validation_data, list | tuple) or len(validation_data) not in (2, 3):
            raise ValueError("fit: expected validation_data as (x, y) or (x, y, sample_weight)")
        validation = model.data_for("fit(validation_data)", *validation_data)
    elif validation_split:
        at = split(float(validation_split), data.n)
        data, validation = data.rows(slice(0, at)), data.rows(slice(at, None))
    rows = _batch_rows(model, batch_size, data.n)
    epochs = _whole("epochs", epochs, 0)
    chosen: list[Any] = list(callbacks) if isinstance(callbacks, list | tuple) else [callbacks] if callbacks else []
    for c in chosen:
        if not isinstance(c, Callback):
            raise TypeError(f"fit: expected callbacks of lstm_fast.callbacks, got {type(c).__name__}")
    run = _Run(model, data, rows, steps_per_epoch)
    history = next((c for c in chosen if isinstance(c, History)), None) or History()
    if history not in chosen:
        chosen.append(history)
    progress = Progress(verbosity(verbose), epochs, initial_epoch, run.steps)
    params = {"epochs": epochs, "steps": run.steps, "verbose": verbose}
    hooks = CallbackList(chosen, model, params)
    model.history = history
    model.stop_training = False
    logs: dict[str, float] = {}
    try:
        hooks.call("on_train_begin")
        for epoch in range(initial_epoch, epochs):
            progress.start_epoch(epoch)
            hooks.call("on_epoch_begin", epoch)
            logs = run.epoch(epoch, model.next_order(data.n, shuffle), hooks, progress)
            if validation is not None and (epoch + 1) % validation_freq == 0:
                logs |= {f"val_{k}": v for k, v in model.measure(validation, validation_batch_size).items()}
            progress.end_epoch(logs)
            hooks.call("on_epoch_end", epoch, logs)
            if model.stop_training:
                break
    except BaseException:
        run.weights_changed()
        _end_after_error(hooks, history, logs)
        raise
    else:
        hooks.call("on_train_end", logs)
    finally:
        progress.close()
        run.weights_changed()
    return history


def _end_after_error(hooks: CallbackList, history: History, logs: dict[str, float]) -> None:
    """After Ctrl-C or an error: best weights come back, files close; a second error must not hide the first."""
    for c in hooks.callbacks:
        try:
            c.on_train_end(logs)
        except Exception as error:
            warnings.warn(f"fit: {type(c).__name__}.on_train_end failed: {error}", stacklevel=3)


def _whole(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"fit: expected {name} as an integer >= {least}, got {value!r}")
    return int(value)


def _batch_rows(model: Model, batch_size: int | None, n: int) -> int:
    fixed = model.inputs[0].shape[0]
    rows = (
        32
        if batch_size is None and fixed is None
        else fixed
        if batch_size is None
        else _whole("batch_size", batch_size, 1)
    )
    assert rows is not None
    if model.stateful and fixed is not None and rows != fixed:
        raise ValueError(f"fit: {model.label} is stateful with batches of {fixed}, got batch_size={rows}")
    return min(rows, n)


class _Run:
    """The steps of one fit: whole batches, and one smaller one for the rest."""

    def __init__(self, model: Model, data: Data, rows: int, limit: int | None) -> None:
        self.model, self.data, self.rows = model, data, rows
        self.columns = data.columns()
        self.whole, rest = divmod(data.n, rows)
        if limit is not None:
            limit = _whole("steps_per_epoch", limit, 1)
            if limit <= self.whole:
                self.whole, rest = limit, 0
        self.steps = self.whole + bool(rest)
        self.main = model.step_for(data, rows, True)
        self.rest: Step | None = model.step_for(data, rest, True) if rest else None
        self.warned = False

    def weights_changed(self) -> None:
        self.model.flatten().changed()

    def epoch(self, epoch: int, order: Array, hooks: CallbackList, progress: Progress) -> dict[str, float]:
        """One pass over the rows in `order`."""
        totals = Totals(self.model)
        if hooks.batch_begin or hooks.batch_end:
            self._by_batch(epoch, order, totals, hooks, progress)
        elif progress.verbose == 1:
            self._with_bar(epoch, order, totals, progress)
        else:
            self._run(self.main, epoch, order, 0, self.whole, totals)
        if self.rest is not None and not (hooks.batch_begin or hooks.batch_end):
            self._run_rest(epoch, order, totals)
        self.weights_changed()
        return totals.logs()

    def _run(self, step: Step, epoch: int, order: Array, first: int, last: int, totals: Totals) -> None:
        loss = step.run(self.columns, order, first, last)
        totals.add(step, loss, (last - first) * step.rows)
        if step.nan_at is not None:
            if not self.warned:
                self.warned = True
                warnings.warn(f"fit: the loss is not a number from epoch {epoch + 1}, step {step.nan_at + 1}; "
                              "a smaller learning rate or clipnorm may help", stacklevel=5)  # fmt: skip
            step.nan_at = None

    def _run_rest(self, epoch: int, order: Array, totals: Totals) -> None:
        assert self.rest is not None
        self._run(self.rest, epoch, order[self.whole * self.rows :], 0, 1, totals)

    def _with_bar(self, epoch: int, order: Array, totals: Totals, progress: Progress) -> None:
        """Runs as many batches between two looks at the clock as fit half an interval."""
        at, count = 0, 1
        while at < self.whole:
            end = min(self.whole, at + count)
            start = time.perf_counter()
            self._run(self.main, epoch, order, at, end, totals)
            seconds = time.perf_counter() - start
            count = max(1, int((end - at) * min(8.0, 0.5 * INTERVAL / max(seconds, 1e-6))))
            at = end
            progress.advance(at, totals.loss / max(1, totals.rows))

    def _by_batch(self, epoch: int, order: Array, totals: Totals, hooks: CallbackList, progress: Progress) -> None:
        for k in range(self.steps):
            for hook in hooks.batch_begin:
                hook(k, {})
            if k < self.whole:
                self._run(self.main, epoch, order, k, k + 1, totals)
            else:
                self._run_rest(epoch, order, totals)
            self.weights_changed()
            logs = totals.logs()
            for hook in hooks.batch_end:
                hook(k, logs)
            progress.advance(k + 1, logs["loss"])
            if self.model.stop_training:
                break
