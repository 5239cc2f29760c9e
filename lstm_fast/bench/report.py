"""Tables for people, JSON for programs. Speed and error stand side by side, and the rows where we lose are named."""

from __future__ import annotations

import math
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import machine
from .cases import Case
from .peers import OURS
from .race import Timing

SCHEMA = 1
# variables that change what is measured; recorded with the result when set
_ENVIRONMENT = ("LSTM_FAST_ISA", "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "XLA_FLAGS", "OMP_WAIT_POLICY")


@dataclass(frozen=True)
class Row:
    """One case with all its timings and the machine's limit for it in milliseconds."""

    case: Case
    timings: dict[str, Timing]
    limit_ms: float

    @property
    def ours(self) -> Timing:
        return self.timings.get(OURS, Timing(note="not run"))

    @property
    def best_peer(self) -> str:
        """Name of the fastest rival that agrees; '' when there is none."""
        timed = {name: t.ms for name, t in self.timings.items() if name != OURS and t.blocks_ms}
        return min(timed, key=timed.__getitem__) if timed else ""

    @property
    def ratio(self) -> float:
        """Best peer's time / ours: above 1 we are faster. NaN when either is missing."""
        return self.timings[self.best_peer].ms / self.ours.ms if self.best_peer else math.nan

    def gflops(self, timing: Timing) -> float:
        return 1e-6 * self.case.flop() / timing.ms

    def as_dict(self) -> dict[str, Any]:
        rivals = {
            name: {
                "blocks_ms": t.blocks_ms,
                "median_ms": finite(t.ms),
                "gflops": finite(self.gflops(t)),
                "errors": {key: finite(e) for key, e in t.errors.items()},
                "note": t.note,
            }
            for name, t in self.timings.items()
        }
        return {
            **self.case.as_dict(),
            "flop": self.case.flop(),
            "limit_ms": self.limit_ms,
            "share_of_limit": finite(self.limit_ms / self.ours.ms),
            "best_peer": self.best_peer or None,
            "ratio": finite(self.ratio),
            "rivals": rivals,
        }


def finite(value: float) -> float | None:
    """JSON has no NaN."""
    return value if math.isfinite(value) else None


def geometric_mean(values: Sequence[float]) -> float:
    """Of the finite values; NaN without any.

    Example:
        >>> geometric_mean([2.0, 8.0, float("nan")])
        4.0
    """
    finite = [v for v in values if math.isfinite(v)]
    return math.exp(sum(map(math.log, finite)) / len(finite)) if finite else math.nan


def number(value: float) -> str:
    """Three significant digits without exponent for times from nanoseconds up; '-' for NaN.

    Example:
        >>> number(0.0063), number(12.84), number(162.4), number(float("nan"))
        ('0.00630', '12.8', '162', '-')
    """
    if not math.isfinite(value):
        return "-"
    digits = 2 - math.floor(math.log10(value)) if value > 0 else 2
    return f"{value:.{min(max(digits, 0), 6)}f}"


def spread(timing: Timing) -> str:
    """Fastest and slowest block."""
    return f"{number(min(timing.blocks_ms))}..{number(max(timing.blocks_ms))}" if timing.blocks_ms else "-"


_COLUMNS = "{:<18}{:>10}{:>20}{:>10}{:>8}{:>9}   {:<12}{:>10}{:>12}"


def head() -> str:
    """Column names of `line`."""
    return _COLUMNS.format("B,T,I,H", "ms", "min..max", "GFLOP/s", "limit", "error", "best peer", "ms", "peer/ours")


def line(row: Row) -> str:
    """Our result of one case, and the best peer's."""
    ours, best = row.ours, row.timings.get(row.best_peer, Timing())
    text = _COLUMNS.format(
        ",".join(map(str, row.case.shape)),
        number(ours.ms),
        spread(ours),
        number(row.gflops(ours)),
        f"{100 * row.limit_ms / ours.ms:.0f}%" if ours.blocks_ms else "-",
        f"{ours.error:.0e}" if ours.errors else "-",
        row.best_peer or "-",
        number(best.ms),
        f"{row.ratio:.2f}" + ("" if not row.ratio < 1 else " <") if math.isfinite(row.ratio) else "-",
    )
    return text if not ours.note else f"{text}\n    {OURS}: {ours.note}"


def rivals_table(rows: Sequence[Row], mode: str) -> str:
    """Milliseconds (largest error) of every rival; notes below."""
    rows = [row for row in rows if row.case.mode == mode]
    names = list(dict.fromkeys(name for row in rows for name in row.timings))
    lines = [f"{mode}, every rival: ms (largest error)", f"{'B,T,I,H':<18}" + "".join(f"{name:>20}" for name in names)]
    notes: list[str] = []
    for row in rows:
        cells = []
        for name in names:
            t = row.timings.get(name, Timing())
            cells.append(f"{number(t.ms)} ({t.error:.0e})" if t.blocks_ms else "-")
            if t.note:
                notes.append(f"  {name} {','.join(map(str, row.case.shape))}: {t.note}")
        lines.append(f"{','.join(map(str, row.case.shape)):<18}" + "".join(f"{cell:>20}" for cell in cells))
    return "\n".join(lines + notes)


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Geometric means of best-peer/ours by mode, and the cases where we are not ahead."""
    modes = dict.fromkeys(row.case.mode for row in rows)
    return {
        "geometric_mean": {
            mode: finite(geometric_mean([row.ratio for row in rows if row.case.mode == mode])) for mode in modes
        },
        "behind": [
            {"mode": row.case.mode, "shape": list(row.case.shape), "best_peer": row.best_peer, "ratio": row.ratio}
            for row in rows
            if row.ratio < 1
        ],
    }


def summary_text(rows: Sequence[Row]) -> str:
    """`summary` in words."""
    facts = summary(rows)
    lines = [
        f"geometric mean of best-peer/ours, {mode}: {number(mean) if mean is not None else '-'}"
        for mode, mean in facts["geometric_mean"].items()
    ]
    for lost in facts["behind"]:
        shape = ",".join(map(str, lost["shape"]))
        lines.append(f"slower than {lost['best_peer']}: {lost['mode']} {shape}, {lost['ratio']:.2f}")
    if not facts["behind"] and any(math.isfinite(row.ratio) for row in rows):
        lines.append("no shape is slower than its best peer")
    return "\n".join(lines)


def context(
    limits: machine.Limits, versions: dict[str, str], settings: dict[str, Any], load_before: float
) -> dict[str, Any]:
    """Everything that a reader needs in order to judge the numbers."""
    return {
        "machine": {
            "cpu": machine.cpu_model(),
            "system": platform.platform(),
            "python": platform.python_version(),
            "numpy": np.__version__,
            "cache_bytes": limits.sizes,
            "isa_flags": machine.isa_flags(),
            "cpus": os.cpu_count(),
            "load_before": load_before,
        },
        "limits": {
            "threads": limits.threads,
            "gflops_float32": limits.gflops,
            "read_gb_per_s": limits.bandwidth,
            "source": limits.source,
        },
        "versions": versions,
        "settings": settings,
        "environment": {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        "command": sys.argv,
    }


def context_text(facts: dict[str, Any]) -> str:
    """`context` in a few lines."""
    here, limits, settings = facts["machine"], facts["limits"], facts["settings"]
    reads = ", ".join(f"{level} {number(rate)}" for level, rate in limits["read_gb_per_s"].items())
    pinned = f"pinned to CPU {','.join(map(str, settings['cpus']))}" if settings["cpus"] else "not pinned"
    busy: list[str] = []
    if here["load_before"] > (here["cpus"] or 1) - settings["threads"] + 0.5:
        busy = [f"warning: load average {here['load_before']:.1f} before the start; other work disturbs these times"]
    isa = ", ".join(here["isa_flags"]) or platform.machine()
    return "\n".join(
        [
            f"{here['cpu']} ({isa}), {here['system']}, Python {here['python']}",
            f"threads {settings['threads']}, {pinned}; {settings['dtype']}; {settings['blocks']} blocks of "
            f"{settings['seconds']} s per rival, alternating; median, min..max of blocks",
            f"limit ({limits['source']}): float32 {number(limits['gflops_float32'])} GFLOP/s; read GB/s {reads}",
            *busy,
            *(f"environment {name}={value}" for name, value in facts["environment"].items()),
        ]
    )


def as_json(rows: Sequence[Row], facts: dict[str, Any], memory: list[dict[str, Any]]) -> dict[str, Any]:
    """The result file: times in ms; errors absolute for y, relative to the largest element for gradients."""
    return {
        "schema": SCHEMA,
        **facts,
        "results": [row.as_dict() for row in rows],
        "memory": memory,
        "summary": summary(rows),
    }
