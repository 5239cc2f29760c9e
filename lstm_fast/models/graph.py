"""Graph: the calls of layers between some symbolic inputs and outputs, in an order that can be run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lstm_fast.layers.base import REGISTRY, Layer
from lstm_fast.layers.input import InputLayer
from lstm_fast.layers.symbolic import Node, Shape, Tensor
from lstm_fast.training.plan import Plan, Value


class Graph:
    """Inputs, outputs, `nodes` in running order, and `layers` in Keras' order (which fixes the order of the weights).

    Raises:
        ValueError: an output depends on an Input that is not among the inputs; two layers have one name.
    """

    def __init__(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor], owner: str) -> None:
        self.inputs, self.outputs, self.owner = list(inputs), list(outputs), owner
        given = {id(t) for t in inputs}
        self.nodes: list[Node] = []
        visited: dict[int, int] = {}  # id of a layer -> when the walk from the outputs met it first
        done: set[int] = set()
        stack: list[tuple[Node, bool]] = [(t.node, False) for t in reversed(self.outputs) if id(t) not in given]
        while stack:  # depth first, without recursion: graphs may be deep
            node, leaving = stack.pop()
            if leaving:
                self.nodes.append(node)
                continue
            if id(node) in done:
                continue
            done.add(id(node))
            visited.setdefault(id(node.layer), len(visited))
            if not node.inputs:
                raise ValueError(
                    f'{owner}: the outputs depend on input "{node.layer.name}", which is not among the inputs given'
                )
            stack.append((node, True))
            for t in reversed(node.inputs):
                if id(t) in given:
                    visited.setdefault(id(t.node.layer), len(visited))
                else:
                    stack.append((t.node, False))
        self.layers = self._ordered_layers(visited)
        names = [layer.name for layer in self.layers]
        twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
        if twice is not None:
            raise ValueError(f"{owner}: two layers are named {twice!r}; give each a name of its own")

    def _ordered_layers(self, visited: dict[int, int]) -> list[Layer]:
        """By the longest way to an output, then by the walk: as Keras orders them."""
        depth: dict[int, int] = {}
        of_layer: dict[int, int] = {}
        found: dict[int, Layer] = {}
        for node in [*reversed(self.nodes), *(t.node for t in self.inputs)]:
            layer = node.layer
            found[id(layer)] = layer
            d = max(depth.get(id(node), 0), of_layer.get(id(layer), 0))
            depth[id(node)] = of_layer[id(layer)] = d
            for t in node.inputs:
                depth[id(t.node)] = max(depth.get(id(t.node), 0), d + 1)
        order = sorted(found, key=lambda key: (-of_layer[key], visited.get(key, 0)))
        return [
            found[key] for key in order if not (isinstance(found[key], InputLayer) and key not in self._input_layers())
        ]

    def _input_layers(self) -> set[int]:
        return {id(t.node.layer) for t in self.inputs}

    def run(self, plan: Plan, inputs: Sequence[Value]) -> list[Value]:
        """Adds the operations of all nodes to a plan."""
        values = {id(t): v for t, v in zip(self.inputs, inputs, strict=True)}
        for node in self.nodes:
            outputs = node.layer.add_masked_ops(plan, [values[id(t)] for t in node.inputs], **node.arguments)
            values.update((id(t), v) for t, v in zip(node.outputs, outputs, strict=True))
        return [values[id(t)] for t in self.outputs]

    def shapes(self, inputs: Sequence[Shape]) -> tuple[list[Shape], int]:
        """The shapes of the outputs for inputs of these shapes, and the numbers in all arrays on the way."""
        known = {id(t): s for t, s in zip(self.inputs, inputs, strict=True)}
        numbers = 0
        for node in self.nodes:
            shapes = node.layer.call_shapes([known[id(t)] for t in node.data_inputs], node.arguments)
            for t, shape in zip(node.outputs, shapes, strict=True):
                known[id(t)] = shape
                numbers += math.prod(n or 1 for n in shape)
        return [known[id(t)] for t in self.outputs], numbers

    def get_config(self) -> dict[str, Any]:
        """Layers by number, and calls as [layer, [[call, output], ...], arguments]; an Input has no inputs."""
        layers = list({id(n.layer): n.layer for n in [*(t.node for t in self.inputs), *self.nodes]}.values())
        number = {id(layer): k for k, layer in enumerate(layers)}
        calls = [*(t.node for t in self.inputs), *self.nodes]
        at = {id(node): k for k, node in enumerate(calls)}

        def places(tensors: Sequence[Tensor]) -> list[list[int]]:
            return [[at[id(t.node)], t.index] for t in tensors]

        return {
            "layers": [{"class_name": type(v).__name__, "config": v.get_config()} for v in layers],
            "calls": [[number[id(n.layer)], places(n.inputs), n.arguments] for n in calls],
            "inputs": places(self.inputs),
            "outputs": places(self.outputs),
        }


def tensors_from_config(settings: dict[str, Any]) -> tuple[list[Tensor], list[Tensor]]:
    """Inputs and outputs of the graph that `Graph.get_config` described, on new layers."""
    layers = [REGISTRY[v["class_name"]].from_config(v["config"]) for v in settings["layers"]]
    results: list[Sequence[Tensor]] = []
    for number, places, arguments in settings["calls"]:
        layer = layers[number]
        if isinstance(layer, InputLayer):
            results.append([layer.tensor])
        else:
            tensors = [results[node][index] for node, index in places]
            made = layer.connect_masked(tensors, **arguments)
            results.append([made] if isinstance(made, Tensor) else made)
    inputs, outputs = ([results[n][k] for n, k in settings[what]] for what in ("inputs", "outputs"))
    return inputs, outputs
