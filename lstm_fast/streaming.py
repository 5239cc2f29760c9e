"""Stream: layers and models that are fed step by step and keep their state in between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lstm_fast import _check, _core
from lstm_fast.layers.base import MAX_PLANS, Layer
from lstm_fast.layers.cells import Cell
from lstm_fast.layers.rnn import RNN
from lstm_fast.models import Model
from lstm_fast.training.data import as_array
from lstm_fast.training.parameters import Array
from lstm_fast.training.plan import Op, Plan, Value

__all__ = ["Stream"]

State = tuple[Array, ...]


class Stream:
    """Runs a recurrent layer or a model over sequences that arrive piece by piece.

    Shapes: `step` x (B,I) -> y (B,O), `run` x (B,T,I) -> y (B,T,O); with one stream also without the axis B. Chunks of
    any sizes give the bits of one call over the whole sequence. The weights are packed once: those of now, whatever
    happens to the layer later.

    Args:
        model: a recurrent layer (y are its h), or a model with one input and one output whose layers all work step by
            step: recurrent ones, Dense, Activation, Dropout (inactive), Embedding, ... A layer made to return its last
            step only returns every step here.
        batch: B, the number of parallel streams; `add_rows` and `drop_rows` change it.
        num_threads: at most so many threads; None: `get_num_threads()`.

    Raises:
        TypeError: neither a layer nor a model.
        ValueError: a layer that needs the whole sequence (Bidirectional, go_backwards, Flatten, ...); no weights yet.

    Used by one thread at a time. With `out=` a call of `step` or `run` allocates nothing that lasts; a layer's `step`
    on C-contiguous arrays of its dtype is the fastest.

    Example:
        >>> import numpy as np
        >>> from lstm_fast.layers import LSTM
        >>> layer = LSTM(3, input_shape=(None, 2), return_sequences=True)
        >>> stream, x = Stream(layer), np.ones((5, 2), np.float32)
        >>> pieces = np.concatenate([stream.run(x[:4]), stream.step(x[4])[None]])
        >>> bool((pieces == layer(x[None])[0]).all())
        True
    """

    def __init__(self, model: Layer, batch: int = 1, *, num_threads: int | None = None) -> None:
        if not isinstance(model, Layer):
            raise TypeError(f"Stream: expected a recurrent layer or a model, got {type(model).__name__}")
        if isinstance(batch, bool) or not isinstance(batch, int | np.integer) or batch < 0:
            raise ValueError(f"Stream: expected batch as an integer >= 0, got {batch!r}")
        self._threads = _check.num_threads("Stream", num_threads)
        self._graph = _Graph(model) if isinstance(model, Model) else None
        self.dtype = self._x_dtype = model.dtype
        if self._graph is not None:
            cells, self._features, self._x_dtype = self._graph.cells, self._graph.features, self._graph.x_dtype
        else:
            cells = streamed_cells(model)
            self._features = (cells[0].kernel.shape[0],)
        self._single = self._graph is None and len(cells) == 1
        self._cores = [self._core(cell, int(batch)) for cell in cells]
        if self._single:
            self.step = self._cores[0].step  # type: ignore[method-assign]
            self.run = self._cores[0].run  # type: ignore[method-assign]

    def _core(self, cell: Cell, B: int) -> Any:
        h, c, *_ = (*cell.get_initial_state(B), None)
        return _core.Stream(cell.packed(), h, c, self._convert if self._single else None, self._threads)

    # running

    def step(self, x: ArrayLike, out: Array | None = None) -> Array:
        """Advance all streams by one step: x (B,I) -> y (B,O); (I,) -> (O,) for one stream.

        Args:
            x: numbers of any dtype and layout; C-contiguous in the dtype of the layer it is not copied.
            out: receives y: shape and dtype of y, any strides.

        Returns:
            y, or `out`.

        Raises:
            ValueError: a wrong shape.
            TypeError: no numbers, or `out` of another dtype.
        """
        return self._convert(x, out, True)

    def run(self, x: ArrayLike, out: Array | None = None) -> Array:
        """Advance all streams by T steps: x (B,T,I) -> y (B,T,O); (T,I) -> (T,O) for one stream.

        Args, Returns, Raises: as `step`.
        """
        return self._convert(x, out, False)

    def _convert(self, x: Any, out: Any, step: bool) -> Array:
        """`step` or `run` on whatever was passed."""
        op = "Stream.step" if step else "Stream.run"
        a = as_array(op, "x", x, self._x_dtype)
        B, inner = self.batch, self._features
        axes = a.ndim - len(inner)  # in front of the features
        most = 1 if step else 2
        fits = axes in (most - 1, most) and a.shape[axes:] == inner and (axes == most or B == 1)
        if not fits or (axes == most and a.shape[0] != B):
            letters = "(B, I)" if step else "(B, T, I)"
            want = ", ".join(map(str, (B, *inner) if step else (B, "T", *inner)))
            fix = "; add_rows and drop_rows change the number of streams" if fits else ""
            raise ValueError(f"{op}: expected x of shape {letters} = ({want}), got {a.shape}{fix}")
        steps = 1 if step else a.shape[axes - 1]
        rows = a.reshape(B, steps, *inner)
        y: Array = rows
        if self._graph is None:
            for core in self._cores:
                y = core.run(y)
        else:
            y = self._graph.run(rows, self._cores)
        y = y.reshape(*a.shape[:axes], *y.shape[2:])
        if out is None:
            return y if self._graph is None else y.copy()
        target = _check.output(op, out, y.shape, y.dtype, (a,))
        np.copyto(target, y)
        return target

    # rows

    @property
    def batch(self) -> int:
        """The number of streams, B."""
        return len(self._cores[0].h)

    def reset(self, rows: Any = None) -> None:
        """Start streams anew from zeros.

        Args:
            rows: an index, a slice, a list of indices or B booleans; None: all.

        Raises:
            IndexError: a row that does not exist.
        """
        chosen = slice(None) if rows is None else self._rows("reset", rows)
        for core in self._cores:
            for a in _states(core):
                a[chosen] = 0

    def add_rows(self, n: int = 1) -> range:
        """Append n streams that start from zeros; returns their rows."""
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 0:
            raise ValueError(f"Stream.add_rows: expected n as an integer >= 0, got {n!r}")
        before = self.batch
        for core in self._cores:
            _bind(core, [np.concatenate([a, np.zeros((int(n), a.shape[1]), a.dtype)]) for a in _states(core)])
        return range(before, before + int(n))

    def drop_rows(self, rows: Any) -> None:
        """Remove streams; those after them move up.

        Args:
            rows: an index, a slice, a list of indices or B booleans.

        Raises:
            IndexError: a row that does not exist.
        """
        keep = np.ones(self.batch, bool)
        keep[self._rows("drop_rows", rows)] = False
        for core in self._cores:
            _bind(core, [a[keep] for a in _states(core)])

    def _rows(self, op: str, rows: Any) -> Any:
        chosen = rows if isinstance(rows, slice | int | np.integer) else np.asarray(rows)
        if isinstance(chosen, np.ndarray) and chosen.size == 0:
            chosen = chosen.astype(np.intp)
        try:
            np.empty(self.batch, bool)[chosen]
        except IndexError as error:
            raise IndexError(f"Stream.{op}: expected rows among {self.batch} streams, got {rows!r}: {error}") from None
        return chosen

    @property
    def state(self) -> Any:
        """Copies of the state: (h, c), each (B,H), or (h,) without c; of a model a list of such, in running order.

        Assigning what was read here goes on from there.
        """
        states = [tuple(a.copy() for a in _states(core)) for core in self._cores]
        return states[0] if self._single else states

    @state.setter
    def state(self, value: Any) -> None:
        states = [value] if self._single else list(value)
        if len(states) != len(self._cores):
            raise ValueError(f"Stream.state: expected the states of {len(self._cores)} layers, got {len(states)}")
        checked: list[tuple[Array, Array]] = []
        for core, parts in zip(self._cores, states, strict=True):
            kept = _states(core)
            if not isinstance(parts, Sequence) or len(parts) != len(kept):
                raise ValueError(f"Stream.state: expected ({', '.join('hc'[: len(kept)])}), got {type(parts).__name__}")
            for name, a, part in zip("hc", kept, parts, strict=False):
                new = as_array("Stream.state", name, part, self.dtype)
                if new.shape != a.shape:
                    raise ValueError(f"Stream.state: expected {name} of shape (B, H) = {a.shape}, got {new.shape}")
                checked.append((a, new))
        for a, new in checked:
            a[...] = new

    def __repr__(self) -> str:
        return f"<Stream of {self.batch}, {len(self._cores)} recurrent layers, {self.dtype}>"


def _states(core: Any) -> list[Array]:
    return [core.h] if core.c is None else [core.h, core.c]


def _bind(core: Any, states: list[Array]) -> None:
    core.bind(states[0], states[1] if len(states) == 2 else None)


def streamed_cells(layer: Layer) -> list[Cell]:
    """The cells, with weights, of a recurrent layer that can be fed step by step."""
    if not isinstance(layer, RNN):
        what = (
            "keeps no state; it needs a recurrent layer in a model" if layer.stepwise else "cannot be fed step by step"
        )
        raise ValueError(f"Stream: {layer.label} {what}")
    if layer.go_backwards:
        raise ValueError(f"Stream: {layer.label} has go_backwards=True, which needs the whole sequence")
    if not layer.built:
        if layer.first_shape is None:
            raise ValueError(
                f"Stream: {layer.label} has no weights yet; call it on data or give it an input_shape first"
            )
        layer.ensure_built([layer.first_shape])
    return layer.cells


class _Graph:
    """The layers of a model on streams: recurrent ones keep state, the others are copies with the weights of now."""

    def __init__(self, model: Model) -> None:
        graph = model.graph
        if len(graph.inputs) != 1 or len(graph.outputs) != 1:
            raise ValueError(
                f"Stream: expected a model with one input and one output, got {len(graph.inputs)} and "
                f"{len(graph.outputs)} in {model.label}"
            )
        self.graph, self.dtype = graph, model.dtype
        (self.x_dtype,) = model.input_types(1)
        shape = graph.inputs[0].shape
        if len(shape) < 2 or any(n is None for n in shape[2:]):
            raise ValueError(f"Stream: expected inputs of shape (batch, time steps, ...), got {shape} in {model.label}")
        self.features = tuple(n for n in shape[2:] if n is not None)
        self.cells: list[Cell] = []
        self.number: dict[int, slice] = {}  # id of a node -> which of the cells
        self.frozen: dict[int, Layer] = {}  # id of a layer -> its copy
        for node in graph.nodes:
            layer = node.layer
            if layer.stepwise:
                self.frozen[id(layer)] = layer.frozen([t.shape for t in node.inputs])
                continue
            cells = streamed_cells(layer)
            if len(node.inputs) != 1:
                raise ValueError(f"Stream: {layer.label} has an initial_state or a mask; set Stream.state instead")
            self.number[id(node)] = slice(len(self.cells), len(self.cells) + len(cells))
            self.cells += cells
        if not self.cells:
            raise ValueError(f"Stream: expected a recurrent layer in {model.label}, got none")
        self.plans: dict[tuple[int, int], Plan] = {}

    def run(self, x: Array, cores: list[Any]) -> Array:
        """x (B,T,...) -> y (B,T,O), which the next call overwrites."""
        key = x.shape[:2]
        plan = self.plans.get(key)
        if plan is None:
            if len(self.plans) >= MAX_PLANS:
                del self.plans[next(iter(self.plans))]
            plan = self.plans[key] = self.plan(x, cores)
        plan.inputs[0].array = x
        plan.forward()
        plan.inputs[0].array = None  # a plan keeps no data
        y: Array = plan.outputs[0].array
        return y

    def plan(self, x: Array, cores: list[Any]) -> Plan:
        plan = Plan(self.dtype, frozen=True)
        plan.inputs = [Value(x)]
        values = {id(self.graph.inputs[0]): plan.inputs[0]}
        for node in self.graph.nodes:
            inputs = [values[id(t)] for t in node.inputs]
            number = self.number.get(id(node))
            if number is None:
                outputs = self.frozen[id(node.layer)].add_ops(plan, inputs, **node.arguments)
            else:
                outputs = inputs[:1]
                for core in cores[number]:
                    y = plan.value((*x.shape[:2], core.h.shape[1]))
                    plan.add(_StreamOp(core, outputs[0], y))
                    outputs = [y]
            values.update((id(t), v) for t, v in zip(node.outputs, outputs, strict=False))
        try:
            plan.outputs = [values[id(self.graph.outputs[0])]]
        except KeyError:
            raise ValueError(
                "Stream: expected the output to be y, got a state of return_state; Stream.state has it"
            ) from None
        return plan


class _StreamOp(Op):
    """One recurrent layer of a model on its streams."""

    def __init__(self, core: Any, x: Value, y: Value) -> None:
        super().__init__([x], [y])
        self.run = core.run

    def forward(self) -> None:
        self.run(self.inputs[0].array, self.outputs[0].array)
