"""`lstm-fast SUBCOMMAND`: reads the arguments, runs, turns what goes wrong into one line and an exit status."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from . import forecast, info
from .parser import Parser

INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: arguments; those of the process when None.

    Returns:
        0 done, 1 the run failed, 2 wrong arguments or data, 130 interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    args = _parser(arguments).parse_args(arguments)
    prog = f"lstm-fast {args.subcommand}"
    try:
        status: int = args.run(args)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return _fail(f"{prog}: interrupted", INTERRUPTED)
    except BrokenPipeError:  # the reader of our output has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except MemoryError as error:
        return _fail(f"{prog}: not enough memory{f': {error}' if str(error) else ''}", 1)
    except ImportError as error:
        return _fail(f"{prog}: {error}", 1)


def _fail(line: str, status: int) -> int:
    print(line, file=sys.stderr)
    return status


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    import lstm_fast

    parser = Parser(prog="lstm-fast", description="The fastest LSTM on a CPU, at the command line.")
    parser.add_argument("--version", action="version", version=f"lstm-fast {lstm_fast.__version__}")
    commands = parser.add_subparsers(dest="subcommand", metavar="SUBCOMMAND", required=True, parser_class=Parser)
    for name, module, text in (
        ("forecast", forecast, "train on a series, test against naive forecasts, forecast it"),
        ("info", info, "versions, instruction set, threads"),
    ):
        command = commands.add_parser(name, help=text, description=module.__doc__)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    command = commands.add_parser(
        "bench", help="time lstm_fast and the installed peers", description="Time lstm_fast and the installed peers."
    )
    if "bench" in arguments[:1]:  # the benchmark is imported only when it is asked for
        from lstm_fast.bench import cli

        cli.add_arguments(command)
        command.set_defaults(run=cli.run)
    return parser
