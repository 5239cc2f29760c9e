"""The state of callbacks in a model file: a fit that goes on from it makes the decisions of one undisturbed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lstm_fast.training.parameters import Array

if TYPE_CHECKING:
    from lstm_fast.callbacks import Callback

PREFIX = "callback/"  # of the names of their arrays in a file


def pack(epoch: int, callbacks: Sequence[Callback]) -> tuple[dict[str, Any], dict[str, Array]]:
    """What a file keeps of callbacks after `epoch` epochs: as JSON can hold it, and arrays."""
    kept = [c for c in callbacks if c.state_names]
    states = [[type(c).__name__, c.get_state(), len(c.best_weights or ())] for c in kept]
    arrays = {f"{PREFIX}{k}/{i}": a for k, c in enumerate(kept) for i, a in enumerate(c.best_weights or ())}
    return {"epoch": epoch, "callbacks": states}, arrays


class Resume:
    """What `pack` kept, on the way from `load_model` to `fit`."""

    def __init__(self, settings: dict[str, Any], tensors: dict[str, Array]) -> None:
        self.epoch = int(settings["epoch"])
        self.states: list[tuple[str, dict[str, Any], list[Array]]] = []
        for k, (name, state, count) in enumerate(settings["callbacks"]):
            self.states.append((name, dict(state), [tensors[f"{PREFIX}{k}/{i}"] for i in range(count)]))

    def restore(self, callbacks: Sequence[Callback]) -> None:
        """Into callbacks of the same kinds in the same order; into none where they are others."""
        kept = [c for c in callbacks if c.state_names]
        if [type(c).__name__ for c in kept] != [name for name, _, _ in self.states]:
            return
        for c, (_, state, arrays) in zip(kept, self.states, strict=True):
            c.set_state(state)
            if arrays:
                c.best_weights = arrays
