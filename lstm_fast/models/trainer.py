"""compile, fit, evaluate, train_on_batch, save, summary: the training side of a model."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from lstm_fast.layers.dense import Dense
from lstm_fast.layers.simple import Activation
from lstm_fast.models.network import Network
from lstm_fast.training.compiled import Compiled, class_weights
from lstm_fast.training.data import as_array, as_list, same_length
from lstm_fast.training.parameters import Array
from lstm_fast.training.step import Data, Step
from lstm_fast.training.streams import Stream, is_stream
from lstm_fast.training.totals import Totals
from lstm_fast.utils.random import new_generator

if TYPE_CHECKING:
    from lstm_fast.callbacks import Callback, History
    from lstm_fast.models.resume import Resume

MAX_STEPS = 16  # batch shapes whose buffers are kept


class Trainer(Network):
    """What a model learns with."""

    progress: tuple[int, list[Callback]] | None = None  # epochs done, and the callbacks, while `fit` runs

    def reset_training(self) -> None:
        self._compiled: Compiled | None = None
        self.stop_training = False
        self.history: History | None = None
        self.shuffle_rng: np.random.Generator | None = None  # drawn at the first fit; part of a model file
        self.resume: Resume | None = None
        self.reset_steps()

    def resume_callbacks(self, given: list[Callback], epoch: int) -> None:
        """Sets callbacks back to where they were when the file of this model was written, if `epoch` is just that."""
        resume, self.resume = self.resume, None
        if resume is not None and resume.epoch == epoch:
            resume.restore(given)

    def reset_steps(self) -> None:
        self._steps: dict[Any, Step] = {}

    # compile

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Choose how to learn.

        Args:
            optimizer: a name ('adam') or an object of `optimizers`.
            loss: a name ('mse') or an object of `losses`; a list or dict of them for several outputs.
            loss_weights: factors of the losses of several outputs.
            metrics: names or objects of `metrics`, shown beside the loss.
            weighted_metrics: the same, weighted by sample_weight.
            others: speed settings of Keras, without a meaning here.

        Raises:
            ValueError: an unknown name.
        """
        names = None if self._graph is None else self.output_names
        self._compiled = Compiled(optimizer, loss, loss_weights, metrics, weighted_metrics, names)
        self.reset_steps()

    @property
    def compiled(self) -> Compiled:
        if self._compiled is None:
            raise ValueError(f"{self.label}: is not compiled; call compile(optimizer, loss) first")
        return self._compiled

    @property
    def optimizer(self) -> Any:
        return self.compiled.optimizer

    @property
    def loss(self) -> Any:
        return self.compiled.loss_spec

    @property
    def metrics_names(self) -> list[str]:
        return ["loss", *(m.name for m in self.compiled.metrics or [])]

    # data

    def data_for(self, op: str, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None) -> Data:
        """Checked and converted rows for training or evaluation."""
        if y is None:
            raise ValueError(f"{op}: expected targets y, got None; a stream has batches (x, y)")
        compiled = self.compiled
        inputs: list[Array] = self.inputs_for(op, x)
        names, dtype = self.output_names, self.dtype
        outputs = self.graph.shapes([a.shape for a in inputs])[0]
        chosen = compiled.bind_losses(names)
        targets: list[Array | None] = []
        for name, part, loss, shape in zip(names, as_list(y, len(names), names, op, "y"), chosen, outputs, strict=True):
            label = "y" if len(names) == 1 else f'y["{name}"]'
            targets.append(None if loss is None or part is None else
                           np.ascontiguousarray(loss.target(op, label, part, (None, *shape[1:]), dtype)))  # fmt: skip
        weights: list[Array | None] = [None] * len(names)
        if sample_weight is not None:
            given = as_list(sample_weight, len(names), names, op, "sample_weight") if len(names) > 1 and isinstance(
                sample_weight, list | tuple | dict) else [sample_weight] * len(names)  # fmt: skip
            weights = [
                None if w is None else self._weights_for(op, w, t, dtype) for w, t in zip(given, targets, strict=True)
            ]
        if class_weight is not None:
            if len(names) > 1:
                raise ValueError(f"{op}: class_weight is for models with one output; use sample_weight")
            by_class = class_weights(op, class_weight, np.asarray(targets[0])).astype(dtype)
            own = weights[0]
            weights = [by_class if own is None else own * by_class]
        same_length(op, {"x": inputs, "y": targets, "sample_weight": weights})
        return Data(inputs, targets, weights)

    def _weights_for(self, op: str, weight: Any, target: Array | None, dtype: Any) -> Array | None:
        w = as_array(op, "sample_weight", weight, dtype)
        if w.ndim == 2 and w.shape[1] == 1 and (target is None or target.ndim < 3):
            w = np.ascontiguousarray(w[:, 0])
        if target is not None and (w.ndim not in (1, 2) or w.shape != target.shape[: w.ndim]):
            raise ValueError(
                f"{op}: expected sample_weight of shape {target.shape[:1]} or {target.shape[:2]}, got {w.shape}"
            )
        return w

    def step_for(self, data: Data, rows: int, training: bool) -> Step:
        """The step for batches of so many of these rows, made at first use."""
        if training:
            self.compiled.optimizer.build(self.flatten())
        key = (rows, training, data.signature())
        step = self._steps.get(key)
        if step is None:
            step = Step(self, data, rows, training)
            if len(self._steps) >= MAX_STEPS:
                del self._steps[next(iter(self._steps))]
            self._steps[key] = step
        return step

    def next_order(self, n: int, shuffle: bool) -> Array:
        """The order of n rows in the next epoch."""
        if not shuffle:
            return np.arange(n, dtype=np.int64)
        if self.shuffle_rng is None:
            self.shuffle_rng = new_generator()
        return self.shuffle_rng.permutation(n).astype(np.int64, copy=False)

    def _advise(self) -> None:
        """Warns of a loss that does not fit the activation of its output."""
        for t, loss in zip(self.outputs, self.compiled.bind_losses(self.output_names), strict=True):
            layer = getattr(t.node.layer, "layer", t.node.layer)
            text = loss.advice(layer.activation) if loss is not None and isinstance(layer, Dense | Activation) else ""
            if text:
                warnings.warn(f"fit: {text}", stacklevel=3)

    # learn and measure

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
            self.flatten().changed()
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
