"""`lstm-fast bench --programs`: a markdown table, JSON for programs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import machine
from ..race import Timing
from ..report import SCHEMA, geometric_mean, number, spread
from ..report import context as bench_context
from .catalog import Program
from .race import OURS, RIVALS, Race, missing


def choose(text: str | None) -> tuple[list[str], list[str]]:
    """Rivals to run, ours first, and a line for each that is not installed.

    Raises:
        ValueError: an unknown name, or a named rival that is not installed.
    """
    asked = list(RIVALS) if text is None else [OURS, *filter(None, (name.strip() for name in text.split(",")))]
    for name in asked:
        if name not in RIVALS:
            raise ValueError(f"bench: expected --peers from {', '.join(list(RIVALS)[1:])}; received {name!r}")
    absent = [f"{name}: not installed (needs {', '.join(missing(name))})" for name in asked if missing(name)]
    if absent and text is not None:
        raise ValueError("bench: " + "; ".join(absent))
    return list(dict.fromkeys(name for name in asked if not missing(name))), absent


def head(rivals: Sequence[str]) -> str:
    """Two lines of a markdown table."""
    columns = [
        "program",
        "lstm_fast, us",
        "min..max",
        *(f"{name}, us" for name in rivals if name != OURS),
        "best / ours",
    ]
    return f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}"


def ratio(timings: dict[str, Timing]) -> float:
    """The fastest rival's time / ours; NaN without either."""
    others = [t.ms for name, t in timings.items() if name != OURS and t.blocks_ms]
    return min(others) / timings[OURS].ms if others else math.nan


def line(program: Program, timings: dict[str, Timing]) -> str:
    """One row: microseconds per update or prediction; in parentheses how far the loss curve is from ours."""
    cells = [program.text, number(1e3 * timings[OURS].ms), spread(_in_us(timings[OURS]))]
    for name, t in timings.items():
        if name != OURS:
            cells.append(f"{number(1e3 * t.ms)} ({t.error:.0e})" if t.blocks_ms else "-")
    times = ratio(timings)
    cells.append(f"{times:.1f}" + (" **slower**" if times < 1 else "") if math.isfinite(times) else "-")
    return f"| {' | '.join(cells)} |"


def _in_us(timing: Timing) -> Timing:
    return Timing([1e3 * ms for ms in timing.blocks_ms])


def measure(
    programs: Sequence[Program], peers: str | None, threads: int, blocks: int, seconds: float, with_memory: bool
) -> dict[str, Any]:
    """Every program with every rival: prints the table, returns the content of the JSON file."""
    load = machine.busy_cpus()
    rivals, absent = choose(peers)
    cpus = machine.choose_cpus(threads)
    settings = {"threads": threads, "cpus": cpus, "dtype": "float32", "blocks": blocks, "seconds": seconds}
    results: list[dict[str, Any]] = []
    with Race(rivals, threads, cpus) as race:
        broken = race.start()
        facts = bench_context(machine.Limits(math.nan, {}, threads=threads), race.versions, settings, load)
        facts.pop("limits")
        print("\n".join([*(f"{name} {version}" for name, version in race.versions.items()), *absent, *broken]))
        print(f"\nmicroseconds per update or prediction, {threads} thread(s)\n\n{head(race.rivals)}", flush=True)
        for program in programs:
            timings = race.program(program, blocks, seconds)
            print(line(program, timings), flush=True)
            results.append(_as_dict(program, timings))
        for result in results:
            for name, rival in result["rivals"].items():
                if rival["note"]:
                    print(f"{name}, {result['name']}: {rival['note']}")
        print(f"\ngeometric mean of best / ours: {number(geometric_mean([r['ratio'] or math.nan for r in results]))}")
        memory = _memory(race, programs) if with_memory else []
    return {"schema": SCHEMA, **facts, "programs": results, "memory": memory}


def _as_dict(program: Program, timings: dict[str, Timing]) -> dict[str, Any]:
    times = ratio(timings)
    return {
        "name": program.name,
        "text": program.text,
        "ratio": times if math.isfinite(times) else None,
        "rivals": {
            name: {
                "blocks_us": [1e3 * ms for ms in t.blocks_ms],
                "median_us": 1e3 * t.ms if t.blocks_ms else None,
                "curve_error": t.error if math.isfinite(t.error) else None,
                "note": t.note,
            }
            for name, t in timings.items()
        },
    }


def _memory(race: Race, programs: Sequence[Program]) -> list[dict[str, Any]]:
    """Peak memory of a fit of every program; printed as it comes."""
    if not Path("/proc/self/clear_refs").exists():
        print("\nmemory: not measured (needs Linux' /proc)")
        return []
    print("\npeak memory of a fit over the process with its data, MiB (whole process)")
    found: list[dict[str, Any]] = []
    for program in programs:
        if program.predicts:
            continue
        peaks = race.memory(program)
        cells = [
            f"{name} {p if isinstance(p, str) else '{fit_mib:.1f} ({process_mib:.0f})'.format(**p)}"
            for name, p in peaks.items()
        ]
        print(f"{program.name:<14}" + ", ".join(cells), flush=True)
        found.append({"name": program.name, "peak": peaks})
    return found


def failed(content: dict[str, Any]) -> bool:
    """Did lstm_fast refuse or crash anywhere?"""
    return any(result["rivals"][OURS]["note"] for result in content["programs"])
