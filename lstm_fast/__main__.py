"""`python -m lstm_fast`: the command line."""

from __future__ import annotations

import sys

from lstm_fast.cli import main

if __name__ == "__main__":
    sys.exit(main())
