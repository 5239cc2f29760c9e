"""lstm_fast: stacks by `lstm_fast.functional`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lstm_fast import functional, set_num_threads

from ..cases import Case
from . import stack_functions
from .stack_functions import outputs as outputs


def setup(case: Case, threads: int) -> Callable[[], Any]:
    set_num_threads(threads)
    return stack_functions.setup(case, functional, case.dtype)
