"""Sequential: layers one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lstm_fast import config
from lstm_fast.layers.base import REGISTRY, Layer
from lstm_fast.layers.input import InputLayer
from lstm_fast.layers.symbolic import Shape, Tensor
from lstm_fast.models.model import Model
from lstm_fast.training.parameters import Parameter


class Sequential(Model):
    """Layers one after the other; the shapes come from an `Input`, an input_shape, or the first data.

    Args:
        layers: the layers; more with `add`.
        name: shown by `summary`.

    Raises:
        TypeError: something that is no layer.
        ValueError: a layer that does not fit the one before it.

    Example:
        >>> import numpy as np
        >>> from lstm_fast.layers import LSTM, Dense, Input
        >>> model = Sequential([Input((10, 1)), LSTM(4), Dense(1)])
        >>> model.compile(optimizer="adam", loss="mse")
        >>> history = model.fit(np.ones((8, 10, 1)), np.ones(8), epochs=2, verbose=0)
        >>> len(history.history["loss"])
        2
    """

    def __init__(self, layers: Sequence[Any] | None = None, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self._stack: list[Layer] = []
        self._tensors: list[Tensor] = []  # the input, then the output of each layer, as far as shapes are known
        self._input_layer: InputLayer | None = None
        for layer in layers or ():
            self.add(layer)

    def add(self, layer: Any) -> None:
        """Append a layer."""
        if isinstance(layer, Tensor):  # Input(...)
            layer = layer.node.layer
        if isinstance(layer, type) and issubclass(layer, Layer):
            raise TypeError(
                f"{self.label}: expected a layer, got the class {layer.__name__}; call it: {layer.__name__}(...)"
            )
        if not isinstance(layer, Layer):
            raise TypeError(f"{self.label}: expected a layer, got {type(layer).__name__}")
        if isinstance(layer, InputLayer):
            if self._stack or self._tensors:
                raise ValueError(f"{self.label}: an Input must come first and once")
            self._start(layer)
            return
        if any(layer.name == other.name for other in self._stack):
            if not layer.auto_named:
                raise ValueError(f"{self.label}: has a layer named {layer.name!r} already; give this one another name")
            layer.name = config.automatic_name(type(layer).__name__)
        if not self._stack and not self._tensors:
            shape = layer.first_shape
            if shape is None and isinstance(layer, Model) and layer._graph is not None:
                shape = layer.inputs[0].shape
            if shape is not None:
                self._start(InputLayer(batch_shape=shape, dtype=layer.input_types(1)[0], name=f"{layer.name}_input"))
        if self._tensors:
            self._tensors.append(self._connect(layer))
        self._stack.append(layer)
        self._update()

    def _start(self, layer: InputLayer) -> None:
        self._input_layer = layer
        self._tensors = [layer.tensor]

    def _connect(self, layer: Layer) -> Tensor:
        result = layer.connect([self._tensors[-1]])
        if not isinstance(result, Tensor):
            raise ValueError(
                f"{self.label}: expected one output from {layer.label}, got {len(result)}; use Model for more"
            )
        return result

    def _update(self) -> None:
        if len(self._tensors) > 1:
            self.set_graph(self._tensors[:1], self._tensors[-1:])

    def pop(self) -> Layer:
        """Take the last layer off."""
        if not self._stack:
            raise ValueError(f"{self.label}: has no layers to take off")
        layer = self._stack.pop()
        if self._tensors:
            self._tensors.pop()
            self._graph = None
            self._update()
        return layer

    @property
    def layers(self) -> list[Layer]:
        return list(self._stack)

    @property
    def weights(self) -> list[Parameter]:
        return list({id(p): p for layer in self._stack for p in layer.weights}.values())

    def build(self, *shapes: Any) -> None:
        """Fix the input shape, with the batch first: build((None, 10, 1))."""
        if self._graph is not None or not shapes or shapes[0] is None:
            return
        shape: Shape = tuple(shapes[0])
        if not self._stack:
            raise ValueError(f"{self.label}: has no layers; add one first")
        first = self._stack[0]
        self._start(InputLayer(batch_shape=shape, dtype=first.input_types(1)[0], name=f"{first.name}_input"))
        for layer in self._stack:
            self._tensors.append(self._connect(layer))
        self._update()

    def build_for(self, x: Any) -> None:
        if self._graph is None:
            a = x[0] if isinstance(x, list | tuple) and len(x) == 1 else x
            shape = np.shape(a)
            self.build((None, *shape[1:]))
            _ = self.graph

    def ensure_built(self, shapes: Sequence[Shape]) -> None:
        if self._graph is None and shapes:
            self.build((None, *shapes[0][1:]))

    def output_shapes(self, *shapes: Shape) -> list[Shape]:
        self.ensure_built(shapes)
        return super().output_shapes(*shapes)

    def check_count(self, count: int) -> None:
        if count != 1:
            raise ValueError(f"{self.label}: expected one input, got {count}")

    def __call__(self, inputs: Any, *, training: bool = False, mask: Any = None) -> Any:
        if isinstance(inputs, Tensor):
            self.ensure_built([inputs.shape])
        return super().__call__(inputs, training=training, mask=mask)

    def get_config(self) -> dict[str, Any]:
        layers = [{"class_name": type(v).__name__, "config": v.get_config()} for v in self._stack]
        shape = None if self._graph is None else list(self.inputs[0].shape)
        number = None if self._graph is None else self.inputs[0].dtype
        return {"name": self.name, "layers": layers, "batch_shape": shape, "input_dtype": number}

    @classmethod
    def from_config(cls, settings: dict[str, Any]) -> Sequential:
        model = cls(name=settings["name"])
        if settings.get("batch_shape") is not None:
            shape, number = settings["batch_shape"], settings["input_dtype"]
            name = settings["layers"][0]["config"]["name"] + "_input" if settings["layers"] else None
            model._start(InputLayer(batch_shape=shape, dtype=number, name=name))
        for layer in settings["layers"]:
            model.add(REGISTRY[layer["class_name"]].from_config(layer["config"]))
        return model
