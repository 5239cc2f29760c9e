"""Time per flop against H, B, I and T, one dimension at a time; names the shapes that stick out.

python bench/sweep.py --quick
python bench/sweep.py --json bench/results/sweep.json --pictures docs/performance
"""

from __future__ import annotations

import sys

from lstm_fast.bench import sweep

if __name__ == "__main__":
    sys.exit(sweep.run(sweep.arguments().parse_args()))
