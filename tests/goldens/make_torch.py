"""Writes the goldens: LSTM inputs, outputs and gradients from PyTorch, so that parity is tested without it.

Run `python tests/goldens/make_torch.py` where torch is installed; commit the .npz files.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

CASES: dict[str, tuple[tuple[int, int, int, int], dict[str, Any]]] = {
    "plain": ((3, 5, 7, 6), {}),
    "univariate": ((2, 8, 1, 17), {}),
    "reverse": ((4, 3, 2, 9), {"reverse": True}),
    "ragged": ((5, 6, 3, 4), {"lengths": [2, 6, 1, 4, 6]}),
    "projected": ((3, 5, 4, 8), {"projection": 3, "lengths": [5, 2, 4]}),
}


def main() -> None:
    import torch
    from problems import make
    from test_torch_parity import torch_run

    for dtype in ("float32", "float64"):
        for name, (shape, options) in CASES.items():
            options = dict(options)
            p = make(*shape, dtype, projection=options.pop("projection", None))
            arrays: dict[str, Any] = {f"in_{n}": a for n, a in vars(p).items() if isinstance(a, np.ndarray)}
            arrays |= {f"out_{n}": a for n, a in torch_run(p, **options).items()}
            arrays |= {f"option_{n}": np.asarray(v) for n, v in {**p.options, **options}.items()}
            np.savez_compressed(
                HERE / f"lstm_{name}_{dtype}.npz", torch_version=np.asarray(torch.__version__), **arrays
            )


if __name__ == "__main__":
    main()
