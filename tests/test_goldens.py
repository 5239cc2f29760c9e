"""PyTorch's numbers, stored by goldens/make_torch.py: parity without torch installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from problems import Problem, run
from tolerances import assert_close

from lstm_fast import functional, reference

FILES = sorted((Path(__file__).parent / "goldens").glob("lstm_*.npz"))


def test_goldens_are_there() -> None:
    assert len(FILES) == 10


@pytest.mark.parametrize("module", [functional, reference], ids=["kernel", "reference"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_golden(path: Path, module: object) -> None:
    with np.load(path, allow_pickle=False) as data:
        arrays = {n[3:]: data[n] for n in data if n.startswith("in_")}
        options = {n[7:]: data[n] for n in data if n.startswith("option_")}
        want = {n[4:]: data[n] for n in data if n.startswith("out_")}
    got = run(Problem(**arrays, options=options), module)
    for name, a in want.items():
        assert_close("torch gradient" if name.startswith("d") else "torch forward", got[name], a, name)
