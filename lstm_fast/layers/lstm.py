"""LSTM: the layer around the fused kernels."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from lstm_fast import _core, activations, constraints, initializers, regularizers
from lstm_fast.layers.base import Layer
from lstm_fast.layers.lstm_op import LSTMOp
from lstm_fast.layers.symbolic import Shape, Tensor, is_symbolic
from lstm_fast.training.parameters import Array, Parameter
from lstm_fast.training.plan import Plan, Value

_WITH = {"initializer": initializers, "regularizer": regularizers, "constraint": constraints}
_PARTS = ("kernel", "recurrent", "bias")


class LSTM(Layer):
    """Long short-term memory: inputs (B,T,I) -> h_T (B,H), or y (B,T,H) with `return_sequences`.

        i, f, o = sigmoid(x w_x + h w_h + b)    g = tanh(...)    c' = f*c + i*g    h' = o*tanh(c')

    Args:
        units: H.
        return_sequences: y of all steps instead of the last.
        return_state: also return the last h and c, each (B,H).
        go_backwards: read the sequence from its end; y is in the order of reading.
        stateful: row k of a batch starts with the last state of row k of the batch before.
        unit_forget_bias: the bias of f starts at 1.
        others: as in Keras 3. What is not implemented yet raises ValueError.

    Called as `layer(x, initial_state=[h0, c0])`. Weights, as `get_weights` orders them: kernel (I,4H), recurrent_kernel
    (H,4H), bias (4H), columns i f g o.

    Raises:
        ValueError: inputs that are not (B,T,I), another I than at the first call, an unknown or unsupported option.

    Source:
        Hochreiter & Schmidhuber 1997; Gers et al. 2000.

    Example:
        >>> import numpy as np
        >>> layer = LSTM(3, return_sequences=True)
        >>> layer(np.ones((2, 5, 4), np.float32)).shape
        (2, 5, 3)
    """

    inputs_max: ClassVar[int | None] = 3
    transient: ClassVar[frozenset[str]] = frozenset({"_local", "_packed"})
    _packed: tuple[int, Any] = (0, None)  # store version, _core.Weights; replaced as one

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        kwargs.pop("implementation", None)  # a speed hint of Keras, as unroll and use_cudnn: no meaning here
        super().__init__(**kwargs)
        if isinstance(units, bool) or not isinstance(units, int | np.integer) or units < 1:
            raise ValueError(f"{self.label}: expected units as an integer >= 1, got {units!r}")
        self.units = int(units)
        self.activation = activations.get(activation)
        self.recurrent_activation = activations.get(recurrent_activation)
        self._refuse(self.activation != "tanh", f"activation={self.activation!r}", "'tanh'")
        self._refuse(
            self.recurrent_activation != "sigmoid", f"recurrent_activation={self.recurrent_activation!r}", "'sigmoid'"
        )
        self._refuse(bool(dropout), f"dropout={dropout}", "0")
        self._refuse(bool(recurrent_dropout), f"recurrent_dropout={recurrent_dropout}", "0")
        self._refuse(activity_regularizer is not None, "activity_regularizer", "None")
        self.use_bias, self.unit_forget_bias = bool(use_bias), bool(unit_forget_bias)
        given = locals()
        self.options: dict[str, Any] = {
            f"{part}_{kind}": module.get(given[f"{part}_{kind}"]) for kind, module in _WITH.items() for part in _PARTS
        }
        self.return_sequences, self.return_state = bool(return_sequences), bool(return_state)
        self.go_backwards, self.stateful = bool(go_backwards), bool(stateful)
        self.states: list[Array] | None = None  # h, c (B,H) of the last batch, when stateful

    def _refuse(self, condition: bool, what: str, supported: str) -> None:
        if condition:
            raise ValueError(f"{self.label}: {what} is not supported yet; supported is {supported}")

    def _shape_of_dim(self, batch: int | None, length: int | None, dim: int) -> Shape:
        return (batch, length, dim)

    # weights

    def build(self, *shapes: Shape) -> None:
        I, H = shapes[0][-1], self.units
        if I is None:
            raise ValueError(f"{self.label}: expected a known number of features, got shape {shapes[0]}")
        option = self.options

        def add(part: str, name: str, shape: tuple[int, ...], initializer: Any) -> Parameter:
            return self.add_weight(
                name, shape, initializer, True, option[f"{part}_regularizer"], option[f"{part}_constraint"]
            )

        self.kernel = add("kernel", "kernel", (I, 4 * H), option["kernel_initializer"])
        self.recurrent_kernel = add("recurrent", "recurrent_kernel", (H, 4 * H), option["recurrent_initializer"])
        self.bias = add("bias", "bias", (4 * H,), self._first_bias) if self.use_bias else None

    def _first_bias(self, shape: tuple[int, ...], dtype: Any) -> Array:
        b = np.array(self.options["bias_initializer"](shape, dtype))
        if self.unit_forget_bias:
            b[self.units : 2 * self.units] = 1
        return b

    def packed(self) -> Any:
        """The weights as the kernels read them, for inference: a new object after each change, never one repacked."""
        version = (self.kernel.store or self.own_store()).version
        if self._packed[0] != version:
            I, H = self.kernel.shape[0], self.units
            weights = _core.Weights("lstm", I, H, self.dtype)
            weights.pack(self.kernel.array, self.recurrent_kernel.array, self.bias.array if self.bias else None)
            self._packed = (version, weights)
        return self._packed[1]

    # shapes and plans

    def output_shapes(self, *shapes: Shape) -> list[Shape]:
        x = shapes[0]
        if len(x) != 3:
            fix = "; add the features axis with x[..., None]" if len(x) == 2 else ""
            raise ValueError(f"{self.label}: expected inputs of shape (batch, time steps, features), got {x}{fix}")
        if self.built and x[2] != self.kernel.shape[0]:
            raise ValueError(f"{self.label}: expected {self.kernel.shape[0]} features, got inputs of shape {x}")
        if len(shapes) == 2:
            raise ValueError(f"{self.label}: expected initial_state as two arrays [h, c], got one")
        for name, state in zip("hc", shapes[1:], strict=False):
            if len(state) != 2 or state[1] != self.units or (None not in (state[0], x[0]) and state[0] != x[0]):
                raise ValueError(
                    f"{self.label}: expected initial state {name} of shape {(x[0], self.units)}, got {tuple(state)}"
                )
        if self.stateful and x[0] is None:
            raise ValueError(f"{self.label}: stateful=True needs a fixed batch size; use Input(batch_shape=(B, T, I))")
        last = (x[0], self.units)
        y: Shape = (x[0], x[1], self.units) if self.return_sequences else last
        return [y, last, last] if self.return_state else [y]

    def add_ops(self, plan: Plan, inputs: list[Value], **arguments: Any) -> list[Value]:
        op = LSTMOp(self, plan, inputs)
        plan.add(op)
        return list(op.outputs)

    # state

    def state_of(self, B: int) -> list[Array]:
        """The states of a stateful layer for B rows, zeros at first."""
        if self.states is None:
            self.states = [np.zeros((B, self.units), self.dtype) for _ in "hc"]
        if len(self.states[0]) != B:
            raise ValueError(
                f"{self.label}: stateful with batches of {len(self.states[0])}, got {B} rows; call reset_states() first"
            )
        return self.states

    def reset_states(self) -> None:
        """Start the next batch of a stateful layer from zeros."""
        self.states = None

    reset_state = reset_states

    # calls

    def __call__(self, inputs: Any, initial_state: Any = None, *, mask: Any = None, training: bool = False) -> Any:
        if type(inputs) is np.ndarray and initial_state is None and mask is None:
            fast = self._local.last
            if fast is not None and inputs.shape == fast.shape and inputs.dtype is fast.dtype:
                flags = inputs.flags
                if flags.c_contiguous and flags.aligned:
                    return fast(inputs)
        if mask is not None:
            raise ValueError(f"{self.label}: mask= is not supported yet")
        parts = list(inputs) if isinstance(inputs, list | tuple) and is_symbolic(inputs) else [inputs]
        if initial_state is not None:
            parts += initial_state if isinstance(initial_state, list | tuple) else [initial_state]
        if isinstance(parts[0], Tensor):
            return self.connect(parts)
        result = self.compute(parts, bool(training))
        x = parts[0]
        if len(parts) == 1 and not (self.stateful or self.return_state or self.go_backwards) and type(x) is np.ndarray:
            self._local.last = FastCall(self, x) if x.dtype is self.dtype else None
        return result

    def get_config(self) -> dict[str, Any]:
        settings = {
            "units": self.units,
            "activation": self.activation,
            "recurrent_activation": self.recurrent_activation,
        }
        settings |= {n: getattr(self, n) for n in ("use_bias", "unit_forget_bias", "return_sequences", "return_state")}
        settings |= {"go_backwards": self.go_backwards, "stateful": self.stateful}
        for kind, module in _WITH.items():
            settings |= {f"{part}_{kind}": module.serialize(self.options[f"{part}_{kind}"]) for part in _PARTS}
        return {**super().get_config(), **settings}


class FastCall:
    """A repeated call on arrays of one shape: allocates its result, nothing else."""

    __slots__ = ("c", "dtype", "h", "layer", "run", "sequences", "shape", "size")

    def __init__(self, layer: LSTM, x: Array) -> None:
        B, T, _ = self.shape = x.shape
        self.layer, self.dtype, self.sequences = layer, x.dtype, layer.return_sequences
        self.size = (B, T, layer.units) if self.sequences else (B, layer.units)
        self.h = np.empty((B, layer.units), x.dtype)
        self.c = np.empty_like(self.h)
        self.run = _core.Sequence(layer.packed(), B, T).forward

    def __call__(self, x: Array) -> Array:
        out = _core.empty(self.size, self.dtype)
        if self.sequences:
            self.run(x, None, None, out, self.h, self.c, self.layer.packed())
        else:
            self.run(x, None, None, None, out, self.c, self.layer.packed())
        return out
