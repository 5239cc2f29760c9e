"""How many threads a call may use, for the whole process.

The number is an upper bound: a cost model runs small problems on one. It starts from OMP_NUM_THREADS and the CPU
affinity; `num_threads=` of a call overrides it for that call.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lstm_fast import _check, _core

__all__ = ["get_num_threads", "set_num_threads", "threads"]


def get_num_threads() -> int:
    """The upper bound on threads of a call that names none.

    Returns:
        An integer >= 1.

    Example:
        >>> get_num_threads() >= 1
        True
    """
    return int(_core.get_num_threads())


def set_num_threads(n: int) -> None:
    """Set the upper bound on threads of every later call in this process.

    Args:
        n: >= 1; more than 4 threads per CPU (at least 64) are lowered to that.

    Raises:
        TypeError: n is no integer.
        ValueError: n < 1.

    Example:
        >>> before = get_num_threads()
        >>> set_num_threads(2); get_num_threads()
        2
        >>> set_num_threads(before)
    """
    if n is None:
        raise TypeError("set_num_threads: expected num_threads as an integer >= 1, got None")
    _core.set_num_threads(_check.num_threads("set_num_threads", n))


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Within the block, calls use at most `n` threads; afterwards the former number holds again.

    The number belongs to the process, not to the Python thread that entered the block.

    Args:
        n: >= 1.

    Raises:
        TypeError: n is no integer.
        ValueError: n < 1.

    Example:
        >>> with threads(1):
        ...     get_num_threads()
        1
    """
    before = get_num_threads()
    set_num_threads(n)
    try:
        yield
    finally:
        set_num_threads(before)
