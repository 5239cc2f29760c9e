"""A model of the time on n cores: its 1- and 2-core predictions beside measurement, then 8, 32 and 64 cores.

python bench/scaling.py --json bench/results/scaling.json
"""

from __future__ import annotations

import sys

from lstm_fast.bench import scaling

if __name__ == "__main__":
    sys.exit(scaling.run(scaling.arguments().parse_args()))
