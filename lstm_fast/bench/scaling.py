"""Predicts 1 and 2 cores, checks that in the same run, then 8, 32 and 64: `bench/scaling.py`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from lstm_fast import _core

from . import machine, report
from .cases import MODES, SHAPES, Case, parse_shapes
from .cli import PROBE_SECONDS, write_json
from .model import Figures, best, handover
from .peers import OURS
from .race import Race
from .remote import PeerError, Remote

CORES = (8, 32, 64)
_LANES = {"avx512": 16, "avx2": 8, "neon": 4, "generic": 1}
_ROWS = {"avx512": 6, "avx2": 3, "neon": 6, "generic": 6}

# (B,T,I,H) that show one figure each
_CALL, _STEP, _CELL, _PRODUCT = (1, 1, 1, 16), (1, 201, 1, 16), (48, 50, 1, 32), (48, 8, 384, 384)
_WEIGHTS = {"L2": (1, 1, 128, 128), "L3": (1, 1, 512, 512)}


def seconds_of(race: Race, shape: tuple[int, int, int, int], mode: str, blocks: int, seconds: float) -> float:
    """Our time for one case, the fastest block: the model knows no other work on the machine.

    Raises:
        PeerError: lstm_fast failed or disagreed.
    """
    timing = race.case(Case(*shape, mode=mode), blocks, seconds)[OURS]
    if timing.note:
        raise PeerError(f"scaling: {','.join(map(str, shape))}, {mode}: {timing.note}")
    return 1e-3 * min(timing.blocks_ms)


def calibrate(
    race: Race, alone: machine.Limits, shared: machine.Limits, barrier: tuple[float, float], args: argparse.Namespace
) -> Figures:
    """The figures of the model, from six small cases on one core and the probes on one and two."""

    def timed(shape: tuple[int, int, int, int], mode: str) -> float:
        return seconds_of(race, shape, mode, args.blocks, args.seconds)

    call = {mode: timed(_CALL, mode) for mode in MODES}
    step = {mode: max(0.0, timed(_STEP, mode) - call[mode]) / (_STEP[1] - 1) for mode in MODES}
    weight = {
        level: max(0.0, timed(shape, "training") - call["training"]) / (4 * shape[3] * (shape[2] + shape[3]))
        for level, shape in _WEIGHTS.items()
    }
    products, cells = Case(*_PRODUCT, mode="inference"), Case(*_CELL, mode="inference")
    whole, small = timed(_PRODUCT, "inference"), timed(_CELL, "inference")
    # whole = flop / peak + n cell of the one, small the same of the other
    n_whole, n_small = (c.B * c.T * c.H for c in (products, cells))
    ratio = cells.flop() / products.flop()
    per_cell = max(0.0, (small - whole * ratio) / (n_small - n_whole * ratio))  # 0: disturbed
    peak = min(products.flop() / max(whole - n_whole * per_cell, 0.5 * whole), 1e9 * alone.gflops)
    both = timed(_CELL, "training") / n_small - 3 * cells.flop() / n_small / peak
    cell = {"inference": per_cell, "training": max(per_cell, both)}
    isa = _core.isa()
    return Figures(
        peak=peak,
        alone={level: 1e9 * rate for level, rate in alone.bandwidth.items()},
        shared={level: 1e9 * rate / shared.threads for level, rate in shared.bandwidth.items()},
        sizes=alone.sizes,
        call=call,
        step=step,
        cell=cell,
        weight=weight,
        team=barrier[0],
        barrier=barrier[1],
        lanes=_LANES[isa],
        rows=_ROWS[isa],
        cores_per_l3=args.cores_per_l3,
        dram=1e9 * (args.dram or shared.bandwidth["DRAM"]),
    )


def check_text(rows: Sequence[dict[str, Any]], counts: Sequence[int]) -> str:
    """Predicted beside measured, as a markdown table, and the typical error."""
    head = [
        "mode",
        "(B,T,I,H)",
        *(f"{n} core{'s' * (n > 1)}: {what}" for n in counts for what in ("model", "measured", "error")),
    ]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    errors: dict[int, list[float]] = {n: [] for n in counts}
    for row in rows:
        cells = [row["mode"], ",".join(map(str, row["shape"]))]
        for n in counts:
            model, measured = row["model"][str(n)]["ms"], row["measured_ms"][str(n)]
            errors[n].append(abs(model / measured - 1))
            cells += [report.number(model), report.number(measured), f"{100 * (model / measured - 1):+.0f}%"]
        lines.append(f"| {' | '.join(cells)} |")
    typical = ", ".join(
        f"{n} core{'s' * (n > 1)} {100 * median(e):.0f}% (largest {100 * max(e):.0f}%)" for n, e in errors.items()
    )
    return "\n".join([*lines, "", f"median error of the model: {typical}"])


def prediction_text(rows: Sequence[dict[str, Any]], cores: Sequence[int]) -> str:
    """Milliseconds, speedup over one core, the split and its workers, and the batch where rows take over from units."""
    head = ["mode", "(B,T,I,H)", "1 core", *(f"{n} cores" for n in cores), *(f"rows from B, {n}" for n in cores)]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row in rows:
        one = row["model"]["1"]["ms"]
        cells = [row["mode"], ",".join(map(str, row["shape"])), report.number(one)]
        for n in cores:
            found = row["model"][str(n)]
            how = f"{found['workers']} share {found['split']}" if found["workers"] > 1 else "one works"
            cells.append(f"{report.number(found['ms'])} ({one / found['ms']:.1f}x, {how})")
        cells += [str(row["rows_from_B"][str(n)] or "never") for n in cores]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def predictions(figures: Figures, shape: tuple[int, int, int, int], mode: str, cores: Sequence[int]) -> dict[str, Any]:
    """The model's answers for one shape."""
    case = Case(*shape, mode=mode)
    found = {n: best(figures, case, n) for n in cores}
    return {
        "mode": mode,
        "shape": list(shape),
        "model": {str(n): {"ms": 1e3 * p.seconds, "workers": p.workers, "split": p.split} for n, p in found.items()},
        "rows_from_B": {str(n): handover(figures, case, n) for n in cores if n > 1},
    }


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", metavar="B,T,I,H;...", help="default: the 13 of the documentation")
    parser.add_argument("--blocks", type=int, default=5, help="blocks per case (default: 5)")
    parser.add_argument("--seconds", type=float, default=0.1, help="length of a block (default: 0.1)")
    parser.add_argument("--cores-per-l3", type=int, default=8, help="assumed for the prediction (default: 8)")
    parser.add_argument(
        "--dram", type=float, metavar="GB/s", help="assumed, all cores together (default: as measured here)"
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write figures and results")
    return parser


def run(args: argparse.Namespace) -> int:
    """Measure, check, predict; 0 when done, 1 when a case failed, 2 for wrong arguments."""
    try:
        shapes = parse_shapes(args.shapes) if args.shapes is not None else list(SHAPES)
        if args.json is not None and not args.json.resolve().parent.is_dir():
            raise ValueError(f"scaling: expected --json in an existing folder, received {str(args.json)!r}")
        counts = [n for n in (1, 2) if n <= machine.count_cpus()]
        cpus, load = machine.choose_cpus(counts[-1]), machine.busy_cpus()
        settings = {
            "threads": counts[-1],
            "cpus": cpus,
            "dtype": "float32",
            "blocks": args.blocks,
            "seconds": args.seconds,
        }
        with Race([OURS], 1, cpus[:1]) as alone, Race([OURS], counts[-1], cpus) as together:
            broken = alone.start()
            limits, shared = alone.limits(PROBE_SECONDS), together.limits(PROBE_SECONDS)
            facts = report.context(limits, alone.versions, settings, load)
            print("\n".join([report.context_text(facts), *broken]), flush=True)
            figures = calibrate(alone, limits, shared, _barrier(cpus), args)
            print(figures_text(figures), flush=True)
            rows = []
            for mode in MODES:
                for shape in shapes:
                    row = predictions(figures, shape, mode, (*counts, *CORES))
                    races = {1: alone, 2: together}
                    times = {n: seconds_of(races[n], shape, mode, args.blocks, args.seconds) for n in counts}
                    rows.append({**row, "measured_ms": {str(n): 1e3 * t for n, t in times.items()}})
    except (ValueError, PeerError, OSError) as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, ValueError) else 1
    print(f"\n{check_text(rows, counts)}\n\n{prediction_text(rows, CORES)}")
    if args.json is not None:
        write_json(args.json, {"schema": report.SCHEMA, **facts, "figures": figures.as_dict(), "results": rows})
    return 0


