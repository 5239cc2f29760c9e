"""The layers of a model as streams run them."""

from __future__ import annotations

from typing import Any

from lstm_fast.layers.base import Layer
from lstm_fast.layers.calls import MAX_PLANS
from lstm_fast.layers.cells import Cell
from lstm_fast.layers.rnn import RNN
from lstm_fast.models import Model
from lstm_fast.training.parameters import Array
from lstm_fast.training.plan import Op, Plan, Value


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


class StreamedGraph:
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
