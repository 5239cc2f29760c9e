"""compile, and what becomes of data before a model learns from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lstm_fast.models.network import Network
from lstm_fast.training.compiled import Compiled, class_weights
from lstm_fast.training.data import as_array, as_list, same_length
from lstm_fast.training.parameters import Array
from lstm_fast.training.step import Data, Step
from lstm_fast.utils.random import new_generator

if TYPE_CHECKING:
    from lstm_fast.callbacks import Callback, History
    from lstm_fast.models.resume import Resume

MAX_STEPS = 16  # batch shapes whose buffers are kept


class Prepared(Network):
    """A model with `compile`: what it learns with, its data checked, its steps made."""

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