def _barrier(cpus: list[int]) -> tuple[float, float]:
    """Team and barrier of two workers; on a machine with one CPU they cost nothing because there is no second."""
    if len(cpus) < 2:
        return 0.0, 0.0
    probe = Remote("machine", 2, cpus[:2])
    try:
        answer = probe.ask("barrier", threads=2, seconds=2 * PROBE_SECONDS)
    finally:
        probe.close()
    return answer["team"], answer["barrier"]


def figures_text(figures: Figures) -> str:
    """The measured figures in words."""
    rates = [f"{level} {1e-9 * rate:.0f} ({1e-9 * figures.shared[level]:.0f})" for level, rate in figures.alone.items()]
    return "\n".join(
        [
            f"products {1e-9 * figures.peak:.0f} GFLOP/s; read GB/s alone (each of two together): {', '.join(rates)}",
            *(
                f"{mode}: call {1e6 * figures.call[mode]:.2f} us, least step {1e9 * figures.step[mode]:.0f} ns, "
                f"cell {1e9 * figures.cell[mode]:.2f} ns"
                for mode in MODES
            ),
            "once per weight and training step: "
            + ", ".join(f"{k} {1e9 * w:.2f} ns" for k, w in figures.weight.items()),
            f"two workers: team {1e6 * figures.team:.2f} us, barrier {1e9 * figures.barrier:.0f} ns"
            if figures.team
            else "two workers: not measured on one CPU; team and barrier count as free",
            f"assumed for more: {figures.cores_per_l3} cores share an L3, DRAM {1e-9 * figures.dram:.0f} GB/s in all",
        ]
    )
