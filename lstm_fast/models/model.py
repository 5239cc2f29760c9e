"""Model: the functional graph, and what its subclasses share: files, copies, summary."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, ClassVar

from lstm_fast.layers.base import Layer
from lstm_fast.layers.symbolic import Tensor
from lstm_fast.models.graph import Graph, tensors_from_config
from lstm_fast.models.trainer import Trainer


class Model(Trainer):
    """A graph between symbolic inputs and outputs; itself a layer that others can use.

    Args:
        inputs: an `Input`, or a list of them.
        outputs: what layers made of them, or a list of that.
        name: shown by `summary`.

    Raises:
        ValueError: an output that does not follow from the inputs.

    Example:
        >>> import numpy as np
        >>> from lstm_fast.layers import LSTM, Dense, Input
        >>> x = Input((10, 1))
        >>> model = Model(x, Dense(1)(LSTM(4)(x)))
        >>> model.predict(np.ones((3, 10, 1))).shape
        (3, 1)
    """

    transient: ClassVar[frozenset[str]] = frozenset({"_local", "_store", "_steps", "progress"})

    def __init__(self, inputs: Any = None, outputs: Any = None, name: str | None = None, **kwargs: Any) -> None:
        if type(self) is Model or inputs is not None:
            if inputs is None or outputs is None:
                raise TypeError("Model: expected inputs and outputs; own subclasses with call() are not supported")
            kwargs.setdefault("dtype", None)
        super().__init__(name=name, **kwargs)
        self.reset_training()
        if inputs is not None:
            self.set_graph(_tensors(self.label, "inputs", inputs), _tensors(self.label, "outputs", outputs))

    def set_graph(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        for t in inputs:
            if t.node.inputs:
                raise ValueError(f"{self.label}: expected inputs made by Input, got {t!r}")
        self._graph = Graph(inputs, outputs, self.label)
        types = {layer.dtype for layer in self._graph.layers if layer.weights}
        if len(types) > 1:
            raise ValueError(f"{self.label}: expected layers of one dtype, got {sorted(t.name for t in types)}")
        if types:
            self.dtype = types.pop()
        self.built = True
        self.forget_plans()
        self.reset_steps()

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.reset_steps()

    # files

    @classmethod
    def automatic_class_name(cls) -> str:
        return "Functional" if cls is Model else cls.__name__

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, **self.graph.get_config()}

    @classmethod
    def from_config(cls, settings: dict[str, Any]) -> Layer:
        return cls(*tensors_from_config(settings), name=settings["name"])

    def save(self, filepath: Any, overwrite: bool = True, include_optimizer: bool = True, **ignored: Any) -> None:
        """Write the model to one safetensors file, atomically; `load_model` reads it.

        Args:
            filepath: the name; any ending.
            overwrite: False refuses to replace a file.
            include_optimizer: also what training needs to go on bit by bit.
        """
        from lstm_fast.models.saving import save

        if not overwrite and os.path.exists(filepath):
            raise FileExistsError(f"save: {os.fspath(filepath)} exists; overwrite=True replaces it")
        save(self, filepath, include_optimizer)

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Write the weights alone."""
        from lstm_fast.models.saving import save_weights

        if not overwrite and os.path.exists(filepath):
            raise FileExistsError(f"save_weights: {os.fspath(filepath)} exists; overwrite=True replaces it")
        save_weights(self, filepath)

    def load_weights(self, filepath: Any) -> None:
        """Read weights that `save_weights` or `save` wrote from an equal model."""
        from lstm_fast.models.saving import load_weights

        load_weights(self, filepath)

    def summary(self, line_length: Any = None, positions: Any = None, print_fn: Any = None, **ignored: Any) -> None:
        """Print layers, shapes and numbers of parameters."""
        from lstm_fast.models.summary import show

        show(self, line_length, positions, print_fn)


def _tensors(op: str, what: str, value: Any) -> list[Tensor]:
    items = list(value) if isinstance(value, list | tuple) else [value]
    for t in items:
        if not isinstance(t, Tensor):
            raise TypeError(f"{op}: expected {what} as symbolic tensors, got {type(t).__name__}")
    if not items:
        raise ValueError(f"{op}: expected at least one of {what}")
    return items
