"""The NumPy twin in float64: stacks, for the comparison."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lstm_fast import reference

from ..cases import Case
from . import stack_functions
from .stack_functions import outputs as outputs


def setup(case: Case, threads: int) -> Callable[[], Any]:
    return stack_functions.setup(case, reference, "float64")
