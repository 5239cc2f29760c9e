"""RNN: a cell, or a stack of them, over sequences; the base of LSTM, GRU and SimpleRNN."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np

from lstm_fast import _check, _core
from lstm_fast.layers.base import REGISTRY, Layer
from lstm_fast.layers.cells import UNNAMED, Cell
from lstm_fast.layers.recurrent_op import RecurrentOp
from lstm_fast.layers.run import Run, pair
from lstm_fast.layers.stacked_cells import StackedRNNCells
from lstm_fast.layers.symbolic import Shape, is_symbolic
from lstm_fast.training.parameters import Array
from lstm_fast.training.plan import Plan, Value

SEQUENCE = ("return_sequences", "return_state", "go_backwards", "stateful", "zero_output_for_mask")
HINTS = ("unroll", "use_cudnn", "implementation", "time_major")  # speed hints of Keras: no meaning here


class RNN(Layer):
    """A cell over sequences: inputs (B,T,I) -> the last output (B,H), or all (B,T,H) with `return_sequences`.

    Called as `layer(x, initial_state=[...], mask=mask)`; weights as `get_weights` orders them are those of the cells.

    Args:
        cell: LSTMCell, GRUCell or SimpleRNNCell; a list of them, or StackedRNNCells, runs each on the output of the one
            before.
        return_sequences: the outputs of all steps instead of the last.
        return_state: also return the last states, each (B,H); of stacked cells one list per cell.
        go_backwards: read the sequence from its end; the outputs are in the order of reading.
        stateful: row k of a batch starts with the last state of row k of the batch before.
        unroll: without meaning here.
        zero_output_for_mask: outputs of masked steps are zero; otherwise they repeat the output before them (zeros
            where there is none, whatever the initial state).
        checkpoint_every: k: while training only the state of every k-th step is kept, and backward computes the rest
            again: memory falls about k-fold, a step takes about a third longer, no bit changes. None: all is kept.

    A step that `mask` (B,T) marks False leaves the state as it is.

    Raises:
        TypeError: a cell of another kind.
        ValueError: inputs that are not (B,T,I), another I than at the first call.

    Example:
        >>> import numpy as np
        >>> from lstm_fast.layers import LSTMCell
        >>> RNN([LSTMCell(3), LSTMCell(6)])(np.ones((2, 5, 4), np.float32)).shape
        (2, 6)
    """

    inputs_max: ClassVar[int | None] = None

    return_sequences: bool
    return_state: bool
    go_backwards: bool
    stateful: bool
    zero_output_for_mask: bool
    cell: Any

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        *,
        checkpoint_every: int | None = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(cell, list | tuple):
            cell = StackedRNNCells(cell)
        if not isinstance(cell, Cell | StackedRNNCells):
            raise TypeError(f"RNN: expected LSTMCell, GRUCell, SimpleRNNCell or a list of them, got "
                            f"{type(cell).__name__}; cells of one's own are not supported")  # fmt: skip
        self._start(locals(), {"dtype": cell.dtype, **kwargs})
        self.cell = cell

    def _start(self, given: dict[str, Any], kwargs: dict[str, Any]) -> None:
        """What the constructors of all recurrent layers do; `given` are their local names."""
        for hint in HINTS:
            kwargs.pop(hint, None)
        kwargs.setdefault("zero_output_for_mask", given.get("zero_output_for_mask", False))
        given = {**given, "zero_output_for_mask": kwargs.pop("zero_output_for_mask")}
        super().__init__(**{"activity_regularizer": given.get("activity_regularizer"), **kwargs})
        for name in SEQUENCE:
            setattr(self, name, bool(given[name]))
        every = given["checkpoint_every"]
        self.checkpoint_every = None if every is None else _check.checkpoint_every(self.label, every)
        self.states: list[Array] | None = None  # (B,H) each, of the last batch, when stateful

    def __getattr__(self, name: str) -> Any:
        """Arguments and weights of the one cell."""
        cell = self.__dict__.get("cell")
        if not isinstance(cell, Cell) or name.startswith("_"):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return getattr(cell, name)

    def _shape_of_dim(self, batch: int | None, length: int | None, dim: int) -> Shape:
        return (batch, length, dim)

    @property
    def cells(self) -> list[Cell]:
        """The cells from the first to the last; each reads what the one before gives."""
        return [self.cell] if isinstance(self.cell, Cell) else list(self.cell.cells)

    @property
    def state_size(self) -> Any:
        return self.cell.state_size

    def inner_layers(self) -> list[Layer]:
        return [self.cell]

    def build(self, *shapes: Shape) -> None:
        self.cell.ensure_built([(shapes[0][0], shapes[0][-1])])

    # shapes and plans

    def output_shapes(self, *shapes: Shape) -> list[Shape]:
        x = shapes[0]
        if len(x) != 3:
            fix = "; add the features axis with x[..., None], or return_sequences=True to the recurrent layer before"
            fix = fix if len(x) == 2 else ""
            raise ValueError(f"{self.label}: expected inputs of shape (batch, time steps, features), got {x}{fix}")
        cells = self.cells
        cells[0].check_features(x)
        if len(shapes) > 1:
            self._check_initial(x[0], shapes[1:])
        if self.stateful and x[0] is None:
            raise ValueError(f"{self.label}: stateful=True needs a fixed batch size; use Input(batch_shape=(B, T, I))")
        H = cells[-1].output_size
        y: Shape = (x[0], x[1], H) if self.return_sequences else (x[0], H)
        states: list[Shape] = [(x[0], n) for cell in cells for n in cell.state_sizes]
        return [y, *states] if self.return_state else [y]

    def _check_initial(self, B: int | None, states: Sequence[Shape]) -> None:
        names = [name for cell in self.cells for name in cell.state_names]
        if len(states) != len(names):
            wanted = {1: "one array [h]", 2: "two arrays [h, c]"}.get(len(names), f"{len(names)} arrays")
            got = {1: "one"}.get(len(states), str(len(states)))
            raise ValueError(f"{self.label}: expected initial_state as {wanted}, got {got}")
        for cell in self.cells:
            n = len(cell.state_names)
            cell.check_states(B, states[:n])
            states = states[n:]

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        first = mask[0] if isinstance(mask, list | tuple) else mask
        first = first if self.return_sequences else None
        return [first, *[None] * sum(len(c.state_names) for c in self.cells)] if self.return_state else first

    def runs(self, plan: Plan, x: Value, initial: Sequence[Value]) -> tuple[Value, Run, list[Value]]:
        """Adds all cells but the last to a plan: what the last one reads, its run, the last states of the others."""
        cells, states = self.cells, list(initial)
        before: list[Value] = []
        at = 0
        for k, cell in enumerate(cells):
            n = len(cell.state_names)
            memory = partial(self._memory, x.shape[0], slice(at, at + n)) if self.stateful and not initial else None
            run = Run(cell, plan, x, states[at : at + n], reverse=self.go_backwards,
                      zero_output=self.zero_output_for_mask, memory=memory,
                      checkpoint_every=self.checkpoint_every)  # fmt: skip
            at += n
            if k < len(cells) - 1:
                op = RecurrentOp(plan, x, run, sequences=True, states=True)
                plan.add(op)
                x, before = op.outputs[0], [*before, *op.outputs[1:]]
        return x, run, before

    def add_ops(self, plan: Plan, inputs: list[Value], **arguments: Any) -> list[Value]:
        if inputs[0].mask is not None and len(inputs[0].mask.shape) != 2:
            raise ValueError(f"{self.label}: expected a mask (batch, time steps), got {inputs[0].mask.shape}")
        x, run, before = self.runs(plan, inputs[0], inputs[1:])
        op = RecurrentOp(plan, x, run, self.return_sequences, self.return_state, flip=self.go_backwards)
        plan.add(op)
        return [op.outputs[0], *before, *op.outputs[1:]] if self.return_state else list(op.outputs)

    # state

    def _memory(self, B: int, part: slice) -> list[Array]:
        return self.state_of(B)[part]

    def state_of(self, B: int) -> list[Array]:
        """The states of a stateful layer for B rows, zeros at first."""
        if self.states is None:
            self.states = [a for cell in self.cells for a in cell.get_initial_state(B)]
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

    def __call__(self, inputs: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        parts = list(inputs) if isinstance(inputs, list | tuple) and is_symbolic(inputs) else [inputs]
        if initial_state is not None:
            parts += flat(initial_state)
        return self._nested(self.call_on(parts, mask, bool(training)))

    def _nested(self, result: Any) -> Any:
        """The outputs of stacked cells, with the states of each cell in a list of their own."""
        if not self.return_state or isinstance(self.cell, Cell):
            return result
        y, *states = result
        nested: list[Any] = [y]
        for cell in self.cells:
            n = len(cell.state_names)
            nested.append(states[0] if n == 1 else states[:n])
            states = states[n:]
        return nested

    def get_config(self) -> dict[str, Any]:
        inner = {"class_name": type(self.cell).__name__, "config": self.cell.get_config()}
        return {**super().get_config(), "cell": inner, **self.sequence_config()}

    def sequence_config(self) -> dict[str, Any]:
        """The arguments that are no cell's; of those beyond Keras the ones in use."""
        more = {} if self.checkpoint_every is None else {"checkpoint_every": self.checkpoint_every}
        return {**{name: getattr(self, name) for name in SEQUENCE}, **more}

    @classmethod
    def from_config(cls, settings: dict[str, Any]) -> Layer:
        inner = settings["cell"]
        return cls(**{**settings, "cell": REGISTRY[inner["class_name"]].from_config(inner["config"])})


