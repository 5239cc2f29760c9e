"""Train an LSTM on a series, report its error on the held-back end beside naive forecasts, forecast beyond the end, and
write forecast.csv, forecast.png and model.safetensors. Without a file: a bundled series."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .parser import number, whole

if TYPE_CHECKING:
    from lstm_fast.forecast import Options, Series

_PROG = "lstm-fast forecast"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `lstm-fast forecast`."""
    data = parser.add_argument_group("data")
    data.add_argument(
        "data",
        nargs="?",
        type=Path,
        metavar="data.csv",
        help="fields divided by , ; or tab; without it: a bundled series",
    )
    data.add_argument(
        "--dataset",
        choices=("sunspots", "co2"),
        help="bundled series: yearly sunspots (default) or weekly CO2, Mauna Loa",
    )
    data.add_argument(
        "--column", metavar="NAME", help="column to forecast, by name or number (default: the first numeric one)"
    )
    data.add_argument(
        "--test-fraction", type=number, default=0.2, metavar="F", help="part held back at the end (default: 0.2)"
    )
    data.add_argument(
        "--season", type=whole, metavar="N", help="period of the seasonal-naive forecast, 0 for none (default: found)"
    )
    data.add_argument("--horizon", type=whole, metavar="N", help="steps to forecast (default: one season, else 10)")
    network = parser.add_argument_group("network")
    network.add_argument(
        "--window", type=whole, metavar="N", help="time steps that the network sees (default: from the season, else 24)"
    )
    network.add_argument(
        "--units", type=whole, default=32, metavar="N", help="hidden units per LSTM layer (default: 32)"
    )
    network.add_argument("--layers", type=whole, default=1, metavar="N", help="LSTM layers (default: 1)")
    network.add_argument(
        "--epochs", type=whole, default=60, metavar="N", help="most passes over the data (default: 60)"
    )
    network.add_argument(
        "--batch-size", type=whole, metavar="N", help="windows per step (default: 16; 32 from 1,000 windows on)"
    )
    network.add_argument("--seed", type=whole, default=0, metavar="N", help="same seed, same files (default: 0)")
    output = parser.add_argument_group("output")
    output.add_argument(
        "-o", "--output", type=Path, default=Path(), metavar="FOLDER", help="where the files go (default: here)"
    )
    output.add_argument("--json", action="store_true", help="the report as one JSON object")
    output.add_argument("-q", "--quiet", action="store_true", help="print errors only")


def run(args: argparse.Namespace) -> int:
    """Do the job; 0 done, 1 the run failed, 2 wrong data or options."""
    from lstm_fast.forecast import DataError, RunError

    try:
        return _run(args)
    except DataError as error:
        print(f"{_PROG}: {error}", file=sys.stderr)
        return 2
    except RunError as error:
        print(f"{_PROG}: {error}", file=sys.stderr)
        return 1


def _run(args: argparse.Namespace) -> int:
    from lstm_fast import forecast

    started = time.perf_counter()
    options = _options(args)
    forecast.check_folder(args.output, args.data)
    series, title = _series(args)
    show = not (args.json or args.quiet)
    bar = _bar(options.epochs) if show and sys.stderr.isatty() else None
    try:
        result = forecast.forecast(
            series, options, None if bar is None else lambda epoch, loss: _advance(bar, epoch, loss)
        )
    finally:
        if bar is not None:
            bar.close()
    files, notes = forecast.write_files(result, args.output)
    seconds = time.perf_counter() - started
    if args.json:
        report = forecast.as_dict(result)
        report["files"] = [str(path) for path in files]
        report["notes"] += notes
        report["seconds"]["total"] = round(seconds, 3)
        print(json.dumps(report, indent=2, allow_nan=False))
    elif show:
        print(forecast.as_text(result, title))
        print(f"{'wrote:':<10}{', '.join(str(path) for path in files)} ({seconds:.1f} s in all)")
    if notes and not args.quiet:
        print(*(f"{_PROG}: {note}" for note in notes), sep="\n", file=sys.stderr)
    return 0


def _options(args: argparse.Namespace) -> Options:
    from lstm_fast.forecast import DataError, Options

    if args.data is not None and args.dataset is not None:
        raise DataError(f"expected a file or --dataset, got both: {args.data} and --dataset {args.dataset}")
    names = ("window", "units", "layers", "epochs", "batch_size", "seed", "test_fraction", "horizon", "season")
    return Options(**{name: getattr(args, name) for name in names})


def _series(args: argparse.Namespace) -> tuple[Series, str]:
    """The series, and its title when it is a bundled one."""
    from lstm_fast import datasets
    from lstm_fast.forecast import read_csv

    if args.data is not None:
        return read_csv(args.data, args.column), ""
    name = args.dataset or datasets.NAMES[0]
    return datasets.load(name, args.column), f"{name} (bundled)"


def _bar(epochs: int) -> Any:
    from tqdm import tqdm

    return tqdm(total=epochs, desc="training", unit="epoch", leave=False, file=sys.stderr)


def _advance(bar: Any, epoch: int, loss: float) -> None:
    bar.set_postfix_str(f"validation loss {loss:.4f}", refresh=False)
    bar.update(epoch - bar.n)
