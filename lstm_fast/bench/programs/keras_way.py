"""A program in Keras' words; `k` is `lstm_fast` or `keras`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .catalog import CURVE_EPOCHS, LayerSpec, Program
from .data import Array


class Runner:
    """The model of a program, compiled, with its data x (rows,...) and y."""

    def __init__(self, k: Any, program: Program, x: Sequence[Array], y: Array) -> None:
        self.program, self.x, self.y = program, list(x), y
        self.model = _sequential(k, program) if program.graph is None else program.graph(k, program)
        self.model.compile(optimizer=k.optimizers.Adam(learning_rate=0.001), loss=program.loss)

    def _inputs(self, part: slice = slice(None)) -> Any:
        """One array, or as many as the model has inputs."""
        arrays = [a[part] for a in self.x]
        return arrays if len(arrays) > 1 else arrays[0]

    def get_weights(self) -> list[Array]:
        weights: list[Array] = self.model.get_weights()
        return weights

    def set_weights(self, weights: Sequence[Array]) -> None:
        self.model.set_weights(weights)

    def curve(self) -> list[float]:
        """The losses of epochs of four updates in the given order; or the predictions of one batch."""
        program = self.program
        if program.predicts:
            return [float(v) for v in self.model.predict(self._inputs(), verbose=0).ravel()]
        part = slice(0, 4 * program.batch)
        history = self.model.fit(
            self._inputs(part), self.y[part], batch_size=program.batch, epochs=CURVE_EPOCHS, shuffle=False, verbose=0
        )
        return [float(v) for v in history.history["loss"]]

    def run(self, epochs: int) -> int:
        """The timed call: so many epochs, or predictions; returns the number of updates or predictions."""
        if self.program.predicts:
            predict, x = self.model.predict, self._inputs()
            for _ in range(epochs):
                predict(x, verbose=0)
            return epochs
        self.model.fit(self._inputs(), self.y, batch_size=self.program.batch, epochs=epochs, verbose=0)
        return epochs * (self.program.rows // self.program.batch)


def _sequential(k: Any, program: Program) -> Any:
    kind = "int32" if program.words else "float32"
    model = k.models.Sequential([k.layers.Input(program.shape, dtype=kind)])
    for spec in program.layers:
        model.add(_layer(k, spec))
    return model


def _layer(k: Any, spec: LayerSpec) -> Any:
    name, options = spec
    options = {key: _layer(k, value) if key == "layer" else value for key, value in options.items()}
    return getattr(k.layers, name)(**options)
