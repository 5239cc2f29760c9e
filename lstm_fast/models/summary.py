"""The table that `model.summary()` prints, as Keras prints it."""

from __future__ import annotations

import itertools
import shutil
import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lstm_fast.layers.base import Layer
    from lstm_fast.layers.symbolic import Node
    from lstm_fast.models.model import Model

CHAIN, BRANCHED = (0.45, 0.80, 1.0), (0.3, 0.56, 0.74, 1.0)  # where columns end, as parts of a line
HEADER = ("Layer (type)", "Output Shape", "Param #", "Connected to")
NUMBER = 2  # the column that is aligned to the right


def size(nbytes: float) -> str:
    """10804 -> '10.55 KB'."""
    for unit in ("B", "KB", "MB", "GB"):
        if nbytes < 1024 or unit == "GB":
            break
        nbytes /= 1024
    return f"{nbytes:.2f} {unit}"


def wrapped(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width`, cut between words; a word that is longer ends in an ellipsis."""
    words = [w if len(w) <= width else w[: width - 1] + "…" for w in text.split(" ")]
    return textwrap.wrap(" ".join(words), width, break_on_hyphens=False) or [""]


def column_widths(length: int, ends: Sequence[float]) -> list[int]:
    """Characters between the bars of a table of `length`: the columns share what bars and blanks need."""
    cuts = [0, *(int(e * length) if e <= 1 else int(e) for e in ends)]
    widths = [b - a + 2 for a, b in itertools.pairwise(cuts)]
    excess = sum(widths) + len(widths) + 1 - length
    for k in range(len(widths)):
        part = round(excess / (len(widths) - k))
        widths[k] = max(4, widths[k] - part)
        excess -= part
    return widths


def is_chain(model: Model) -> bool:
    """Whether each layer follows the one before it, and none is used twice."""
    graph = model._graph
    if graph is None or type(model).__name__ == "Sequential":
        return True
    sources = [id(t.node) for n in graph.nodes for t in n.inputs]
    layers = [id(n.layer) for n in graph.nodes]
    single = len(graph.inputs) == 1 and all(len(n.inputs) == 1 for n in graph.nodes)
    return single and len(set(sources)) == len(sources) and len(set(layers)) == len(layers)


def fields(layer: Layer, nodes: Sequence[Node]) -> list[str]:
    """Name, shape, weights and inputs of a layer, as text."""
    own = [n for n in nodes if n.layer is layer] or layer.nodes[:1]
    shapes = [str(t.shape) for t in own[0].outputs] if own else ["?"]
    kind = "Functional" if type(layer).__name__ == "Model" else type(layer).__name__
    inputs = [f"{t.node.layer.name}[{t.node.layer.nodes.index(t.node)}][{t.index}]" for n in own for t in n.inputs]
    return [
        f"{layer.name} ({kind})",
        shapes[0] if len(shapes) == 1 else f"[{', '.join(shapes)}]",
        f"{layer.count_params():,}" if layer.built else "0 (unbuilt)",
        ", ".join(inputs) or "-",
    ]


def lines(model: Model, line_length: int | None = None, positions: Sequence[float] | None = None) -> list[str]:
    """The table, line by line."""
    chain = is_chain(model)
    length = line_length or min(88 if chain else 108, shutil.get_terminal_size().columns - 4)
    widths = column_widths(length, positions or (CHAIN if chain else BRANCHED))
    nodes = model._graph.nodes if model._graph else []

    def rule(left: str, middle: str, right: str, dash: str) -> str:
        return left + middle.join(dash * w for w in widths) + right

    def row(cells: Sequence[str], bar: str) -> list[str]:
        parts = [wrapped(c, w - 2) for c, w in zip(cells, widths, strict=False)]
        return [
            bar
            + bar.join(f" {text:{'>' if k == NUMBER else '<'}{widths[k] - 2}} " for k, text in enumerate(line))
            + bar
            for line in itertools.zip_longest(*parts, fillvalue="")
        ]

    out = [f'Model: "{model.name}"', rule("┏", "┳", "┓", "━"), *row(HEADER, "┃"), rule("┡", "╇", "┩", "━")]
    for k, layer in enumerate(model.layers):
        out += [rule("├", "┼", "┤", "─")] * bool(k) + row(fields(layer, nodes), "│")
    return [*out, rule("└", "┴", "┘", "─"), *totals(model)]


def totals(model: Model) -> list[str]:
    """The lines below the table; those of the optimizer once it holds numbers."""
    trained = sum(p.array.size for p in model.trainable_weights)
    fixed = model.count_params() - trained
    counts = {"Total": trained + fixed, "Trainable": trained, "Non-trainable": fixed}
    if model._compiled is not None and model.optimizer.store is not None:
        own = 2 + len(model.optimizer.slots_in_use()) * trained  # its counter and its rate are two of them
        counts["Total"] += own
        counts["Optimizer"] = own
    return [f" {name} params: {n:,} ({size(n * model.dtype.itemsize)})" for name, n in counts.items()]


def show(
    model: Model,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    print_fn: Callable[[str], Any] | None = None,
) -> None:
    """Print the table, or hand it to print_fn line by line."""
    for line in lines(model, line_length, positions):
        (print_fn or print)(line)
