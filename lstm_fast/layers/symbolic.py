"""Symbolic tensors: the edges of a graph of layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lstm_fast.layers.base import Layer

Shape = tuple[int | None, ...]


class Tensor:
    """The shape and dtype of an array to come: output `index` of `node`; None in a shape: any size."""

    __slots__ = ("dtype", "index", "name", "node", "shape")

    def __init__(self, shape: Shape, dtype: str, node: Node, index: int, name: str) -> None:
        self.shape, self.dtype, self.node, self.index, self.name = shape, dtype, node, index, name

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __repr__(self) -> str:
        return f"<Tensor {self.name} shape={self.shape} dtype={self.dtype}>"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise TypeError(f"{self!r} has no values yet; make a Model of it and call predict")

    def __iter__(self) -> Any:
        raise TypeError(f"{self!r} cannot be unpacked; does the layer that made it need return_state=True?")


class Node:
    """One call of a layer on symbolic tensors; a call without inputs is an Input.

    arguments: what JSON can hold; "masked" says which inputs have their masks among `inputs`, at the end of them.
    """

    __slots__ = ("arguments", "inputs", "layer", "outputs")

    def __init__(
        self,
        layer: Layer,
        inputs: Sequence[Tensor],
        shapes: Sequence[Shape],
        dtype: str,
        arguments: dict[str, Any] | None = None,
    ) -> None:
        self.layer, self.inputs, self.arguments = layer, tuple(inputs), arguments or {}
        self.outputs = tuple(
            Tensor(shape, dtype, self, k, f"{layer.name}:{k}" if k else layer.name) for k, shape in enumerate(shapes)
        )

    @property
    def data_inputs(self) -> tuple[Tensor, ...]:
        """The inputs without the masks."""
        return self.inputs[: len(self.inputs) - len(self.arguments.get("masked", ()))]


def is_symbolic(x: Any) -> bool:
    """Whether x is a symbolic tensor or a list with one."""
    if isinstance(x, Tensor):
        return True
    return isinstance(x, list | tuple) and any(isinstance(item, Tensor) for item in x)


def known(shape: Shape) -> tuple[int, ...]:
    """`shape` where every size is known."""
    return tuple(n if n is not None else -1 for n in shape)