class Recurrent(RNN):
    """Base of the layers that have their cell built in: its arguments and weights are those of the layer."""

    cell_class: ClassVar[type[Cell]]
    cell: Cell

    def __init__(self, given: dict[str, Any], kwargs: dict[str, Any]) -> None:
        self._start(given, kwargs)
        own = (*UNNAMED, *SEQUENCE, *HINTS, "activity_regularizer", "checkpoint_every")
        self.cell = self.cell_class(host=self, **{k: v for k, v in given.items() if k not in own})

    def inner_layers(self) -> list[Layer]:
        return []

    def build(self, *shapes: Shape) -> None:
        self.cell.build((shapes[0][0], shapes[0][-1]))

    def __call__(self, inputs: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        if type(inputs) is np.ndarray and initial_state is None and mask is None:
            fast = self._local.last
            if fast is not None and inputs.shape == fast.shape and inputs.dtype is fast.dtype and not training:
                flags = inputs.flags
                if flags.c_contiguous and flags.aligned:
                    return fast(inputs)
        result = super().__call__(inputs, initial_state, mask, training)
        if initial_state is None and mask is None and not (self.stateful or self.return_state or self.go_backwards):
            plain = type(inputs) is np.ndarray and inputs.dtype is self.dtype
            self._local.last = FastCall(self, inputs) if plain else None
        return result

    def get_config(self) -> dict[str, Any]:
        return {**Layer.get_config(self), **self.cell.arguments(), **self.sequence_config()}

    @classmethod
    def from_config(cls, settings: dict[str, Any]) -> Layer:
        return cls(**settings)


class FastCall:
    """A repeated call on arrays of one shape: allocates its result, nothing else."""

    __slots__ = ("c", "cell", "dtype", "h", "run", "sequences", "shape", "size")

    def __init__(self, layer: Recurrent, x: Array) -> None:
        B, T, _ = self.shape = x.shape
        self.cell, self.dtype, self.sequences = layer.cell, x.dtype, layer.return_sequences
        n = layer.cell.output_size
        self.size = (B, T, n) if self.sequences else (B, n)
        self.h, self.c = pair([np.empty((B, n), x.dtype) for n in layer.cell.state_sizes])
        self.run = _core.Sequence(layer.cell.packed(), B, T).forward

    def __call__(self, x: Array) -> Array:
        out = _core.empty(self.size, self.dtype)
        if self.sequences:
            self.run(x, None, None, out, self.h, self.c, self.cell.packed())
        else:
            self.run(x, None, None, None, out, self.c, self.cell.packed())
        return out


def flat(states: Any) -> list[Any]:
    """A state, or a list of states or lists of them, as one list."""
    if not isinstance(states, list | tuple):
        return [states]
    return [s for part in states for s in (part if isinstance(part, list | tuple) else [part])]
