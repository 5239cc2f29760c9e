"""Layer: weights, a name, and the operations that it adds to a plan."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from lstm_fast import config, constraints, initializers, regularizers
from lstm_fast.layers.symbolic import Node, Shape, Tensor, is_symbolic
from lstm_fast.training.data import as_array
from lstm_fast.training.masks import WithMaskOp, as_mask
from lstm_fast.training.ops import ActivityOp
from lstm_fast.training.parameters import Array, Dtype, Parameter, Store
from lstm_fast.training.plan import Plan, Value

REGISTRY: dict[str, type[Layer]] = {}  # class name -> class, what a model file may name
MAX_PLANS = 16  # of a layer or model, per thread; beyond it the oldest goes


class _Local(threading.local):
    """The plans of one thread."""

    def __init__(self) -> None:
        self.plans: dict[Any, Any] = {}
        self.last: Any = None  # the plan of the last fast call


class Layer:
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

    inputs_min: ClassVar[int] = 1
    inputs_max: ClassVar[int | None] = 1
    input_dtype: ClassVar[str | None] = None  # None: that of the layer
    supports_masking: ClassVar[bool] = False  # the mask of the first input is that of the output
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
        self.dtype: Dtype = config.check_dtype(kind, getattr(dtype, "name", dtype))
        self._trainable = bool(trainable)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.built = False
        self.own_weights: list[Parameter] = []
        self.nodes: list[Node] = []
        self._local = _Local()
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

    # what a kind of layer defines

    def build(self, *shapes: Shape) -> None:
        """Makes the weights for inputs of these shapes."""

    def output_shapes(self, *shapes: Shape) -> list[Shape]:
        """The shapes of the outputs; raises ValueError for inputs that do not fit."""
        return [shapes[0]]

    def add_ops(self, plan: Plan, inputs: list[Value], **arguments: Any) -> list[Value]:
        """Adds this layer to a plan."""
        raise NotImplementedError

    def call_shapes(self, shapes: Sequence[Shape], arguments: dict[str, Any]) -> list[Shape]:
        """`output_shapes` of a call with these arguments."""
        return self.output_shapes(*shapes)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask (B,T) of the output for arrays, given the mask of the input; None: every step counts."""
        return mask if self.supports_masking else None

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

    # weights

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

    # calls

    @property
    def label(self) -> str:
        """How messages name this layer."""
        return f'layer "{self.name}" ({type(self).__name__})'

    def compute_output_shape(self, input_shape: Any) -> Any:
        many = bool(input_shape) and isinstance(input_shape[0], list | tuple)
        shapes = self.output_shapes(*(map(tuple, input_shape) if many else [tuple(input_shape)]))
        return shapes[0] if len(shapes) == 1 else shapes

    def __call__(self, inputs: Any, *, training: bool = False, mask: Any = None) -> Any:
        many = isinstance(inputs, list | tuple) and (self.inputs_max != 1 or is_symbolic(inputs))
        return self.call_on(list(inputs) if many else [inputs], mask, bool(training))

    def call(self, *inputs: Any, **arguments: Any) -> Any:
        """Keras' name of a call."""
        return self(*inputs, **arguments)

    def call_on(self, parts: list[Any], mask: Any, training: bool, **arguments: Any) -> Any:
        """A call on separated inputs: on symbolic ones a node, on arrays their outputs. mask: of the first input, or a
        list of one (or None) for each. arguments: of `add_ops`, as JSON can hold them."""
        masks = list(mask) if isinstance(mask, list | tuple) and len(parts) > 1 else [mask]
        if len(masks) > len(parts):
            raise ValueError(f"{self.label}: expected at most one mask per input ({len(parts)}), got {len(masks)}")
        masked = [k for k, m in enumerate(masks) if m is not None]
        if not is_symbolic(parts):
            return self.compute(parts, training, masks=masks if masked else (), **arguments)
        if not masked:
            return self.connect(parts, **arguments)
        return self.connect_masked([*parts, *(masks[k] for k in masked)], masked=masked, **arguments)

    def input_types(self, count: int) -> list[Dtype]:
        """The dtype that each of `count` inputs is converted to."""
        return [np.dtype(self.input_dtype or self.dtype)] * count

    def check_count(self, count: int) -> None:
        low, high = self.inputs_min, self.inputs_max
        if count < low or (high is not None and count > high):
            wanted = f"{low}" if low == high else f"at least {low}" if high is None else f"{low} to {high}"
            raise ValueError(f"{self.label}: expected {wanted} inputs, got {count}")

    def connect(self, inputs: list[Any], **arguments: Any) -> Any:
        """Adds a node on symbolic inputs; returns its output tensor, or the list of them."""
        return self._join(inputs, inputs, arguments)

    def connect_masked(self, inputs: list[Any], masked: Sequence[int] = (), **arguments: Any) -> Any:
        """`connect` on inputs that end with the masks of those whose places `masked` has."""
        if not masked:
            return self.connect(inputs, **arguments)
        parts = inputs[: len(inputs) - len(masked)]
        for k, m in zip(masked, inputs[len(parts) :], strict=True):
            x = parts[k]
            if isinstance(m, Tensor) and isinstance(x, Tensor) and (m.ndim < 2 or m.shape[1:] != x.shape[1 : m.ndim]):
                raise ValueError(f"{self.label}: expected mask of shape {x.shape[:2]}, got {m.shape}")
        return self._join(parts, inputs, {**arguments, "masked": list(masked)})

    def _join(self, parts: list[Any], inputs: list[Any], arguments: dict[str, Any]) -> Any:
        self.check_count(len(parts))
        for x in inputs:
            if not isinstance(x, Tensor):
                raise TypeError(f"{self.label}: expected symbolic tensors only, got {type(x).__name__}")
        shapes = [x.shape for x in parts]
        outputs = self.call_shapes(shapes, arguments)
        self.ensure_built(shapes)
        node = Node(self, inputs, outputs, self.dtype.name, arguments)
        self.nodes.append(node)
        return node.outputs[0] if len(node.outputs) == 1 else list(node.outputs)

    def add_masked_ops(
        self, plan: Plan, inputs: list[Value], masked: Sequence[int] = (), **arguments: Any
    ) -> list[Value]:
        """`add_ops` on inputs that end with the masks of those whose places `masked` has."""
        parts = inputs[: len(inputs) - len(masked)]
        for k, given in zip(masked, inputs[len(parts) :], strict=True):
            op = WithMaskOp(parts[k], given)
            plan.add(op)
            parts[k] = op.outputs[0]
        return self.regularised(plan, self.add_ops(plan, parts, **arguments))

    def regularised(self, plan: Plan, outputs: list[Value]) -> list[Value]:
        """The outputs, with their penalty as part of the loss."""
        if self.activity_regularizer is None:
            return outputs
        ops = [ActivityOp(plan, v, self.activity_regularizer) for v in outputs]
        for op in ops:
            plan.add(op)
        return [op.outputs[0] for op in ops]

    def compute(self, inputs: list[Any], training: bool, masks: Sequence[Any] = (), **arguments: Any) -> Any:
        """The outputs for arrays and the masks of the first of them, through a plan kept per shape and thread."""
        self.check_count(len(inputs))
        types = self.input_types(len(inputs))
        arrays = [as_array(self.label, "inputs", x, t) for x, t in zip(inputs, types, strict=True)]
        shapes = [a.shape for a in arrays]
        marks = [None if m is None else as_mask(self.label, m, s) for m, s in zip(masks, shapes, strict=False)]
        key = (training, *shapes, *(m is not None and m.ndim for m in marks), *sorted(arguments.items()))
        plans = self._local.plans
        plan = plans.get(key)
        if plan is None:
            self.call_shapes(shapes, arguments)
            self.ensure_built(shapes)
            plan = Plan(self.dtype, training)
            plan.inputs = [Value(a) for a in arrays]
            for value, m in zip(plan.inputs, marks, strict=False):
                value.mask = None if m is None else Value(m)
            plan.outputs = self.add_ops(plan, plan.inputs, **arguments)
            if len(plans) >= MAX_PLANS:
                del plans[next(iter(plans))]
            plans[key] = plan
        for value, a in zip(plan.inputs, arrays, strict=True):
            value.array = a
        for value, m in zip(plan.inputs, marks, strict=False):
            if value.mask is not None:
                value.mask.array = m
        plan.forward()
        results = [v.array.copy() for v in plan.outputs]
        return results[0] if len(results) == 1 else results

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
        self._local = _Local()

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in self.transient}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._local = _Local()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"
