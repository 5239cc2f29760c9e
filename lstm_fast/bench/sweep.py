"""One dimension at a time: time per flop and share of the limit against H, B, I and T, and what sticks out."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from . import machine, report
from .cases import MODES, Case, parse_shapes
from .cli import PROBE_SECONDS, choose_peers, write_json
from .race import Race
from .remote import PeerError

BASES = ((64, 50, 128, 256), (1, 50, 64, 128))  # (B,T,I,H)
VALUES = {
    "H": [1, 2, 4, 8, 12, 16, 17, 20, 24, 32, 33, 50, 64, 65, 96, 100, 128, 160, 256, 300, 400, 512, 513, 650, 1150],
    "B": [1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 16, 17, 24, 25, 32, 33, 48, 50, 64, 96, 100, 128, 192, 256, 384, 512],
    "I": [1, 2, 3, 4, 5, 8, 13, 16, 17, 32, 50, 64, 100, 128, 200, 256, 300, 400, 511, 512, 650, 1024, 1150, 2048],
    "T": [1, 2, 3, 5, 7, 10, 17, 20, 32, 50, 64, 100, 128, 200, 300, 500, 1000],
}
FEW = {"H": [1, 7, 16, 17, 50], "B": [1, 3, 6, 7, 17], "I": [1, 3, 4, 17, 65], "T": [1, 2, 5, 17, 40]}  # --quick
CLIFF = 1.5  # times the time per flop that its neighbours suggest


@dataclass(frozen=True)
class Point:
    """One measured case of a line: the base case with dimension `name` at `value`; per_flop in picoseconds."""

    base: Case
    name: str
    value: int
    row: report.Row

    @property
    def per_flop(self) -> float:
        return 1e9 * self.row.ours.ms / self.row.case.flop()

    @property
    def share(self) -> float:
        """Of the machine's limit."""
        return self.row.limit_ms / self.row.ours.ms


def expected(points: Sequence[tuple[float, float]], k: int) -> float:
    """What the neighbours of point k suggest: interpolated between them, both axes logarithmic; NaN at the ends.

    Example:
        >>> expected([(1, 8.0), (2, 9.0), (4, 2.0)], 1)
        4.0
    """
    if not 0 < k < len(points) - 1:
        return math.nan
    (x0, y0), (x, _), (x1, y1) = points[k - 1 : k + 2]
    weight = math.log(x / x0) / math.log(x1 / x0)
    return math.exp((1 - weight) * math.log(y0) + weight * math.log(y1))


def trend(values: Sequence[float], k: int, reach: int = 2) -> float:
    """Median of the values from k - reach to k + reach.

    Example:
        >>> trend([1.0, 9.0, 2.0, 3.0, 4.0], 1)
        2.5
    """
    return median(values[max(0, k - reach) : k + reach + 1])


def judged(line: Sequence[Point]) -> list[dict[str, Any]]:
    """Each point of one line beside what its neighbours suggest: 'of_neighbours' above CLIFF is a cliff."""
    pairs = [(point.value, point.per_flop) for point in line]
    return [
        {
            "base": list(point.base.shape),
            "dimension": point.name,
            "value": point.value,
            "ps_per_flop": point.per_flop,
            "of_trend": point.per_flop / trend([y for _, y in pairs], k),
            "of_neighbours": report.finite(point.per_flop / expected(pairs, k)),
            "cliff": point.per_flop > CLIFF * expected(pairs, k),  # no comparison with NaN is true
            **point.row.as_dict(),
        }
        for k, point in enumerate(line)
    ]


_COLUMNS = "{:<5}{:>5}   {:<18}{:>10}{:>20}{:>9}{:>8}{:>8}{:>7}{:>8}{:>11}   {}"
_HEAD = ("dim.", "value", "B,T,I,H", "ms", "min..max", "ps/flop", "/trend", "/near", "limit", "error", "ratio", "")


def text(result: dict[str, Any], row: report.Row) -> str:
    """One judged point."""
    near = result["of_neighbours"]
    return _COLUMNS.format(
        result["dimension"],
        result["value"],
        ",".join(map(str, row.case.shape)),
        report.number(row.ours.ms),
        report.spread(row.ours),
        report.number(result["ps_per_flop"]),
        f"{result['of_trend']:.2f}",
        "-" if near is None else f"{near:.2f}",
        f"{100 * result['share_of_limit']:.0f}%",
        f"{row.ours.error:.0e}",
        "-" if not row.best_peer else f"{row.ratio:.2f}",
        "CLIFF" if result["cliff"] else "",
    )


