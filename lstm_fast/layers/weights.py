"""Weights of a layer: made, counted, read and overwritten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lstm_fast import constraints, initializers, regularizers
from lstm_fast.layers.symbolic import Shape
from lstm_fast.training.parameters import Array, Dtype, Parameter, Store

if TYPE_CHECKING:
    from lstm_fast.layers.base import Layer


class Weighted:
    """Base of `Layer`: what has weights, of its own and in inner layers."""

    name: str
    dtype: Dtype
    built: bool
    own_weights: list[Parameter]
    _trainable: bool

    @property
    def label(self) -> str:
        """How messages name this layer."""
        return f'layer "{self.name}" ({type(self).__name__})'

    def build(self, *shapes: Shape) -> None:
        """Makes the weights for inputs of these shapes."""

    def add_weight(
        self,
        name: str,
        shape: Sequence[int],
        initializer: Any,
        trainable: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
    ) -> Parameter:
        array = np.asarray(initializers.get(initializer)(tuple(shape), self.dtype), self.dtype)
        if array.shape != tuple(shape):
            raise ValueError(f"{self.label}: the initializer of {name} gave {array.shape}, expected {tuple(shape)}")
        parameter = Parameter(name, self, array, trainable, regularizers.get(regularizer), constraints.get(constraint))
        self.own_weights.append(parameter)
        return parameter

    def inner_layers(self) -> list[Layer]:
        """The layers whose weights this one holds besides its own."""
        return []

    @property
    def trainable(self) -> bool:
        """Whether `fit` changes the weights; setting it counts from the next `compile` on, and for inner layers too."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for layer in self.inner_layers():
            layer.trainable = value

    def ensure_built(self, shapes: Sequence[Shape]) -> None:
        if not self.built:
            self.build(*shapes)
            if self.own_weights:
                self.own_store()
            self.built = True

    def own_store(self) -> Store:
        """The store of the own weights, formed here unless a model has taken them into its own."""
        store = self.own_weights[0].store if self.own_weights else None
        return Store(self.own_weights, self.dtype) if store is None else store

    @property
    def weights(self) -> list[Parameter]:
        """All weights, in Keras' order; each once."""
        inner = self.inner_layers()
        if not inner:
            return self.own_weights
        everything = self.own_weights + [p for layer in inner for p in layer.weights]
        return list({id(p): p for p in everything}.values())

    @property
    def trainable_weights(self) -> list[Parameter]:
        return [p for p in self.weights if p.trainable]

    @property
    def non_trainable_weights(self) -> list[Parameter]:
        return [p for p in self.weights if not p.trainable]

    @property
    def variables(self) -> list[Parameter]:
        return self.weights

    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    def get_weights(self) -> list[Array]:
        """Copies of all weights, in Keras' order."""
        return [p.numpy() for p in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Overwrite all weights, in the order of `get_weights`.

        Raises:
            ValueError: another number of arrays, or another shape; nothing is changed then.
        """
        own = self.weights
        if not hasattr(weights, "__len__"):
            raise TypeError(f"{self.label}: expected weights as a list of arrays, got {type(weights).__name__}")
        if not own and not self.built and len(weights):
            raise ValueError(f"{self.label}: has no weights yet; call it on data or give it an input_shape first")
        arrays = [np.asarray(w) for w in weights]
        if len(arrays) != len(own):
            raise ValueError(f"{self.label}: expected {len(own)} weight arrays, got {len(arrays)}")
        for p, a in zip(own, arrays, strict=True):
            if p.shape != a.shape:
                raise ValueError(f"{self.label}: expected {p.path} of shape {p.shape}, got {a.shape}")
        for p, a in zip(own, arrays, strict=True):
            p.assign(a)

    def count_params(self) -> int:
        return sum(p.array.size for p in self.weights)
