"""Stream: layers and models that are fed step by step and keep their state in between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lstm_fast import _check, _core
from lstm_fast.layers.base import Layer
from lstm_fast.layers.cells import Cell
from lstm_fast.models import Model
from lstm_fast.streaming.graph import StreamedGraph, streamed_cells
from lstm_fast.training.data import as_array
from lstm_fast.training.parameters import Array

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
        self._graph = StreamedGraph(model) if isinstance(model, Model) else None
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
