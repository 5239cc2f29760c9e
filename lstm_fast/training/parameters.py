"""Parameters: views into one flat buffer of values and one of gradients."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from lstm_fast import _core

Array = np.ndarray[Any, Any]
Dtype = np.dtype[Any]

ALIGNMENT = 64  # bytes: one cache line, one AVX-512 register

_versions = itertools.count(1)


def aligned_zeros(size: int, dtype: Dtype) -> Array:
    """(size,) zeros that start at a multiple of ALIGNMENT bytes."""
    raw = _core.empty((size + ALIGNMENT // dtype.itemsize,), dtype)
    start = -raw.ctypes.data % ALIGNMENT // dtype.itemsize
    a: Array = raw[start : start + size]
    a.fill(0)
    return a


class Parameter:
    """One weight of a layer: `array` and `grad` are views into its store, which moves them when a model is formed.

    Read it with `numpy()`, write it with `assign()`; code of the engine reads `array` anew at each use.
    """

    __slots__ = ("array", "constraint", "grad", "name", "owner", "regularizer", "store", "trainable_weight")

    def __init__(self, name: str, owner: Any, array: Array, trainable: bool, regularizer: Any, constraint: Any) -> None:
        self.name, self.owner, self.array, self.trainable_weight = name, owner, array, trainable
        self.regularizer, self.constraint = regularizer, constraint
        self.grad: Array = array  # until the store gives it one
        self.store: Store | None = None

    @property
    def trainable(self) -> bool:
        return self.trainable_weight and bool(self.owner.trainable)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.array.shape)

    @property
    def dtype(self) -> Any:
        return self.array.dtype

    @property
    def path(self) -> str:
        return f"{self.owner.name}/{self.name}"

    def numpy(self) -> Array:
        """A copy of the values."""
        return self.array.copy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self.array.astype(self.array.dtype if dtype is None else dtype)

    def assign(self, value: Any) -> None:
        """Overwrite the values; whatever was packed from them is packed anew at its next use."""
        new = np.asarray(value)
        if new.shape != self.array.shape:
            raise ValueError(f"{self.path}: expected a value of shape {self.array.shape}, got {new.shape}")
        self.array[...] = new
        if self.store is not None:
            self.store.changed()

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__ if name not in ("grad", "store")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        self.grad, self.store = self.array, None  # until its layer gives it a store

    def __repr__(self) -> str:
        return f"<Parameter {self.path} shape={self.shape} dtype={self.dtype}>"


class Store:
    """Values and gradients of some parameters, each in one flat buffer: trained ones first, each on a cache line.

    `version` is another integer after every change of a value, never one that any store has had.
    """

    def __init__(self, parameters: Sequence[Parameter], dtype: Dtype) -> None:
        self.parameters = list(parameters)
        self.dtype = dtype
        step = ALIGNMENT // dtype.itemsize
        trained = [p for p in parameters if p.trainable]
        ordered = trained + [p for p in parameters if not p.trainable]
        offsets = list(itertools.accumulate((-(-p.array.size // step) * step for p in ordered), initial=0))
        self.layout = tuple((id(p), at) for p, at in zip(ordered, offsets, strict=False))
        self.trained_size = offsets[len(trained)]  # numbers, gaps included
        self.values = aligned_zeros(offsets[-1], dtype)
        self.grads = aligned_zeros(offsets[-1], dtype)
        for p, at in zip(ordered, offsets, strict=False):
            shape, size = p.array.shape, p.array.size
            view = self.values[at : at + size].reshape(shape)
            view[...] = p.array
            p.array, p.grad, p.store = view, self.grads[at : at + size].reshape(shape), self
        self.trained = trained
        self.version = next(_versions)

    def changed(self) -> None:
        """To be called after values were written."""
        self.version = next(_versions)

    def holds(self, parameters: Sequence[Parameter]) -> bool:
        """Whether exactly these parameters live here, those to be trained in front."""
        return (
            len(parameters) == len(self.parameters)
            and all(p.store is self for p in parameters)
            and [p for p in parameters if p.trainable] == self.trained
        )

    def views(self, flat: Array) -> list[tuple[Parameter, Array]]:
        """(parameter, its part of `flat`) for a buffer laid out as the trained part of this store."""
        at = dict(self.layout)
        return [(p, flat[at[id(p)] : at[id(p)] + p.array.size].reshape(p.array.shape)) for p in self.trained]