def measure(race: Race, mode: str, args: argparse.Namespace, limits: machine.Limits) -> list[list[Point]]:
    """The lines of one mode, printed as they come. What looks like a cliff is measured again: the faster run counts."""
    print(f"\n{mode}\n" + _COLUMNS.format(*_HEAD))
    lines: list[list[Point]] = []
    bases: list[tuple[int, int, int, int]] = args.bases
    for name, base in ((name, base) for name in args.dimensions for base in bases):
        line: list[Point] = []
        for value in args.values[name]:
            line.append(point(race, Case(*base, mode=mode, dtype=args.dtype), name, value, args, limits))
        for k, result in enumerate(judged(line)):
            if result["cliff"]:
                again = point(race, line[k].base, name, line[k].value, args, limits)
                line[k] = min(line[k], again, key=lambda p: p.per_flop)
        for p, result in zip(line, judged(line), strict=True):
            print(text(result, p.row), flush=True)
        lines.append(line)
    return lines


def point(race: Race, base: Case, name: str, value: int, args: argparse.Namespace, limits: machine.Limits) -> Point:
    """Measure `base` with dimension `name` at `value`.

    Raises:
        PeerError: lstm_fast failed or disagreed.
    """
    changed: dict[str, Any] = {name: value}
    case = replace(base, **changed)
    row = report.Row(case, race.case(case, args.blocks, args.seconds), 1e3 * limits.seconds(case))
    if not row.ours.blocks_ms:
        raise PeerError(f"sweep: {','.join(map(str, case.shape))}, {case.mode}: {row.ours.note}")
    return Point(base, name, value, row)


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", choices=(*MODES, "both"), default="both")
    parser.add_argument("--dimensions", default="HBIT", help="letters of H, B, I, T (default: all)")
    bases = ";".join(",".join(map(str, base)) for base in BASES)
    parser.add_argument("--bases", metavar="B,T,I,H;...", default=bases, help=f"default: {bases}")
    parser.add_argument("--peers", default="", metavar="NAME,...", help="rivals beside us (default: none)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--blocks", type=int, default=3, help="blocks per case (default: 3)")
    parser.add_argument("--seconds", type=float, default=0.1, help="length of a block (default: 0.1)")
    parser.add_argument("--quick", action="store_true", help="five small values of each dimension")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the results")
    parser.add_argument("--pictures", metavar="FOLDER", type=Path, help="write sweep_<mode>.png (needs matplotlib)")
    return parser


def run(args: argparse.Namespace) -> int:
    """Measure, print, write; 0 when done, 1 when a case failed, 2 for wrong arguments."""
    try:
        args.bases = parse_shapes(args.bases)
        if not args.dimensions or set(args.dimensions) - set("HBIT"):
            raise ValueError(f"sweep: expected --dimensions from H, B, I, T, received {args.dimensions!r}")
        for path in (file and file.resolve().parent for file in (args.json, args.pictures)):
            if path is not None and not path.is_dir():
                raise ValueError(f"sweep: expected an existing folder, received {str(path)!r}")
        if args.pictures is not None and find_spec("matplotlib") is None:
            raise ValueError("sweep: --pictures needs matplotlib: pip install 'lstm_fast[plot]'")
        args.values = FEW if args.quick else VALUES
        names, _ = choose_peers(args.peers)
        cpus, load = machine.choose_cpus(args.threads), machine.busy_cpus()
        settings = {name: getattr(args, name) for name in ("threads", "dtype", "blocks", "seconds")} | {"cpus": cpus}
        with Race(names, args.threads, cpus) as race:
            broken = race.start()
            limits = race.limits(PROBE_SECONDS)
            facts = report.context(limits, race.versions, settings, load)
            print("\n".join([report.context_text(facts), *broken]), flush=True)
            modes = MODES if args.mode == "both" else (args.mode,)
            lines = {mode: measure(race, mode, args, limits) for mode in modes}
    except (ValueError, PeerError, OSError) as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, ValueError) else 1
    results = [point for mode in modes for line in lines[mode] for point in judged(line)]
    cliffs = [p for p in results if p["cliff"]]
    print(f"\npoints above {CLIFF} times their neighbours: {len(cliffs)}")
    for p in cliffs:
        shape = ",".join(str(p[d]) for d in "BTIH")
        print(f"{p['mode']}, {p['dimension']} = {p['value']} of {shape}: {p['of_neighbours']:.2f}")
    if args.json is not None:
        write_json(args.json, {"schema": report.SCHEMA, **facts, "cliff_factor": CLIFF, "results": results})
    if args.pictures is not None:
        from .pictures import draw_sweep

        args.pictures.mkdir(exist_ok=True)
        for mode in modes:
            print(draw_sweep([p for p in results if p["mode"] == mode], args.pictures / f"sweep_{mode}.png"))
    return 0
