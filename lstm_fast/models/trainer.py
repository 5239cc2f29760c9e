"""fit, evaluate, train_on_batch: the training side of a model."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from lstm_fast.layers.dense import Dense
from lstm_fast.layers.simple import Activation
from lstm_fast.models.prepared import Prepared
from lstm_fast.training.step import Data
from lstm_fast.training.streams import Stream, is_stream
from lstm_fast.training.totals import Totals

if TYPE_CHECKING:
    from lstm_fast.callbacks import Callback, History


class Trainer(Prepared):
    """What a model learns with."""

    progress: tuple[int, list[Callback]] | None = None  # epochs done, and the callbacks, while `fit` runs

    def _advise(self) -> None:
        """Warns of a loss that does not fit the activation of its output."""
        for t, loss in zip(self.outputs, self.compiled.bind_losses(self.output_names), strict=True):
            layer = getattr(t.node.layer, "layer", t.node.layer)
            text = loss.advice(layer.activation) if loss is not None and isinstance(layer, Dense | Activation) else ""
            if text:
                warnings.warn(f"fit: {text}", stacklevel=3)

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
        **ignored: Any,
    ) -> History:
        """Learn from rows.

        Args:
            x: inputs (N,...): array, list, pandas frame; a list or dict of them for several inputs. Or batches, (x, y)
                or (x, y, weights): a generator, a `utils.PyDataset`, or anything that can be iterated.
            y: targets in the shape of the output.
            batch_size: rows per update; None: 32.
            epochs: the epoch to stop after, counted from 0; with `initial_epoch` the number is epochs - initial_epoch.
            verbose: 0 silent, 1 a progress bar, 2 a line per epoch; 'auto': 1 in a terminal, else 2.
            callbacks: objects of `callbacks`.
            validation_split: this part of the rows, the last ones, is only measured.
            validation_data: (x, y) or (x, y, sample_weight) to measure after each epoch, or batches of them.
            shuffle: a new order in each epoch, from `utils.set_random_seed`.
            class_weight: {class: weight}.
            sample_weight: (N,), or (N,T) for outputs of T steps.
            initial_epoch: where to go on.
            steps_per_epoch: at most so many updates per epoch; a generator needs it for several epochs.
            validation_steps: batches of validation_data, when it has no end.
            validation_freq: measure after every so many epochs, or after those of a list.

        Returns:
            History: `history.history["loss"]` by epoch, and `history.plot()`.

        Raises:
            ValueError: data that does not fit the model; not compiled.
            KeyboardInterrupt: Ctrl-C; the last update stays, `model.history` has the finished epochs.
        """
        from lstm_fast.training.loop import fit

        unknown = set(ignored) - {"workers", "use_multiprocessing", "max_queue_size"}
        if unknown:
            raise TypeError(f"fit: unexpected argument {sorted(unknown)[0]!r}")
        learner: Any = self
        if is_stream(x):
            _refuse_beside("fit", x, y=y, sample_weight=sample_weight)
            data: Data | Stream = Stream("fit", x, steps_per_epoch, class_weight=class_weight)
        else:
            data = self.data_for("fit", x, y, sample_weight, class_weight)
        if self._graph is not None:  # a stream's first batch may still have to build it
            self._advise()
        return fit(
            learner,
            data,
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_split=validation_split,
            validation_data=validation_data,
            shuffle=shuffle,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_batch_size=validation_batch_size,
            validation_freq=validation_freq,
        )

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **ignored: Any,
    ) -> Any:
        """The loss and the metrics over all rows, without learning.

        Args:
            x, y, sample_weight: as in `fit`.
            steps: batches to read, when x is a stream.
            batch_size: rows computed at once; None: chosen by size.
            verbose: 2 prints them; otherwise silent.
            return_dict: {name: value} instead of a list.

        Returns:
            The loss, or [loss, metric, ...] when there are metrics.
        """
        if is_stream(x):
            _refuse_beside("evaluate", x, y=y, sample_weight=sample_weight)
            logs = self.measure(Stream("evaluate", x, steps))
        else:
            logs = self.measure(self.data_for("evaluate", x, y, sample_weight), batch_size)
        if verbose == 2:
            print(" - ".join(f"{k}: {v:.4f}" for k, v in logs.items()))
        if return_dict:
            return logs
        values = list(logs.values())
        return values[0] if len(values) == 1 else values

    def measure(self, data: Data | Stream, batch_size: int | None = None) -> dict[str, float]:
        """{'loss': ..., metric: ...} over rows that were checked before, or over a stream."""
        totals = Totals(self)
        if isinstance(data, Stream):
            parts = (self.data_for(data.op, *batch) for batch in data.batches())
        else:
            rows = self.chunk_rows("evaluate", data.x, batch_size)
            parts = (data.rows(slice(at, at + rows)) for at in range(0, data.n, rows))
        for part in parts:
            step = self.step_for(part, part.n, False)
            step.load(part)
            totals.add(step, step.once(), part.n)
        if not totals.rows and isinstance(data, Stream):
            raise ValueError(f"{data.op}: the {type(data.source).__name__} had no batch")
        return totals.logs()

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """One update from one batch; returns the loss, or [loss, metric, ...], of the batch before it."""
        data = self.data_for("train_on_batch", x, y, sample_weight, class_weight)
        step = self.step_for(data, data.n, True)
        step.load(data)
        totals = Totals(self)
        try:
            totals.add(step, step.once(), data.n)
        finally:
            self.optimizer.store.changed()
        return self._answer(totals, return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """`evaluate` of one batch."""
        return self.evaluate(x, y, sample_weight=sample_weight, return_dict=return_dict, verbose=0)

    def _answer(self, totals: Totals, return_dict: bool) -> Any:
        logs = totals.logs()
        if return_dict:
            return logs
        values = list(logs.values())
        return values[0] if len(values) == 1 else values


def _refuse_beside(op: str, x: Any, **others: Any) -> None:
    for name, value in others.items():
        if value is not None:
            raise ValueError(f"{op}: {name} comes in the batches when x is a {type(x).__name__}; expected {name}=None")
