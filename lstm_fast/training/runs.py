"""The steps of a fit: over arrays, whole batches and a smaller one for the rest; over a stream, as its batches come."""

from __future__ import annotations

import time
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from lstm_fast.callbacks import CallbackList
from lstm_fast.callbacks.progress import INTERVAL, Progress
from lstm_fast.training.data import whole_number
from lstm_fast.training.parameters import Array
from lstm_fast.training.step import Data, Step
from lstm_fast.training.streams import Stream
from lstm_fast.training.totals import Totals

if TYPE_CHECKING:
    from lstm_fast.models.model import Model


def batch_rows(model: Model, batch_size: int | None, n: int) -> int:
    """The rows of a batch when `n` rows are there."""
    fixed = model.inputs[0].shape[0]
    rows = (
        32
        if batch_size is None and fixed is None
        else fixed
        if batch_size is None
        else whole_number("batch_size", batch_size, 1)
    )
    assert rows is not None
    if model.stateful and fixed is not None and rows != fixed:
        raise ValueError(f"fit: {model.label} is stateful with batches of {fixed}, got batch_size={rows}")
    return min(rows, n)


class Run:
    """Base: what both kinds of a fit have in common."""

    steps: Any  # of an epoch; None: known at its end

    def __init__(self, model: Model) -> None:
        self.model = model
        self.warned = False

    def weights_changed(self) -> None:
        if self.model.optimizer.store is not None:  # None: a stream without a batch
            self.model.optimizer.store.changed()

    def watch(self, step: Step, data: Data, epoch: int, at: int = 0) -> None:
        """Warns once when the loss stopped being a number; `at`: steps of this epoch before this run of `step`."""
        if step.nan_at is not None:
            if not self.warned:
                self.warned = True
                cause = _nan_in(data) or "a smaller learning rate or clipnorm may help"
                place = f"epoch {epoch + 1}, step {at + step.nan_at + 1}"
                warnings.warn(f"fit: the loss is not a number from {place}; {cause}", stacklevel=6)
            step.nan_at = None


def _nan_in(data: Data) -> str:
    """Which of the given arrays is to blame; '' for none of them."""
    for name, arrays in (("x", data.x), ("y", data.y), ("sample_weight", data.weights)):
        for a in arrays:
            if a is not None and a.dtype.kind == "f":
                bad = ~np.isfinite(a.reshape(len(a), -1)).all(axis=1)
                if bad.any():
                    return (f"{name} has NaN or infinity in {bad.sum()} of {len(a)} rows, first in row {bad.argmax()}: "
                            "fill or drop them")  # fmt: skip
    return ""


class StreamRun(Run):
    """Batches of a stream, each checked and converted as it comes."""

    def __init__(self, model: Model, stream: Stream, shuffle: bool) -> None:
        super().__init__(model)
        self.stream, self.shuffle = stream, shuffle
        self.steps = stream.steps

    def epoch(self, epoch: int, hooks: CallbackList, progress: Progress) -> dict[str, float]:
        """One pass over the stream, or as many batches of it as an epoch has."""
        model, stream = self.model, self.stream
        order = model.next_order(stream.length, self.shuffle) if stream.numbered and stream.length else None
        totals: Totals | None = None
        done = 0
        for k, batch in enumerate(stream.batches(order)):
            for hook in hooks.batch_begin:
                hook(k, {})
            data = model.data_for("fit", *batch, **stream.options)
            step = model.step_for(data, data.n, True)
            totals = totals or Totals(model)
            step.load(data)
            loss = step.once()
            totals.add(step, loss, data.n)
            self.weights_changed()
            if loss != loss:
                step.nan_at = 0
                self.watch(step, data, epoch, k)
            done = k + 1
            logs = totals.logs() if hooks.batch_end or progress.verbose == 1 else {}
            for hook in hooks.batch_end:
                hook(k, logs)
            progress.advance(done, logs.get("loss", 0.0))
            if model.stop_training:
                break
        if totals is None:
            raise ValueError(f"fit: the {type(stream.source).__name__} had no batch for epoch {epoch + 1}")
        self.steps = progress.steps = done
        return totals.logs()


class ArrayRun(Run):
    """The steps of one fit: whole batches, and one smaller one for the rest."""

    def __init__(self, model: Model, data: Data, rows: int, limit: int | None, shuffle: bool) -> None:
        super().__init__(model)
        self.data, self.rows, self.shuffle = data, rows, shuffle
        self.columns = data.columns()
        self.whole, rest = divmod(data.n, rows)
        if limit is not None:
            limit = whole_number("steps_per_epoch", limit, 1)
            if limit <= self.whole:
                self.whole, rest = limit, 0
        self.steps: int = self.whole + bool(rest)
        self.main = model.step_for(data, rows, True)
        self.rest: Step | None = model.step_for(data, rest, True) if rest else None

    def epoch(self, epoch: int, hooks: CallbackList, progress: Progress) -> dict[str, float]:
        """One pass over the rows, in the next order."""
        order = self.model.next_order(self.data.n, self.shuffle)
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
        self.watch(step, self.data, epoch)

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
