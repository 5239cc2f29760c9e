"""Bidirectional: a recurrent layer that reads its input in both directions."""

from __future__ import annotations

from typing import Any, ClassVar

from lstm_fast import regularizers
from lstm_fast.layers.base import REGISTRY, Layer
from lstm_fast.layers.recurrent_op import BidirectionalOp, RecurrentOp
from lstm_fast.layers.rnn import RNN, flat
from lstm_fast.layers.symbolic import Shape, is_symbolic
from lstm_fast.training.merging import ConcatenateOp, MultiplyOp, SumOp
from lstm_fast.training.plan import Op, Plan, Value

MERGES = ("concat", "sum", "mul", "ave", None)


class Bidirectional(Layer):
    """Two copies of `layer`, one reading (B,T,I) from its end: their outputs (B,T,H) or (B,H), merged.

    Called as `layer(x, initial_state=[h, c, h, c], mask=mask)`, the forward states first. Weights, as `get_weights`
    orders them: those of the forward layer, then those of the backward layer. Both stand at the same time steps; masked
    steps give zeros.

    Args:
        layer: LSTM, GRU, SimpleRNN or RNN; its configuration is copied, not its weights.
        merge_mode: 'concat' (2H features), 'sum', 'mul', 'ave', or None for two outputs.
        weights: what `set_weights` would be given once built.
        backward_layer: the backward layer itself, with go_backwards=True; None: as `layer`.

    Raises:
        TypeError: a layer that is not recurrent.
        ValueError: an unknown merge_mode, or two layers that do not fit together.

    Source:
        Schuster & Paliwal 1997.

    Example:
        >>> import numpy as np
        >>> from lstm_fast.layers import LSTM
        >>> Bidirectional(LSTM(3, return_sequences=True))(np.ones((2, 5, 4), np.float32)).shape
        (2, 5, 6)
    """

    inputs_max: ClassVar[int | None] = None

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ) -> None:
        for one in (layer, backward_layer) if backward_layer is not None else (layer,):
            if not isinstance(one, RNN):
                raise TypeError(f"Bidirectional: expected LSTM, GRU, SimpleRNN or RNN, got {type(one).__name__}")
        if "batch_input_shape" not in kwargs and layer.first_shape is not None:
            kwargs.setdefault("batch_shape", layer.first_shape)
        super().__init__(**{"dtype": layer.dtype, **kwargs})
        if merge_mode not in MERGES:
            raise ValueError(f"{self.label}: expected merge_mode in {list(MERGES)}, got {merge_mode!r}")
        self.merge_mode, self._start_weights = merge_mode, weights
        self.forward_layer = _twin(layer, "forward_", layer.go_backwards)
        mirrored = _twin(layer, "backward_", not layer.go_backwards) if backward_layer is None else backward_layer
        self.backward_layer: RNN = mirrored
        self._check_pair()
        for one, prefix in ((self.forward_layer, "forward_"), (self.backward_layer, "backward_")):
            one.zero_output_for_mask = one.return_sequences
            one.name_prefix = prefix if one.name.startswith(prefix) else ""
        self.return_sequences, self.return_state = layer.return_sequences, layer.return_state
        self.stateful = layer.stateful

    def _check_pair(self) -> None:
        first, second = self.forward_layer, self.backward_layer
        if first.go_backwards == second.go_backwards:
            both = first.go_backwards
            raise ValueError(f"{self.label}: expected go_backwards=True in one layer only, got {both} in both")
        for name in ("stateful", "return_sequences", "return_state"):
            a, b = getattr(first, name), getattr(second, name)
            if a != b:
                raise ValueError(f"{self.label}: expected the same {name} in both layers, got {a} and {b}")
        a, b = first.cells[-1].output_size, second.cells[-1].output_size
        if self.merge_mode in ("sum", "mul", "ave") and a != b:
            raise ValueError(f"{self.label}: merge_mode={self.merge_mode!r} needs equal units, got {a} and {b}")

    def _shape_of_dim(self, batch: int | None, length: int | None, dim: int) -> Shape:
        return (batch, length, dim)

    def inner_layers(self) -> list[Layer]:
        return [self.forward_layer, self.backward_layer]

    def build(self, *shapes: Shape) -> None:
        for layer in (self.forward_layer, self.backward_layer):
            layer.ensure_built(shapes[:1])
        if self._start_weights is not None:
            self.set_weights(self._start_weights)

    # shapes and plans

    def output_shapes(self, *shapes: Shape) -> list[Shape]:
        x, states = shapes[0], shapes[1:]
        if len(states) % 2:
            raise ValueError(f"{self.label}: expected initial_state for both directions, got {len(states)} arrays")
        half = len(states) // 2
        first = self.forward_layer.output_shapes(x, *states[:half])
        second = self.backward_layer.output_shapes(x, *states[half:])
        outputs = [first[0], second[0]]
        if self.merge_mode == "concat":
            outputs = [(*first[0][:-1], (first[0][-1] or 0) + (second[0][-1] or 0))]
        elif self.merge_mode is not None:
            outputs = [first[0]]
        return [*outputs, *first[1:], *second[1:]]

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        mask = mask[0] if isinstance(mask, list | tuple) else mask
        mask = mask if self.return_sequences else None
        return (mask, mask) if self.merge_mode is None else mask

    def add_ops(self, plan: Plan, inputs: list[Value], **arguments: Any) -> list[Value]:
        x, states = inputs[0], inputs[1:]
        half = len(states) // 2
        first, second = self.forward_layer, self.backward_layer
        read, run, before = first.runs(plan, x, states[:half])
        other_read, other, other_before = second.runs(plan, x, states[half:])
        options = self.return_sequences, self.return_state, first.go_backwards
        penalties = [regularizers.serialize(layer.activity_regularizer) for layer in (first, second)]
        parts: list[tuple[RNN, RecurrentOp | BidirectionalOp, int]]  # a layer, an operation, its outputs without states
        if read is other_read and penalties[0] == penalties[1]:
            pair = BidirectionalOp(plan, x, (run, other), *options, concat=self.merge_mode == "concat")
            parts = [(first, pair, pair.count)]
        else:
            parts = [(first, RecurrentOp(plan, read, run, *options), 1),
                     (second, RecurrentOp(plan, other_read, other, *options), 1)]  # fmt: skip
        outputs: list[Value] = []
        after: list[Value] = []
        for layer, op, count in parts:
            plan.add(op)
            made = layer.regularised(plan, list(op.outputs))
            outputs += made[:count]
            after += made[count:]
        n = len(run.last)
        after = [*before, *after[:n], *other_before, *after[n:]] if self.return_state else []
        return [*self._merged(plan, outputs), *after]

    def _merged(self, plan: Plan, outputs: list[Value]) -> list[Value]:
        if len(outputs) == 1 or self.merge_mode is None:
            return outputs
        mask = outputs[0].mask
        scale = 0.5 if self.merge_mode == "ave" else 1.0
        op: Op
        if self.merge_mode == "concat":
            op = ConcatenateOp(plan, outputs, -1, mask)
        elif self.merge_mode == "mul":
            op = MultiplyOp(plan, outputs, mask)
        else:
            op = SumOp(plan, outputs, [scale, scale], mask)
        plan.add(op)
        return list(op.outputs)

    # state and calls

    @property
    def states(self) -> Any:
        first, second = self.forward_layer.states, self.backward_layer.states
        return None if first is None or second is None else [*first, *second]

    def reset_states(self) -> None:
        """Start the next batch of a stateful layer from zeros."""
        for layer in (self.forward_layer, self.backward_layer):
            layer.reset_states()

    reset_state = reset_states

    def __call__(self, inputs: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        parts = list(inputs) if isinstance(inputs, list | tuple) and is_symbolic(inputs) else [inputs]
        if initial_state is not None:
            parts += flat(initial_state)
        return self.call_on(parts, mask, bool(training))

    def get_config(self) -> dict[str, Any]:
        both = {
            name: {"class_name": type(layer).__name__, "config": layer.get_config()}
            for name, layer in (("layer", self.forward_layer), ("backward_layer", self.backward_layer))
        }
        return {**super().get_config(), "merge_mode": self.merge_mode, **both}

    @classmethod
    def from_config(cls, settings: dict[str, Any]) -> Layer:
        both = {
            name: REGISTRY[settings[name]["class_name"]].from_config(settings[name]["config"])
            for name in ("layer", "backward_layer")
        }
        return cls(**{**settings, **both})


def _twin(layer: RNN, prefix: str, go_backwards: bool) -> RNN:
    """A layer of the same configuration, with weights of its own."""
    settings = {**layer.get_config(), "go_backwards": go_backwards}
    made = type(layer).from_config({**settings, "name": prefix + layer.name.removeprefix(prefix)})
    made.auto_named = layer.auto_named
    assert isinstance(made, RNN)
    return made
