"""Cells: the weights and one step of a recurrence. Layers run them over sequences in one native call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np

from lstm_fast import _core, activations, constraints, initializers, regularizers
from lstm_fast.layers import extensions
from lstm_fast.layers.base import Layer
from lstm_fast.layers.extensions import SETTINGS, WEIGHTS
from lstm_fast.layers.recurrent_op import RecurrentOp
from lstm_fast.layers.run import Run
from lstm_fast.layers.symbolic import Shape, is_symbolic
from lstm_fast.training.ops import ReshapeOp
from lstm_fast.training.parameters import Array, Parameter
from lstm_fast.training.plan import Plan, Value
from lstm_fast.utils.random import new_generator

MODULES: dict[str, Any] = {"initializer": initializers, "regularizer": regularizers, "constraint": constraints}
UNNAMED = ("self", "__class__", "kwargs")  # of the local names in a constructor, those that are no argument


class Cell(Layer):
    """Base of the cells: x (B,I) and states (B,H) each -> output (B,H) and the next states.

    A kind of cell has the constructor of Keras and hands its arguments over as `given`; each becomes an attribute and
    part of the configuration. With a `host` the weights are the host's own, under its name.
    """

    kind: ClassVar[str]  # what the kernels call it
    gates: ClassVar[int]
    state_names: ClassVar[tuple[str, ...]] = ("h",)
    kernel_settings: ClassVar[tuple[str, ...]]  # arguments that the kernels take
    inputs_max: ClassVar[int | None] = 3
    transient: ClassVar[frozenset[str]] = frozenset({"_local", "_packed"})
    _packed: tuple[int, Any] = (0, None)  # store version, _core.Weights; replaced as one

    units: int
    activation: str
    use_bias: bool
    dropout: float
    recurrent_dropout: float
    zoneout: list[float] | None = None  # rates of h and c
    projection: int | None = None  # P, the numbers of h
    kernel: Parameter
    recurrent_kernel: Parameter
    bias: Parameter | None

    def __init__(self, given: dict[str, Any], host: Layer | None = None, **kwargs: Any) -> None:
        kwargs.pop("implementation", None)  # a speed hint of Keras
        if host is not None:
            kwargs = {"name": host.name, "dtype": host.dtype}
        super().__init__(**kwargs)
        self.host = host
        self.argument_names = [name for name in given if name not in (*UNNAMED, "host")]
        for name in self.argument_names:
            setattr(self, name, self._settled(name, given[name]))
        self.active = [name for name in SETTINGS if name in given and getattr(self, name) != SETTINGS[name].off]
        for pair in extensions.CONTRADICTIONS:
            if set(pair) <= set(self.active):
                raise ValueError(f"{self.label}: {' and '.join(pair)} contradict each other; pass one of them")
        draws = self.dropout or self.recurrent_dropout or self.zoneout
        self.rng = new_generator(given["seed"]) if draws else None

    def _settled(self, name: str, value: Any) -> Any:
        """An argument in the form in which it is kept."""
        module = MODULES.get(name.rpartition("_")[2])
        if module is not None:
            return module.get(value)
        if name in SETTINGS:
            return SETTINGS[name].checked(self.label, name, value)
        if name.endswith("activation"):
            return self._activation(name, value)
        if name == "units":
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise ValueError(f"{self.label}: expected units as an integer >= 1, got {value!r}")
            return int(value)
        if name.endswith("dropout"):
            if isinstance(value, bool) or not 0 <= value <= 1:
                raise ValueError(f"{self.label}: expected {name} in [0, 1], got {value!r}")
            return float(value)
        return value if name == "seed" else bool(value)

    def _activation(self, name: str, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return extensions.activation(self.label, name, value)
        known, value = _core.activations(), activations.get(value)
        if value not in known:
            supported = " or ".join(map(repr, known))
            raise ValueError(f"{self.label}: {name}={value!r} is not supported yet; supported is {supported}")
        return value

    @property
    def label(self) -> str:
        return super().label if self.host is None else self.host.label

    @property
    def state_sizes(self) -> list[int]:
        """The features of each state."""
        return [self.output_size, self.units][: len(self.state_names)]

    @property
    def state_size(self) -> Any:
        sizes = self.state_sizes
        return sizes[0] if len(sizes) == 1 else sizes

    @property
    def output_size(self) -> int:
        return self.projection or self.units

    def get_initial_state(self, batch_size: int) -> list[Array]:
        """Zeros (B,H) for each state."""
        return [np.zeros((batch_size, n), self.dtype) for n in self.state_sizes]

    # weights

    def build(self, *shapes: Shape) -> None:
        I, H, P, G = shapes[0][-1], self.units, self.output_size, self.gates
        if I is None:
            raise ValueError(f"{self.label}: expected a known number of features, got shape {shapes[0]}")
        self.kernel = self._add("kernel", "kernel", (I, G * H))
        self.recurrent_kernel = self._add("recurrent", "recurrent_kernel", (P, G * H))
        self.bias = self._add("bias", "bias", self.bias_shape()) if self.use_bias else None
        owner = self.host or self
        self.extras = {name: owner.add_weight(name, extra.shape(H, P), extra.initializer)
                       for name, extra in WEIGHTS.items() if extra.setting in self.active}  # fmt: skip
        for name, p in self.extras.items():
            setattr(self, name, p)
        self.built = True

    def _add(self, part: str, name: str, shape: tuple[int, ...]) -> Parameter:
        initializer = self.first_bias if part == "bias" else getattr(self, f"{part}_initializer")
        options = [getattr(self, f"{part}_{kind}") for kind in ("regularizer", "constraint")]
        return (self.host or self).add_weight(name, shape, initializer, True, *options)

    def bias_shape(self) -> tuple[int, ...]:
        return (self.gates * self.units,)

    def bias_room(self) -> Array:
        """Room for the gradient of a bias that the cell lacks."""
        return np.empty(self.bias_shape(), self.dtype)

    def first_bias(self, shape: tuple[int, ...], dtype: Any) -> Array:
        return np.array(getattr(self, "bias_initializer")(shape, dtype))  # noqa: B009

    def parameters(self) -> list[Parameter]:
        return [p for p in (self.kernel, self.recurrent_kernel, self.bias, *self.extras.values()) if p is not None]

    def extra_gradients(self) -> dict[str, Array]:
        """Where backward leaves the gradients of the weights after the bias, as it calls them."""
        return {WEIGHTS[name].gradient: p.grad for name, p in self.extras.items()}

    # kernels

    def native(self, I: int, backward: bool = False, input_grad: bool = True) -> Any:
        """Room for the weights as the kernels read them."""
        settings = {name: getattr(self, name) for name in self.kernel_settings}
        for name in self.active:
            settings |= SETTINGS[name].kernel(getattr(self, name))
        return _core.Weights(self.kind, I, self.units, self.dtype, backward, input_grad, **settings)

    def pack_call(self, weights: Any, num_threads: int = 0) -> Callable[[], None]:
        """The call that packs the weights where they lie now."""
        more: dict[str, Any] = {WEIGHTS[name].pack: p.array for name, p in self.extras.items()}
        if num_threads:
            more["num_threads"] = num_threads
        biases = None if self.bias is None else self.bias.array
        return partial(weights.pack, self.kernel.array, self.recurrent_kernel.array, biases, **more)

    def packed(self) -> Any:
        """The weights as the kernels read them, for inference: a new object after each change, never one repacked."""
        version = (self.kernel.store or (self.host or self).own_store()).version
        if self._packed[0] != version:
            weights = self.native(self.kernel.shape[0])
            self.pack_call(weights)()
            self._packed = (version, weights)
        return self._packed[1]

    def draw(self, rate: float, scale: Array) -> Array:
        """Fills `scale`: each number 0 with probability `rate`, else 1/(1-rate)."""
        assert self.rng is not None
        self.rng.random(dtype=scale.dtype.type, out=scale)
        np.multiply(scale >= rate, 1.0 / (1.0 - rate), out=scale)
        return scale

    def draw_seed(self) -> int:
        """Of a drawn zoneout."""
        assert self.rng is not None
        return int(self.rng.integers(2**63))

    # one step

    def output_shapes(self, *shapes: Shape) -> list[Shape]:
        x, states = shapes[0], shapes[1:]
        if len(x) != 2 or len(states) != len(self.state_names):
            raise ValueError(f"{self.label}: expected inputs (batch, features) and states {list(self.state_names)}, "
                             f"got shapes {', '.join(map(str, shapes))}")  # fmt: skip
        self.check_features(x)
        self.check_states(x[0], states)
        return [(x[0], n) for n in (self.output_size, *self.state_sizes)]

    def check_features(self, x: Shape) -> None:
        if self.built and x[-1] != self.kernel.shape[0]:
            raise ValueError(f"{self.label}: expected {self.kernel.shape[0]} features, got inputs of shape {x}")

    def check_states(self, B: int | None, states: Sequence[Shape]) -> None:
        for name, n, state in zip(self.state_names, self.state_sizes, states, strict=True):
            if len(state) != 2 or state[1] != n or (None not in (state[0], B) and state[0] != B):
                raise ValueError(f"{self.label}: expected initial state {name} of shape {(B, n)}, got {tuple(state)}")

    def add_ops(self, plan: Plan, inputs: list[Value], **arguments: Any) -> list[Value]:
        x = inputs[0]
        step = ReshapeOp(x, (x.shape[0], 1, x.shape[1]))
        plan.add(step)
        run = Run(self, plan, step.outputs[0], inputs[1:])
        op = RecurrentOp(plan, step.outputs[0], run, sequences=False, states=True)
        plan.add(op)
        return list(op.outputs)

    def __call__(self, inputs: Any, states: Any = None, *, training: bool = False, mask: Any = None) -> Any:
        """One step: (output, next states), the states as a list when they came in one."""
        if states is None and not is_symbolic(inputs):
            states = self.get_initial_state(len(inputs))
        many = isinstance(states, list | tuple)
        y, *after = self.call_on([inputs, *(states if many else [states])], mask, training)
        return y, after if many else after[0]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.arguments()}

    def arguments(self) -> dict[str, Any]:
        """The arguments of its kind, as JSON can hold them; of those beyond Keras the ones in use."""
        out = {}
        for name in self.argument_names:
            if name in SETTINGS and name not in self.active:
                continue
            module = MODULES.get(name.rpartition("_")[2])
            value = getattr(self, name)
            out[name] = value if module is None else module.serialize(value)
        return out
