"""One step for batches of one shape: all buffers and native calls bound once, then run again and again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from lstm_fast import _core
from lstm_fast.losses.base import Loss
from lstm_fast.training.compiled import BoundMetric
from lstm_fast.training.parameters import Array, Parameter
from lstm_fast.training.plan import Call, Plan, Value
from lstm_fast.training.softmax import softmax_before


class Data:
    """Rows for training or evaluation: inputs, targets (None: no loss), weights (None: 1), per output."""

    __slots__ = ("n", "weights", "x", "y")

    def __init__(self, x: list[Array], y: list[Array | None], weights: list[Array | None]) -> None:
        self.x, self.y, self.weights = x, y, weights
        self.n = len(x[0])

    def columns(self) -> list[Array]:
        """All arrays that there are, in the order of `Step.buffers`."""
        return [a for a in (*self.x, *self.y, *self.weights) if a is not None]

    def signature(self) -> tuple[Any, ...]:
        """What a step depends on besides the number of rows."""
        parts = (*self.x, *self.y, *self.weights)
        return tuple(None if a is None else (a.shape[1:], a.dtype.char) for a in parts)

    def rows(self, part: slice) -> Data:
        cut: list[list[Any]] = [[None if a is None else a[part] for a in g] for g in (self.x, self.y, self.weights)]
        return Data(*cut)


class LossTerm:
    """The loss of one output: fills its gradient, returns scale * loss. Masked steps count as absent."""

    name = "loss"

    def __init__(
        self, loss: Loss, prediction: Value, target: Any, weight: Array | None, scale: float, backward: bool
    ) -> None:
        self.loss, self.prediction, self.scale = loss, prediction, scale
        self.grad: Array | None = None
        self.samples: Any = None  # instead of those of the loss
        self.sum = 0.0  # over batches, kept when a model has several outputs
        if backward:
            self.grad = _core.empty(prediction.shape, prediction.array.dtype)
        mask = prediction.mask
        self.mask = mask if mask is not None and mask.array.ndim == prediction.array.ndim - 1 else None
        self.own_weight, self.weight = weight, weight
        self.rows: tuple[int, ...] | None = None  # shapes in which each step is a row, for weights (B,T)
        self.target = target
        if self.mask is not None:
            self.weight = np.empty(self.mask.shape, prediction.array.dtype)
        if self.weight is not None and self.weight.ndim > 1:
            steps = self.weight.size
            self.rows = (steps, prediction.shape[-1])
            self.weight = self.weight.reshape(steps)
            self.target = target.reshape((steps,) if loss.integer_targets else self.rows)

    def __call__(self) -> float:
        predicted, grad = self.prediction.array, self.grad
        if self.rows is not None:
            if self.mask is not None:
                self._weigh_mask()
            predicted = predicted.reshape(self.rows)
            grad = None if grad is None else grad.reshape(self.rows)
        value = self.loss.evaluate(self.target, predicted, grad, self.weight, self.samples)
        if self.scale != 1.0:
            value *= self.scale
            if grad is not None:
                grad *= self.scale
        return value

    def bound(self) -> Callable[[], float]:
        """The same as long as no array moves."""
        if self.rows is not None or self.scale != 1.0:
            return self
        return partial(self.loss.evaluate, self.target, self.prediction.array, self.grad, self.weight, self.samples)

    def _weigh_mask(self) -> None:
        assert self.mask is not None
        assert self.weight is not None
        mask = self.mask.array
        valid = int(mask.sum())
        weight = self.weight.reshape(mask.shape)
        np.multiply(mask, 1.0 if self.loss.reduction == "sum" else mask.size / max(1, valid), out=weight)
        own = self.own_weight
        if own is not None:
            weight *= own if own.ndim == 2 else own[:, None]


class Step:
    """Forward, loss and metrics on `rows` rows; with `training` also backward and the update."""

    def __init__(self, model: Any, data: Data, rows: int, training: bool) -> None:
        compiled = model.compiled
        self.plan = plan = Plan(model.dtype, training, training)
        plan.inputs = [Value(np.zeros((rows, *a.shape[1:]), a.dtype)) for a in data.x]
        plan.outputs = model.graph.run(plan, plan.inputs)
        targets = [None if a is None else np.zeros((rows, *a.shape[1:]), a.dtype) for a in data.y]
        weights = [None if a is None else np.zeros((rows, *a.shape[1:]), a.dtype) for a in data.weights]
        self.rows = rows
        self.nan_at: int | None = None  # the first batch of an epoch whose loss was not a number
        self.buffers = [*(v.array for v in plan.inputs), *(a for a in (*targets, *weights) if a is not None)]
        self.terms: list[LossTerm] = []
        chosen = compiled.bind_losses(model.output_names)
        for k, (loss, v) in enumerate(zip(chosen, plan.outputs, strict=True)):
            if loss is not None and targets[k] is not None:
                term = LossTerm(loss, v, targets[k], weights[k], compiled.scales[k], training and v.needs_grad)
                term.name = f"{model.output_names[k]}_loss"
                softmax = softmax_before(plan, v) if loss.of_softmax is not None else None
                if softmax is not None:
                    term.samples, softmax.passes = loss.of_softmax, True
                self.terms.append(term)
        if not self.terms:
            raise ValueError(f"{model.label}: no output has both a loss and targets")
        bound = compiled.bind_metrics(model.output_names, [v.shape for v in plan.outputs], targets)
        self.metrics = [
            _metric_call(m, plan.outputs[m.k], targets[m.k], weights[m.k]) for m in bound if targets[m.k] is not None
        ]
        self.penalised = [p for p in model.weights if p.trainable and p.regularizer is not None]
        extra = self.penalised or plan.penalties
        self.loss: Callable[[], float] = self.terms[0] if len(self.terms) == 1 and not extra else self._total
        self.backwards: list[Call] = []
        if training:
            self._bind_backward(model)
        self.optimizer = model.compiled.optimizer if training else None
        self.calls = (plan.forwards, self.loss, [*self.backwards, *self.metrics])
        self.calls_of: Any = None  # the store in which they found the parameters

    def _bind_backward(self, model: Any) -> None:
        plan = self.plan
        sums: list[Call] = []
        for term in self.terms:
            v = term.prediction
            if v.grad is None:
                v.grad = term.grad
            elif term.grad is not None:  # an output listed twice
                sums.append(partial(np.add, v.grad, term.grad, v.grad))
        plan.prepare_backward()
        self.backwards = [*sums, *plan.backwards]
        if self.penalised:
            self.backwards.append(self._penalise)
        self.backwards.append(model.compiled.optimizer.apply)
        constrained = [p for p in model.weights if p.trainable and p.constraint is not None]
        if constrained:
            self.backwards.append(partial(_constrain, constrained))

    def _total(self) -> float:
        total = float(sum(p.regularizer(p.array) for p in self.penalised))
        total += sum(penalty() for penalty in self.plan.penalties)
        for term in self.terms:
            value = term()
            term.sum += value
            total += value
        return total

    def _penalise(self) -> None:
        for p in self.penalised:
            p.regularizer.add_gradient(p.array, p.grad)

    def load(self, data: Data) -> None:
        """Copy one batch in."""
        for buffer, a in zip(self.buffers, data.columns(), strict=True):
            np.copyto(buffer, a)

    def _bind(self) -> None:
        """The native calls of a training step, with their arguments: anew where a model took over the parameters."""
        plan, only = self.plan, self.terms[0]
        if self.optimizer is not None and self.calls_of is not self.optimizer.store:
            loss = only.bound() if self.loss is only else self.loss
            self.calls = (plan.bound(plan.forwards), loss, plan.bound([*self.backwards, *self.metrics]))
            self.calls_of = self.optimizer.store

    def once(self) -> float:
        """Run on what the buffers hold; the loss."""
        self._bind()
        forwards, loss_of, backwards = self.calls
        for call in forwards:
            call()
        loss = loss_of()
        for call in backwards:
            call()
        return loss

    def run(self, columns: Sequence[Array], order: Array, first: int, last: int) -> float:
        """Batches first..last-1 of the rows in `order`; the sum of their losses. Every microsecond counts here."""
        gather, n = _core.gather, self.rows
        copies = list(zip(columns, self.buffers, strict=True))
        self._bind()
        forwards, loss_of, backwards = self.calls
        total = 0.0
        for at in range(first * n, last * n, n):
            for source, buffer in copies:
                gather(source, order, buffer, at)
            for call in forwards:
                call()
            total += loss_of()
            if total != total and self.nan_at is None:
                self.nan_at = at // n
            for call in backwards:
                call()
        return total


def _metric_call(bound: BoundMetric, prediction: Value, target: Any, weight: Array | None) -> Call:
    update = bound.metric.update_state
    weight = weight if bound.weighted else None
    mask = prediction.mask

    def call() -> None:
        w = weight
        if mask is not None and mask.array.ndim == prediction.array.ndim - 1:
            w = mask.array if w is None else mask.array * (w if w.ndim == 2 else w[:, None])
        update(target, prediction.array, w)

    return call


def _constrain(parameters: Sequence[Parameter]) -> None:
    for p in parameters:
        p.constraint(p.array)
