"""Layer: weights, a name, and the operations that it adds to a plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from lstm_fast import config, regularizers
from lstm_fast.layers.calls import Called, Local
from lstm_fast.layers.symbolic import Node, Shape

REGISTRY: dict[str, type[Layer]] = {}  # class name -> class, what a model file may name


class Layer(Called):
    """Base of all layers.

    Called on arrays it computes and returns arrays; called on symbolic tensors it adds a node to their graph. A kind of
    layer defines `build` (its weights), `output_shapes` and `add_ops`, and its own arguments in `get_config`.

    Args:
        name: unique in a model; None: from the class.
        dtype: 'float32' or 'float64'; None: `config.floatx()`.
        trainable: whether `fit` changes the weights.
        activity_regularizer: regularizer(output) / B is part of the loss.
        input_shape: shape without the batch; a Sequential model starts with it (so do batch_input_shape, batch_shape,
            input_dim, input_length, which older programs use).
    """

    stepwise: bool = False  # each step of (B,T,...) is treated alone, so that a Stream can feed it piece by piece
    name_prefix = ""  # in front of an automatic name
    transient: ClassVar[frozenset[str]] = frozenset({"_local"})  # attributes that a copy does not take over

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        REGISTRY[cls.__name__] = cls

    def __init__(
        self,
        *,
        name: str | None = None,
        dtype: Any = None,
        trainable: bool = True,
        activity_regularizer: Any = None,
        input_shape: Sequence[int | None] | int | None = None,
        batch_input_shape: Sequence[int | None] | None = None,
        batch_shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        input_dim: int | None = None,
        input_length: int | None = None,
        **unknown: Any,
    ) -> None:
        kind = type(self).__name__
        if unknown:
            raise TypeError(f"{kind}: unexpected argument {next(iter(unknown))!r}")
        if name is not None and (not isinstance(name, str) or not name or "/" in name):
            raise ValueError(f"{kind}: expected a name without '/', got {name!r}")
        self.auto_named = name is None
        self.name = config.automatic_name(self.automatic_class_name()) if name is None else name
        self.dtype = config.check_dtype(kind, getattr(dtype, "name", dtype))
        self._trainable = bool(trainable)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.built = False
        self.own_weights = []
        self.nodes = []
        self._local = Local()
        shape = batch_input_shape if batch_input_shape is not None else batch_shape
        if shape is None and input_shape is not None:
            shape = (batch_size, *((input_shape,) if isinstance(input_shape, int) else input_shape))
        if shape is None and input_dim is not None:
            shape = self._shape_of_dim(batch_size, input_length, input_dim)
        self.first_shape: Shape | None = None if shape is None else tuple(shape)

    @classmethod
    def automatic_class_name(cls) -> str:
        """What automatic names are made of."""
        return cls.__name__

    @property
    def base_name(self) -> str:
        """The automatic name without its number."""
        return self.name_prefix + config.base_name(self.automatic_class_name())

    def _shape_of_dim(self, batch: int | None, length: int | None, dim: int) -> Shape:
        return (batch, dim)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal layer, as JSON can hold them."""
        settings: dict[str, Any] = {"name": self.name, "dtype": self.dtype.name, "trainable": self.trainable}
        if self.activity_regularizer is not None:
            settings["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        if self.first_shape is not None:
            settings["batch_input_shape"] = list(self.first_shape)
        return settings

    @classmethod
    def from_config(cls, settings: dict[str, Any]) -> Layer:
        return cls(**settings)

    def frozen(self, shapes: Sequence[Shape]) -> Layer:
        """A layer of its own with the configuration and the weights of now, for inputs of these shapes."""
        twin = type(self).from_config(self.get_config())
        twin.ensure_built(shapes)
        twin.set_weights(self.get_weights())
        return twin

    @property
    def input(self) -> Any:
        node = self._only_node("input")
        return node.inputs[0] if len(node.inputs) == 1 else list(node.inputs)

    @property
    def output(self) -> Any:
        node = self._only_node("output")
        return node.outputs[0] if len(node.outputs) == 1 else list(node.outputs)

    def _only_node(self, what: str) -> Node:
        if not self.nodes:
            raise AttributeError(f"{self.label}: has no {what} before it is called on a symbolic tensor")
        return self.nodes[0]

    # copies (copy.deepcopy, joblib): plans, packed weights and the common buffer are made anew

    def forget_plans(self) -> None:
        """Of all threads; they are made anew at their next use."""
        self._local = Local()

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in self.transient}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._local = Local()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"
