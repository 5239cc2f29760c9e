"""The sweep as a picture: a column for each dimension, time per flop above, share of the machine's limit below."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lstm_fast.plots import AHEAD, INK, MUTED, TEST, _figure, _style

_NAMES = {"H": "hidden units H", "B": "batch B", "I": "input features I", "T": "time steps T"}
_DPI = 100


def draw_sweep(results: Sequence[dict[str, Any]], file: Path) -> Path:
    """Write a PNG of the judged points of one mode (`sweep.judged`); cliffs are ringed.

    Raises:
        ImportError: matplotlib is not installed.
    """
    dimensions = list(dict.fromkeys(p["dimension"] for p in results))
    bases = list(dict.fromkeys(tuple(p["base"]) for p in results))
    figure: Any = _figure(3.0 * len(dimensions) + 0.6, 5.4, layout="constrained")
    axes = figure.subplots(2, len(dimensions), sharex="col", sharey="row", squeeze=False)
    for column, name in enumerate(dimensions):
        above, below = axes[:, column]
        for base, colour in zip(bases, (TEST, AHEAD, INK, MUTED), strict=False):
            line = [p for p in results if p["dimension"] == name and tuple(p["base"]) == base]
            x = [p["value"] for p in line]
            label = "around (B,T,I,H) = ({},{},{},{})".format(*base)
            dots = {"color": colour, "lw": 1.3, "marker": "o", "ms": 3, "label": label}
            above.plot(x, [p["ps_per_flop"] for p in line], **dots)
            below.plot(x, [100 * p["share_of_limit"] for p in line], **dots)
            cliffs = [p for p in line if p["cliff"]]
            ring = {"marker": "o", "ms": 10, "mfc": "none", "mec": "#b91c1c", "ls": "", "label": "cliff"}
            above.plot([p["value"] for p in cliffs], [p["ps_per_flop"] for p in cliffs], **ring)
        for panel in (above, below):
            _style(panel)
            panel.set_xscale("log", base=2)
            panel.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        above.set_yscale("log")
        above.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        above.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "25" else "")
        above.tick_params(which="minor", colors=MUTED, labelsize=9)
        below.set_ylim(0, 105)
        below.set_xlabel(_NAMES[name], color=INK)
    axes[0, 0].set_ylabel("ps per useful flop", color=INK)
    axes[1, 0].set_ylabel("% of the machine's limit", color=INK)
    mode = f"{results[0]['mode']}, {results[0]['dtype']}"
    figure.suptitle(f"{mode}: one dimension at a time, the others as in the legend", x=0.01, ha="left", color=INK)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    named = dict(zip(labels, handles, strict=True))  # one entry for all cliffs
    figure.legend(named.values(), named, loc="outside lower left", ncols=3, frameon=False, labelcolor=INK)
    _write(figure, file)
    return file


def _write(figure: Any, file: Path) -> None:
    """A PNG of 64 colours: a third of the size. Pillow comes with matplotlib."""
    from PIL import Image

    whole = io.BytesIO()
    figure.savefig(whole, format="png", dpi=_DPI)
    Image.open(whole).convert("RGB").quantize(64).save(file, optimize=True)
