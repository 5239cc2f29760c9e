"""Means of loss and metrics over the batches of an epoch."""

from __future__ import annotations

from typing import Any

from lstm_fast.training.compiled import Compiled
from lstm_fast.training.step import Step


class Totals:
    """Running means of loss and metrics over batches of any size."""

    def __init__(self, model: Any) -> None:
        self.compiled: Compiled = model.compiled
        self.loss = 0.0
        self.rows = 0
        self.parts: dict[str, float] = {}
        for m in self.compiled.metrics or ():
            m.metric.reset_state()

    def add(self, step: Step, loss: float, rows: int) -> None:
        """`loss`: the sum over some batches of this step, `rows` rows in all."""
        self.loss += loss * step.rows
        self.rows += rows
        if len(step.terms) > 1:
            for term in step.terms:
                self.parts[term.name] = self.parts.get(term.name, 0.0) + term.sum * step.rows
                term.sum = 0.0

    def logs(self) -> dict[str, float]:
        n = max(1, self.rows)
        logs = {"loss": self.loss / n, **{name: value / n for name, value in self.parts.items()}}
        for m in self.compiled.metrics or ():
            logs[m.name] = float(m.metric.result())
        return logs
