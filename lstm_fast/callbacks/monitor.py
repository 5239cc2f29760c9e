"""Callbacks that watch one number: early stopping, checkpoints, a falling learning rate."""

from __future__ import annotations

import math
import os
import warnings
from typing import Any, ClassVar

from lstm_fast.callbacks.base import Callback, Logs
from lstm_fast.files import text_path
from lstm_fast.training.data import whole_number


class Monitor(Callback):
    """Base: reads `monitor` from the logs and compares it with the best so far.

    `mode` 'auto' takes the larger for accuracies, AUC, precision and recall, the smaller for everything else.
    """

    state_names: ClassVar[tuple[str, ...]] = ("best",)

    def __init__(self, monitor: str, mode: str = "auto", min_delta: float = 0.0) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"{type(self).__name__}: expected mode 'auto', 'min' or 'max', got {mode!r}")
        self.monitor, self.mode, self.min_delta = monitor, mode, abs(min_delta)
        larger = any(part in monitor for part in ("acc", "auc", "precision", "recall"))
        self.larger = mode == "max" or (mode == "auto" and larger)
        self.best: float | None = None

    def current(self, logs: Logs | None) -> float | None:
        value = (logs or {}).get(self.monitor)
        if value is None:
            known = ", ".join(logs or {})
            warnings.warn(f"{type(self).__name__}: no {self.monitor!r} in the logs, only {known}", stacklevel=2)
        return value

    def better(self, value: float, than: float | None) -> bool:
        """Whether `value` beats `than` by min_delta; NaN beats nothing."""
        if than is None:
            return not math.isnan(value)
        return value > than + self.min_delta if self.larger else value < than - self.min_delta


class EarlyStopping(Monitor):
    """Stop when `monitor` has not improved for `patience` epochs.

    Args:
        monitor: a name in the logs.
        min_delta: what counts as an improvement.
        patience: epochs to wait.
        verbose: 1 says when it stops.
        mode: 'min', 'max' or 'auto'.
        baseline: only values beyond it count.
        restore_best_weights: end with the weights of the best epoch, also after Ctrl-C.
        start_from_epoch: epochs before it are not looked at.
    """

    state_names: ClassVar[tuple[str, ...]] = ("best", "wait", "stopped_epoch", "best_epoch")

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience = whole_number("patience", patience, 0, "EarlyStopping")
        self.verbose, self.baseline = verbose, baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch
        self.on_train_begin()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = None
        self.best_weights: list[Any] | None = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        value = self.current(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self._keep(epoch)
        self.wait += 1
        if self.better(value, self.best):
            self.best = value
            self.best_epoch = epoch
            if self.restore_best_weights:
                self._keep(epoch)
            if self.baseline is None or self.better(value, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def _keep(self, epoch: int) -> None:
        self.best_weights = self.model.get_weights()
        self.best_epoch = epoch

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                print(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)


class ModelCheckpoint(Monitor):
    """Save the model after epochs.

    Args:
        filepath: where; fields such as {epoch:02d} (from 1) and {val_loss:.3f} are filled in.
        monitor: a name in the logs.
        verbose: 1 says when it saves.
        save_best_only: only when `monitor` improved.
        save_weights_only: the weights without the rest of the model.
        mode: 'min', 'max' or 'auto'.
        save_freq: 'epoch', or a number of batches.
        initial_value_threshold: the best before the first epoch.
    """

    saves_model: ClassVar[bool] = True

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode)
        if save_freq != "epoch" and (not isinstance(save_freq, int) or save_freq < 1):
            raise ValueError(f"ModelCheckpoint: expected save_freq 'epoch' or a number of batches, got {save_freq!r}")
        self.filepath, self.verbose, self.save_freq = text_path("ModelCheckpoint", filepath), verbose, save_freq
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        self.best = initial_value_threshold
        self.epoch = self.batches = 0
        if save_freq != "epoch":
            self.on_train_batch_end = self._count_batch  # type: ignore[method-assign]

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch = epoch

    def _count_batch(self, batch: int, logs: Logs | None = None) -> None:
        self.batches += 1
        if self.batches % self.save_freq == 0:  # type: ignore[operator]
            self._save(self.epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch, logs)

    def _save(self, epoch: int, logs: Logs | None) -> None:
        if self.save_best_only:
            value = self.current(logs)
            if value is None or not self.better(value, self.best):
                return
            self.best = value
        try:
            path = self.filepath.format(epoch=epoch + 1, **(logs or {}))
        except KeyError as missing:
            raise KeyError(f"ModelCheckpoint: filepath names {missing}, the logs have {sorted(logs or {})}") from None
        if self.save_weights_only:
            self.model.save_weights(path)
        else:
            self.model.save(path)
        if self.verbose:
            print(f"Epoch {epoch + 1}: saved {path}")


class ReduceLROnPlateau(Monitor):
    """Multiply the learning rate by `factor` when `monitor` has not improved for `patience` epochs.

    Args:
        cooldown: epochs after a reduction that are not counted.
        min_lr: the learning rate stays above it.
        others: as in `EarlyStopping`.
    """

    state_names: ClassVar[tuple[str, ...]] = ("best", "wait", "cooldown_left")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        if factor >= 1:
            raise ValueError(f"ReduceLROnPlateau: expected factor < 1, got {factor}")
        self.patience = whole_number("patience", patience, 0, "ReduceLROnPlateau")
        self.factor, self.verbose = factor, verbose
        self.cooldown, self.min_lr = cooldown, min_lr
        self.on_train_begin()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.wait = self.cooldown_left = 0
        self.best = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        optimizer = self.model.optimizer
        if logs is not None:
            logs["learning_rate"] = optimizer.learning_rate
        value = self.current(logs)
        if value is None:
            return
        if self.cooldown_left:
            self.cooldown_left -= 1
            self.wait = 0
        if self.better(value, self.best):
            self.best = value
            self.wait = 0
        elif not self.cooldown_left:
            self.wait += 1
            if self.wait >= self.patience and optimizer.learning_rate > self.min_lr:
                optimizer.learning_rate = max(optimizer.learning_rate * self.factor, self.min_lr)
                if self.verbose:
                    print(f"Epoch {epoch + 1}: learning rate reduced to {optimizer.learning_rate:g}")
                self.cooldown_left, self.wait = self.cooldown, 0
