"""Runs of which each reads the output of the one before, in one native call."""

from __future__ import annotations

from collections.abc import Sequence

from lstm_fast import _core
from lstm_fast.layers.run import Run
from lstm_fast.training.parameters import Array

MOST_ROWS = 2  # with more rows threads share those, and one call has nothing to gain
LEAST_WORK = 5e5  # multiply-adds of two layers; with less nothing either


class RunStack:
    """Plain runs for inference, first to last, and the output of each; None: the last one's is not wanted."""

    def __init__(self, runs: Sequence[Run], outputs: Sequence[Array | None]) -> None:
        self.runs, self.outputs = list(runs), list(outputs)
        self.stack = _core.Stack([run.sequence for run in runs])
        self.zeros = [None] * len(runs)
        self.h, self.c = [run.h for run in runs], [run.c for run in runs]

    def forward(self) -> None:
        weights = [run.cell.packed() for run in self.runs]
        x, zeros = self.runs[0].x.array, self.zeros
        self.stack.forward(x, zeros, zeros, self.outputs, self.h, self.c, None, weights)


def joins(before: Run, run: Run) -> bool:
    """Whether a run goes together with the one whose output it reads."""
    worthwhile = run.size[0] <= MOST_ROWS and before.work + run.work >= LEAST_WORK
    return worthwhile and before.only_calls and run.only_calls
