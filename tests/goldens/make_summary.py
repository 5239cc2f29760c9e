"""Writes summary.txt: what Keras 3 prints for the models of tests/test_summary.py, 80 columns wide.

Run `KERAS_BACKEND=jax COLUMNS=80 python tests/goldens/make_summary.py` where Keras is installed; commit the file.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))


def main() -> None:
    import keras
    from test_summary import printed

    (HERE / "summary.txt").write_text(printed(keras), encoding="utf-8")


if __name__ == "__main__":
    main()
