"""fit: epochs of steps, validation, callbacks, and an orderly end when interrupted."""

from __future__ import annotations

import warnings
from collections.abc import Container
from typing import TYPE_CHECKING, Any

from lstm_fast.callbacks import Callback, CallbackList, History
from lstm_fast.callbacks.progress import Progress, verbosity
from lstm_fast.training.data import split, whole_number
from lstm_fast.training.runs import ArrayRun, StreamRun, batch_rows
from lstm_fast.training.step import Data
from lstm_fast.training.streams import Stream, is_stream

if TYPE_CHECKING:
    from lstm_fast.models.model import Model


def fit(
    model: Model,
    data: Data | Stream,
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
    validation_steps: int | None,
    validation_batch_size: int | None,
    validation_freq: Any,
) -> History:
    """`Trainer.fit`, which says what the arguments mean."""
    validation: Data | Stream | None = None
    if validation_data is not None:
        validation = _validation(model, validation_data, validation_steps)
    elif validation_split:
        if isinstance(data, Stream):
            raise ValueError("fit: validation_split needs arrays; give validation_data beside a generator")
        at = split(validation_split, data.n)
        data, validation = data.rows(slice(0, at)), data.rows(slice(at, None))
    epochs = whole_number("epochs", epochs, 0)
    initial_epoch = whole_number("initial_epoch", initial_epoch, 0)
    measured = _measured_epochs(validation_freq, epochs) if validation is not None else frozenset()
    chosen: list[Any] = list(callbacks) if isinstance(callbacks, list | tuple) else [callbacks] if callbacks else []
    for c in chosen:
        if not isinstance(c, Callback):
            raise TypeError(f"fit: expected callbacks of lstm_fast.callbacks, got {type(c).__name__}")
    run: ArrayRun | StreamRun
    if isinstance(data, Stream):
        data.check_epochs(epochs - initial_epoch)
        run = StreamRun(model, data, shuffle)
    else:
        run = ArrayRun(model, data, batch_rows(model, batch_size, data.n), steps_per_epoch, shuffle)
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
        model.resume_callbacks(hooks.callbacks, initial_epoch)
        for epoch in range(initial_epoch, epochs):
            progress.start_epoch(epoch)
            hooks.call("on_epoch_begin", epoch)
            logs = run.epoch(epoch, hooks, progress)
            if validation is not None and epoch + 1 in measured:
                logs |= {f"val_{k}": v for k, v in model.measure(validation, validation_batch_size).items()}
            progress.end_epoch(logs)
            model.progress = (epoch + 1, hooks.callbacks)
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
        model.progress = None
        progress.close()
        run.weights_changed()
    return history


def _measured_epochs(freq: Any, epochs: int) -> Container[int]:
    """The epochs, counted from 1, that end with a look at validation_data."""
    if isinstance(freq, list | tuple | set):
        return [whole_number("the epochs of validation_freq", epoch, 1) for epoch in freq]
    step = whole_number("validation_freq", freq, 1)
    return range(step, epochs + 1, step)


def _validation(model: Model, given: Any, steps: int | None) -> Data | Stream:
    if is_stream(given):
        return Stream("fit(validation_data)", given, steps)
    if not isinstance(given, list | tuple) or len(given) not in (2, 3):
        raise ValueError("fit: expected validation_data as (x, y) or (x, y, sample_weight), or as batches of them")
    return model.data_for("fit(validation_data)", *given)


def _end_after_error(hooks: CallbackList, history: History, logs: dict[str, float]) -> None:
    """After Ctrl-C or an error: best weights come back, files close; a second error must not hide the first."""
    for c in hooks.callbacks:
        try:
            c.on_train_end(logs)
        except Exception as error:
            warnings.warn(f"fit: {type(c).__name__}.on_train_end failed: {error}", stacklevel=3)
