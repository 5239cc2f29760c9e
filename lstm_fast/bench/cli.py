"""`lstm-fast bench`: arguments, one run, tables on standard output, JSON on request."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from . import machine, options, peers, report
from .cases import MODES, QUICK_SHAPES, SHAPES, Case, parse_shapes
from .programs import catalog
from .programs import report as programs
from .race import Race
from .remote import PeerError

PROBE_SECONDS = 0.2  # per figure of the machine's limit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `lstm-fast bench` on `parser`."""
    parser.add_argument("--mode", choices=(*MODES, "both"), default="both", help="what to time (default: both)")
    parser.add_argument("--shapes", metavar="B,T,I,H;...", help="shapes to time (default: the 13 of the documentation)")
    parser.add_argument("--peers", metavar="NAME,...", help=f"default: the installed ones of {', '.join(_rivals())}")
    parser.add_argument("--threads", type=int, help="threads of every rival (default: 1; --options: 1, then 2)")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--blocks", type=int, help="alternating blocks per rival and case (default: 5; quick: 3)")
    parser.add_argument("--seconds", type=float, help="length of a block (default: 0.2; quick: 0.05)")
    parser.add_argument("--quick", action="store_true", help="the five smallest shapes, short blocks")
    parser.add_argument("--memory", action="store_true", help="also measure the peak memory of a training step (Linux)")
    parser.add_argument("--options", action="store_true", help="time the options of a layer beside torch instead")
    parser.add_argument(
        "--programs",
        metavar="NAME,...",
        nargs="?",
        const="all",
        help="time whole programs beside Keras and torch instead",
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the results, raw blocks included")


def _rivals() -> list[str]:
    return [name for name in peers.REQUIRES if name != peers.OURS]


def choose_peers(text: str | None) -> tuple[list[str], list[str]]:
    """Names to run, ours first, and one line for each rival that is not installed.

    Raises:
        ValueError: an unknown name, or a named rival that is not installed.
    """
    asked = [name.strip() for name in text.split(",") if name.strip()] if text is not None else _rivals()
    for name in asked:
        if name not in peers.REQUIRES:
            raise ValueError(f"bench: expected --peers from {', '.join(_rivals())}; received {name!r}")
    absent = {name: peers.missing(name) for name in asked if name != peers.OURS and peers.missing(name)}
    lines = [f"{name}: not installed (needs {', '.join(modules)})" for name, modules in absent.items()]
    if absent and text is not None:
        raise ValueError("bench: " + "; ".join(lines))
    present = [name for name in asked if name not in absent and name != peers.OURS]
    return [peers.OURS, *dict.fromkeys(present)], lines


def run(args: argparse.Namespace) -> int:
    """Measure and print; 0 when done, 1 when lstm_fast itself failed or disagreed, 2 for wrong arguments."""
    try:
        if args.programs is not None:
            return _programs(args)
        shapes = parse_shapes(args.shapes) if args.shapes is not None else list(QUICK_SHAPES if args.quick else SHAPES)
        names, absent = choose_peers(args.peers)
        threads = 1 if args.threads is None else args.threads
        cpus = machine.choose_cpus(threads)
        blocks = (3 if args.quick else 5) if args.blocks is None else args.blocks
        seconds = (0.05 if args.quick else 0.2) if args.seconds is None else args.seconds
        _check_run(args, blocks, seconds)
        modes = MODES if args.mode == "both" else (args.mode,)
        if args.options:
            return _options(args, shapes, modes, blocks, seconds)
        cases = [Case(*shape, mode=mode, dtype=args.dtype) for mode in modes for shape in shapes]
        settings = {"threads": threads, "cpus": cpus, "dtype": args.dtype, "blocks": blocks, "seconds": seconds}
        with Race(names, threads, cpus) as race:
            return _measure(race, cases, settings, absent, args)
    except (ValueError, PeerError, OSError) as error:
        print(error if str(error).startswith("bench:") else f"bench: {error}", file=sys.stderr)
        return 2 if isinstance(error, ValueError) else 1
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130


def _options(
    args: argparse.Namespace,
    shapes: list[tuple[int, int, int, int]],
    modes: tuple[str, ...],
    blocks: int,
    seconds: float,
) -> int:
    """`--options`: one table for each thread count and mode."""
    threads = [n for n in (1, 2) if n <= machine.count_cpus()] if args.threads is None else [args.threads]
    shape = shapes[0] if args.shapes is not None else options.SHAPE
    content = options.measure(threads, shape, modes, blocks, seconds, PROBE_SECONDS)
    if args.json is not None:
        write_json(args.json, content)
        print(f"wrote {args.json}")
    return 1 if options.failed(content) else 0


def _programs(args: argparse.Namespace) -> int:
    """`--programs`: blocks of a second, since a block is one call of fit."""
    blocks = (2 if args.quick else 5) if args.blocks is None else args.blocks
    seconds = (0.2 if args.quick else 1.0) if args.seconds is None else args.seconds
    _check_run(args, blocks, seconds)
    threads = 1 if args.threads is None else args.threads
    content = programs.measure(catalog.chosen(args.programs), args.peers, threads, blocks, seconds, args.memory)
    if args.json is not None:
        write_json(args.json, content)
        print(f"wrote {args.json}")
    return 1 if programs.failed(content) else 0


def _check_run(args: argparse.Namespace, blocks: int, seconds: float) -> None:
    if blocks < 1 or not 0 < seconds <= 60:
        raise ValueError(f"bench: expected --blocks >= 1 and 0 < --seconds <= 60, received {blocks} and {seconds}")
    if args.json is not None and not args.json.resolve().parent.is_dir():
        raise ValueError(f"bench: expected --json in an existing folder, received {str(args.json)!r}")


def _measure(
    race: Race, cases: list[Case], settings: dict[str, Any], absent: list[str], args: argparse.Namespace
) -> int:
    load_before = machine.busy_cpus()
    broken = race.start()
    limits = race.limits(PROBE_SECONDS)
    facts = report.context(limits, race.versions, settings, load_before)
    print(report.context_text(facts))
    print("\n".join([f"{name} {version}" for name, version in race.versions.items()] + absent + broken), flush=True)

    rows: list[report.Row] = []
    for case in cases:
        if not rows or rows[-1].case.mode != case.mode:
            print(f"\n{case.mode}: {peers.OURS} beside the best peer; '<' marks where we are slower\n{report.head()}")
        timings = race.case(case, settings["blocks"], settings["seconds"])
        rows.append(report.Row(case, timings, 1e3 * limits.seconds(case)))
        print(report.line(rows[-1]), flush=True)

    for mode in dict.fromkeys(case.mode for case in cases):
        print("\n" + report.rivals_table(rows, mode))
    memory = memory_of(race, cases) if args.memory else []
    print("\n" + report.summary_text(rows))
    if args.json is not None:
        write_json(args.json, report.as_json(rows, facts, memory))
        print(f"wrote {args.json}")
    return 1 if any(row.ours.note for row in rows) else 0


def memory_of(race: Race, cases: list[Case]) -> list[dict[str, Any]]:
    """Peak memory of a training step for every training shape; printed as it comes."""
    if not Path("/proc/self/clear_refs").exists():
        print("\nmemory: not measured (needs Linux' /proc)")
        return []
    print("\npeak memory of a training step over the idle process, MiB (inputs, weights and gradients included)")
    found: list[dict[str, Any]] = []
    for case in dict.fromkeys(Case(*case.shape, mode="training", dtype=case.dtype) for case in cases):
        peaks = race.memory(case)
        cells = [
            f"{name} {peak if isinstance(peak, str) else format(peak['step_mib'], '.1f')}"
            for name, peak in peaks.items()
        ]
        print(f"{','.join(map(str, case.shape)):<18}" + ", ".join(cells), flush=True)
        found.append({**case.as_dict(), "peak": peaks})
    return found


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write next to `path`, then replace: an interrupted run leaves no half file."""
    path = path.resolve()
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1, allow_nan=False)
            file.write("\n")
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
