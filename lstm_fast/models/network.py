"""Network: a graph of layers with its own place among the layers, and prediction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lstm_fast.layers.base import Layer
from lstm_fast.layers.calls import MAX_PLANS
from lstm_fast.layers.symbolic import Shape, Tensor, is_symbolic
from lstm_fast.models.graph import Graph
from lstm_fast.training.data import as_array, as_list, fit_shape, same_length, whole_number
from lstm_fast.training.parameters import Array, Dtype, Store
from lstm_fast.training.plan import Plan, Value
from lstm_fast.training.streams import Stream, is_stream

CHUNK_BYTES = 1 << 24  # memory of the arrays of one plan of predict, when no batch_size is given
LEAST_ROWS = 32


class Network(Layer):
    """What models have in common before they learn: a graph, its layers, predictions. `Model` says how one is made."""

    _graph: Graph | None = None
    _store: Store | None = None

    @property
    def graph(self) -> Graph:
        if self._graph is None:
            raise ValueError(f"{self.label}: has no shapes yet; give its first layer an input_shape, start with Input, "
                             "or call build(input_shape)")  # fmt: skip
        return self._graph

    # structure

    @property
    def layers(self) -> list[Layer]:
        return [] if self._graph is None else list(self._graph.layers)

    def inner_layers(self) -> list[Layer]:
        return self.layers

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of that name, or at that place."""
        if (name is None) == (index is None):
            raise ValueError("get_layer: expected either name or index")
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(f"get_layer: expected an index below {len(self.layers)}, got {index}")
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(f"get_layer: no layer {name!r} in {self.label}; it has {[v.name for v in self.layers]}")

    @property
    def inputs(self) -> list[Tensor]:
        return self.graph.inputs

    @property
    def outputs(self) -> list[Tensor]:
        return self.graph.outputs

    @property
    def input(self) -> Any:
        return self.inputs[0] if len(self.inputs) == 1 else self.inputs

    @property
    def output(self) -> Any:
        return self.outputs[0] if len(self.outputs) == 1 else self.outputs

    @property
    def input_shape(self) -> Any:
        return self.inputs[0].shape if len(self.inputs) == 1 else [t.shape for t in self.inputs]

    @property
    def output_shape(self) -> Any:
        return self.outputs[0].shape if len(self.outputs) == 1 else [t.shape for t in self.outputs]

    @property
    def input_names(self) -> list[str]:
        return [t.name for t in self.inputs]

    @property
    def output_names(self) -> list[str]:
        return [t.node.layer.name for t in self.outputs]

    @property
    def stateful(self) -> bool:
        return any(getattr(layer, "stateful", False) for layer in self.layers)

    def reset_states(self) -> None:
        """Start the next batch of all stateful layers from zeros."""
        for layer in self.layers:
            if getattr(layer, "stateful", False):
                layer.reset_states()  # type: ignore[attr-defined]

    # as a layer

    def output_shapes(self, *shapes: Shape) -> list[Shape]:
        for t, shape in zip(self.inputs, shapes, strict=True):
            if len(shape) != len(t.shape) or any(
                a is not None and b is not None and a != b for a, b in zip(t.shape[1:], shape[1:], strict=True)
            ):
                raise ValueError(f"{self.label}: expected inputs of shape {t.shape}, got {tuple(shape)}")
        return self.graph.shapes(shapes)[0]

    def check_count(self, count: int) -> None:
        if count != len(self.inputs):
            raise ValueError(f"{self.label}: expected {len(self.inputs)} inputs, got {count}")

    def input_types(self, count: int) -> list[Dtype]:
        return [self.dtype if t.dtype.startswith("float") else np.dtype(t.dtype) for t in self.inputs]

    def add_ops(self, plan: Plan, inputs: list[Value], **arguments: Any) -> list[Value]:
        return self.graph.run(plan, inputs)

    def __call__(self, inputs: Any, *, training: bool = False, mask: Any = None) -> Any:
        if not training and mask is None and not is_symbolic(inputs):
            return self.predict(inputs)
        if is_symbolic(inputs) or mask is not None:
            return super().__call__(inputs, training=training, mask=mask)
        return self.compute(self.inputs_for(self.label, inputs), True)

    # prediction

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The outputs for all rows of x.

        Args:
            x: array (N,...), or a list or dict of them for several inputs; or batches, as in `fit`, y unused.
            batch_size: rows computed at once; it changes memory, never the numbers. None: chosen by size.
            verbose: 1 shows a progress bar on long work; 'auto' and 0 are silent.

        Returns:
            Array (N,...), or a list of them for several outputs.

        Raises:
            ValueError: a shape that does not fit the model.
        """
        if type(x) is np.ndarray and (batch_size is None or (type(batch_size) is int and len(x) <= batch_size)):
            plan = self._local.plans.get(x.shape)
            if plan is not None and x.dtype.kind in "fiub":
                flags = x.flags
                if x.dtype is not self.dtype or not flags.c_contiguous or not flags.aligned:
                    x = np.array(x, self.dtype, order="C")
                start = plan.inputs[0]
                start.array = x
                for call in plan.forwards:
                    call()
                start.array = None  # a plan keeps no data
                return plan.outputs[0].array.copy()
        return self._predict(x, batch_size, verbose, steps)

    def predict_on_batch(self, x: Any) -> Any:
        """`predict` of one batch."""
        return self.predict(x)

    def _predict(self, x: Any, batch_size: int | None, verbose: Any, steps: int | None = None) -> Any:
        if is_stream(x):
            stream = Stream("predict", x, steps)
            parts = [self.infer(self.inputs_for("predict", batch[0])) for batch in stream.batches()]
            if not parts:
                raise ValueError(f"predict: the {type(x).__name__} had no batch")
            return self._results([np.concatenate(one) for one in zip(*parts, strict=True)])
        arrays = self.inputs_for("predict", x)
        n = len(arrays[0])
        chunk = self.chunk_rows("predict", arrays, batch_size)
        if n <= chunk:
            return self._results(self.infer(arrays))
        results: list[Array] = []
        starts: Any = range(0, n, chunk)
        if verbose in (1, True):
            from tqdm import tqdm

            starts = tqdm(starts, desc="predict", unit="batch", delay=0.5)
        for at in starts:
            outputs = self.infer([a[at : at + chunk] for a in arrays])
            if not results:
                results = [np.empty((n, *part.shape[1:]), part.dtype) for part in outputs]
            for result, part in zip(results, outputs, strict=True):
                result[at : at + chunk] = part
        return self._results(results)

    def _results(self, arrays: list[Array]) -> Any:
        return arrays[0] if len(arrays) == 1 else arrays

    def inputs_for(self, op: str, x: Any) -> list[Array]:
        """What was passed as x: checked, converted, all of one length."""
        self.build_for(x)
        parts = as_list(x, len(self.inputs), self.input_names, op, "x")
        arrays = []
        for part, t, number in zip(parts, self.inputs, self.input_types(len(parts)), strict=True):
            name = "x" if len(parts) == 1 else f'x["{t.name}"]'
            a = fit_shape(op, name, as_array(op, name, part, number), t.shape)
            if t.shape[0] is not None and self.stateful and len(a) % t.shape[0]:
                raise ValueError(
                    f"{op}: expected a multiple of {t.shape[0]} rows (the model's batch size), got {len(a)}"
                )
            arrays.append(np.ascontiguousarray(a))
        same_length(op, {"x": arrays}, 0 if op == "predict" else 1)
        return arrays

    def build_for(self, x: Any) -> None:
        """Fixes shapes from the first data; a graph has them already."""
        _ = self.graph

    def chunk_rows(self, op: str, arrays: Sequence[Array], batch_size: int | None) -> int:
        """Rows to compute at once."""
        fixed = self.inputs[0].shape[0]
        if fixed is not None and self.stateful:
            return fixed
        if batch_size is not None:
            return whole_number("batch_size", batch_size, 1, op)
        n = len(arrays[0])
        if n <= LEAST_ROWS:
            return max(1, n)
        _, numbers = self.graph.shapes([(1, *a.shape[1:]) for a in arrays])
        rows = CHUNK_BYTES // max(1, numbers * self.dtype.itemsize)
        return int(min(1024, max(LEAST_ROWS, rows // LEAST_ROWS * LEAST_ROWS)))

    def infer(self, arrays: Sequence[Array]) -> list[Array]:
        """The outputs for arrays that were checked, through the plan of this thread for their shapes."""
        shapes = tuple(a.shape for a in arrays)
        single = len(arrays) == 1 and len(self.outputs) == 1 and arrays[0].dtype is self.dtype
        key: Any = shapes[0] if single else ("predict", *shapes)
        plans = self._local.plans
        plan: Plan | None = plans.get(key)
        if plan is None:
            plan = Plan(self.dtype)
            plan.inputs = [Value(a) for a in arrays]
            plan.outputs = self.graph.run(plan, plan.inputs)
            if len(plans) >= MAX_PLANS:
                del plans[next(iter(plans))]
            plans[key] = plan
        for value, a in zip(plan.inputs, arrays, strict=True):
            value.array = a
        plan.forward()
        outputs = [v.array.copy() for v in plan.outputs]
        for value in plan.inputs:
            value.array = None  # a plan keeps no data
        return outputs

    # weights

    def flatten(self) -> Store:
        """The one buffer that all parameters of this model live in, formed anew where another model took some over."""
        parameters = self.weights
        if self._store is None or not self._store.holds(parameters):
            self._store = Store(parameters, self.dtype)
        return self._store
