"""`lstm-fast bench --options`: what the options of a layer cost, beside PyTorch, as a markdown table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from . import machine, peers, report
from .cases import MODES, Case
from .race import Race, Timing
from .stacks import limit_seconds

SHAPE = (64, 100, 128, 256)  # (B,T,I,H)
RIVAL = "torch"

# label -> (name in STACKS or '', dtype)
OPTIONS = {
    "LSTM": ("", "float32"),
    "LSTM, rows of different lengths": ("lengths", "float32"),
    "GRU": ("gru", "float32"),
    "RNN": ("rnn", "float32"),
    "LSTM, float64": ("", "float64"),
    "LSTM, bidirectional": ("bidirectional", "float32"),
    "LSTM, two layers": ("two layers", "float32"),
    "LSTM, projected to H/2": ("projection", "float32"),
}


_COLUMNS = ("option", "threads", "ms", "min..max", "of the limit", "error", "torch ms", "torch error", "torch / ours")


def head() -> str:
    """Two lines of a markdown table."""
    return f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}"


def line(label: str, row: report.Row, threads: int) -> str:
    """One row: ours, then the rival."""
    ours, rival = row.ours, row.timings.get(RIVAL, Timing())
    cells = [
        label,
        str(threads),
        report.number(ours.ms),
        report.spread(ours),
        f"{100 * row.limit_ms / ours.ms:.0f}%" if ours.blocks_ms else "-",
        f"{ours.error:.0e}" if ours.errors else "-",
        report.number(rival.ms),
        f"{rival.error:.0e}" if rival.errors else "-",
        f"{row.ratio:.2f}" + (" **slower**" if row.ratio < 1 else "") if math.isfinite(row.ratio) else "-",
    ]
    return f"| {' | '.join(cells)} |"


def measure(
    threads: Sequence[int],
    shape: tuple[int, int, int, int] = SHAPE,
    modes: Sequence[str] = MODES,
    blocks: int = 5,
    seconds: float = 0.2,
    probe_seconds: float = 0.2,
) -> dict[str, Any]:
    """Every option beside the rival for each thread count: prints the tables, returns the content of the JSON file."""
    load = machine.busy_cpus()
    rivals = [peers.OURS] + ([] if peers.missing(RIVAL) else [RIVAL])
    results: list[dict[str, Any]] = []
    contexts: list[dict[str, Any]] = []
    for count in threads:
        cpus = machine.choose_cpus(count)
        settings = {"threads": count, "cpus": cpus, "dtype": "float32, float64", "blocks": blocks, "seconds": seconds}
        with Race(rivals, count, cpus) as race:
            broken = race.start()
            limits = race.limits(probe_seconds)
            contexts.append(report.context(limits, race.versions, settings, load))
            print(report.context_text(contexts[-1]))
            print("\n".join([*(f"{name} {version}" for name, version in race.versions.items()), *broken]))
            for mode in modes:
                print(f"\n{mode}, (B,T,I,H) = {shape}\n\n{head()}", flush=True)
                notes: list[str] = []
                for label, (option, dtype) in OPTIONS.items():
                    case = Case(*shape, mode=mode, dtype=dtype, option=option)
                    row = report.Row(case, race.case(case, blocks, seconds), 1e3 * limit_seconds(case, limits))
                    print(line(label, row, count), flush=True)
                    results.append({"label": label, "threads": count, **row.as_dict()})
                    notes += [f"{name}, {label}: {t.note}" for name, t in row.timings.items() if t.note]
                print("\n" + "\n".join(notes))
    return {"schema": report.SCHEMA, "contexts": contexts, "results": results}


def failed(content: dict[str, Any]) -> bool:
    """Did lstm_fast refuse, disagree or crash anywhere?"""
    return any(result["rivals"][peers.OURS]["note"] for result in content["results"])
