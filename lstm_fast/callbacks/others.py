"""Callbacks that set or write something each epoch."""

from __future__ import annotations

import csv
import inspect
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from lstm_fast.callbacks.base import Callback, Logs
from lstm_fast.files import text_path


class LearningRateScheduler(Callback):
    """Sets the learning rate before each epoch to schedule(epoch, learning_rate)."""

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        if not callable(schedule):
            raise TypeError(f"LearningRateScheduler: expected a function of the epoch, got {type(schedule).__name__}")
        self.schedule, self.verbose = schedule, verbose
        self.takes_rate = len(inspect.signature(schedule).parameters) > 1

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        optimizer = self.model.optimizer
        rate = self.schedule(epoch, optimizer.learning_rate) if self.takes_rate else self.schedule(epoch)
        if not isinstance(rate, float | int | np.number):
            raise ValueError(f"LearningRateScheduler: expected a number from the schedule, got {type(rate).__name__}")
        optimizer.learning_rate = float(rate)
        if self.verbose:
            print(f"Epoch {epoch + 1}: learning rate {float(rate):g}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = self.model.optimizer.learning_rate


class CSVLogger(Callback):
    """Writes a row per epoch, as it ends."""

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename, self.separator, self.append = text_path("CSVLogger", filename), separator, append
        self.file: Any = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        fresh = not (self.append and os.path.exists(self.filename) and os.path.getsize(self.filename))
        try:
            self.file = open(self.filename, "a" if self.append else "w", newline="", encoding="utf-8")  # noqa: SIM115
        except OSError as error:
            raise type(error)(f"CSVLogger: cannot write {self.filename}: {error.strerror}") from None
        self.keys: list[str] | None = None
        self.header = fresh

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        if self.keys is None:
            self.keys = sorted(logs)
            if self.header:
                csv.writer(self.file, delimiter=self.separator).writerow(["epoch", *self.keys])
        row = [epoch, *(logs.get(k, "NA") for k in self.keys)]
        csv.writer(self.file, delimiter=self.separator).writerow(row)
        self.file.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.file is not None:
            self.file.close()
            self.file = None


class TerminateOnNaN(Callback):
    """Ends training after the epoch in which the loss stopped being a number."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if not np.isfinite((logs or {}).get("loss", 0.0)):
            print(f"Epoch {epoch + 1}: the loss is not finite, ending the training")
            self.model.stop_training = True
