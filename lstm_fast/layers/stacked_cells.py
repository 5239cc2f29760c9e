"""StackedRNNCells: cells of which each reads the output of the one before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lstm_fast.layers.base import REGISTRY, Layer
from lstm_fast.layers.cells import Cell
from lstm_fast.layers.symbolic import Shape
from lstm_fast.training.parameters import Array


class StackedRNNCells(Layer):
    """Several cells as one: x (B,I) and the states of all cells -> the output of the last cell, and the next states.

    Args:
        cells: LSTMCell, GRUCell or SimpleRNNCell, from the first to the last.

    Raises:
        TypeError: something else than cells.

    Example:
        >>> import numpy as np
        >>> from lstm_fast.layers import LSTMCell
        >>> stack = StackedRNNCells([LSTMCell(3), LSTMCell(6)])
        >>> y, states = stack(np.ones((2, 4)), stack.get_initial_state(2))
        >>> y.shape, [[s.shape for s in each] for each in states]
        ((2, 6), [[(2, 3), (2, 3)], [(2, 6), (2, 6)]])
    """

    def __init__(self, cells: Sequence[Any], **kwargs: Any) -> None:
        for cell in cells:
            if not isinstance(cell, Cell):
                raise TypeError(
                    f"StackedRNNCells: expected LSTMCell, GRUCell or SimpleRNNCell, got {type(cell).__name__}"
                )
        if not cells:
            raise ValueError("StackedRNNCells: expected at least one cell, got none")
        super().__init__(**{"dtype": cells[0].dtype, **kwargs})
        self.cells: list[Cell] = list(cells)

    def inner_layers(self) -> list[Layer]:
        return list(self.cells)

    @property
    def state_size(self) -> list[Any]:
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        return self.cells[-1].output_size

    def get_initial_state(self, batch_size: int) -> list[list[Array]]:
        """Zeros (B,H) for each state of each cell."""
        return [cell.get_initial_state(batch_size) for cell in self.cells]

    def build(self, *shapes: Shape) -> None:
        x = shapes[0]
        for cell in self.cells:
            cell.ensure_built([x])
            x = (x[0], cell.output_size)

    def __call__(self, inputs: Any, states: Any = None, *, training: bool = False, mask: Any = None) -> Any:
        """One step: (output of the last cell, next states of each cell)."""
        after = []
        for cell, own in zip(self.cells, states or [None] * len(self.cells), strict=True):
            inputs, new = cell(inputs, own, training=training)
            after.append(new)
        return inputs, after

    def get_config(self) -> dict[str, Any]:
        inner = [{"class_name": type(cell).__name__, "config": cell.get_config()} for cell in self.cells]
        return {**super().get_config(), "cells": inner}

    @classmethod
    def from_config(cls, settings: dict[str, Any]) -> Layer:
        cells = [REGISTRY[c["class_name"]].from_config(c["config"]) for c in settings["cells"]]
        return cls(**{**settings, "cells": cells})
