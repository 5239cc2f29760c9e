"""lstm_fast beside every installed peer, in one run: the same as `lstm-fast bench`.

python bench/compare.py --quick
python bench/compare.py --threads 2 --json bench/results/two_threads.json
"""

from __future__ import annotations

import argparse
import sys

from lstm_fast.bench import cli

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_arguments(parser)
    sys.exit(cli.run(parser.parse_args()))
