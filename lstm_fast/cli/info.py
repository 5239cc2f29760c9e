"""Versions, instruction set, threads: what a bug report needs."""

from __future__ import annotations

import argparse
import json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `lstm-fast info`."""
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print; 0."""
    from lstm_fast.versions import show_versions, versions

    if args.json:
        print(json.dumps(versions(), indent=2))
    else:
        show_versions()
    return 0
