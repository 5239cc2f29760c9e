"""float64 central differences of a random linear functional of (y, h, c), for every element of every input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from problems import INPUTS, Problem, make, run
from tolerances import assert_close

from lstm_fast import functional

EPSILON = 1e-5  # truncation and rounding both about 1e-10

OPTIONS: list[dict[str, Any]] = [
    {},
    {"reverse": True},
    {"lengths": [4, 0, 2]},
    {"lengths": [1, 4, 3], "reverse": True},
]


def loss(p: Problem) -> float:
    y, h, c = functional.lstm(**p.inputs, **p.options)
    return float(np.sum(y * p.dy) + np.sum(h * p.dh) + np.sum(c * p.dc))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_input(options: dict[str, Any]) -> None:
    p = make(3, 4, 2, 5, **options)
    got = run(p)
    for name in INPUTS:
        a = getattr(p, name)
        want = np.empty_like(a)
        for k in np.ndindex(a.shape):
            value = a[k]
            a[k] = value + EPSILON
            up = loss(p)
            a[k] = value - EPSILON
            down = loss(p)
            a[k] = value
            want[k] = (up - down) / (2 * EPSILON)
        assert_close("central difference", got[f"d{name}"], want, f"d{name} {options}")
        assert np.abs(want).max() > 1e-3  # the comparison is not between zeros
