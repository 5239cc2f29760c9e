"""The table that `model.summary()` prints, as Keras prints it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lstm_fast.models.model import Model


def size(nbytes: float) -> str:
    """10804 -> '10.55 KB'."""
    for unit in ("B", "KB", "MB", "GB"):
        if nbytes < 1024 or unit == "GB":
            break
        nbytes /= 1024
    return f"{nbytes:.2f} {unit}"


def lines(model: Model) -> list[str]:
    """The table, line by line."""
    graph = model._graph
    sequential = type(model).__name__ == "Sequential"
    rows = [["Layer (type)", "Output Shape", "Param #"] + ([] if sequential else ["Connected to"])]
    for layer in model.layers:
        node = next((n for n in (graph.nodes if graph else ()) if n.layer is layer), None)
        node = node or (layer.nodes[0] if graph and layer.nodes else None)
        shapes = [str(t.shape) for t in node.outputs] if node else ["?"]
        shape = shapes[0] if len(shapes) == 1 else f"[{', '.join(shapes)}]"
        count = f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
        row = [f"{layer.name} ({type(layer).__name__})", shape, count]
        if not sequential:
            row.append(
                ", ".join(f"{t.node.layer.name}[{t.index}]" for t in node.inputs) if node and node.inputs else "-"
            )
        rows.append(row)
    widths = [max(len(r[k]) for r in rows) + 2 for k in range(len(rows[0]))]
    widths[0], widths[1] = max(widths[0], 31), max(widths[1], 24)
    widths[2] = max(widths[2], 15)

    def rule(left: str, middle: str, right: str, dash: str) -> str:
        return left + middle.join(dash * w for w in widths) + right

    def text(row: list[str], bar: str) -> str:
        cells = [
            f" {c:>{w - 2}} " if k == 2 else f" {c:<{w - 2}} " for k, (c, w) in enumerate(zip(row, widths, strict=True))
        ]
        return bar + bar.join(cells) + bar

    out = [f'Model: "{model.name}"', rule("┏", "┳", "┓", "━"), text(rows[0], "┃"), rule("┡", "╇", "┩", "━")]
    for k, row in enumerate(rows[1:]):
        if k:
            out.append(rule("├", "┼", "┤", "─"))
        out.append(text(row, "│"))
    out.append(rule("└", "┴", "┘", "─"))
    item = model.dtype.itemsize
    trained = sum(p.array.size for p in model.trainable_weights)
    total = model.count_params()
    out += [
        f" {name}: {n:,} ({size(n * item)})"
        for name, n in (
            ("Total params", total),
            ("Trainable params", trained),
            ("Non-trainable params", total - trained),
        )
    ]
    return out


def show(model: Model, line_length: Any = None, print_fn: Callable[[str], Any] | None = None) -> None:
    """Print the table, or hand it to print_fn line by line."""
    for line in lines(model):
        (print_fn or print)(line)
