"""Random numbers: one Philox generator that every other one is derived from."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

_generator = np.random.Generator(np.random.Philox(secrets.randbits(128)))
_inside: ContextVar[np.random.Generator | None] = ContextVar("generator inside `seeded`", default=None)


def set_random_seed(seed: int) -> None:
    """Make initial weights, shuffling and dropout of everything created from now on reproducible.

    Args:
        seed: an integer >= 0.

    Raises:
        ValueError: anything else.

    Example:
        >>> set_random_seed(7); a = generator().random()
        >>> set_random_seed(7); a == generator().random()
        True
    """
    global _generator
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"set_random_seed: expected an integer >= 0, got {seed!r}")
    _generator = np.random.Generator(np.random.Philox(int(seed)))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Inside, this thread draws from a generator of its own; the global one is neither used nor moved.

    Example:
        >>> with seeded(3): a = generator().random()
        >>> with seeded(3): a == generator().random()
        True
    """
    token = _inside.set(np.random.Generator(np.random.Philox(int(seed))))
    try:
        yield
    finally:
        _inside.reset(token)


def generator() -> np.random.Generator:
    """The generator that initial weights and all seeds are drawn from."""
    return _inside.get() or _generator


def new_generator(seed: int | None = None) -> np.random.Generator:
    """An own generator; without a seed its seed is drawn from `generator()`."""
    if seed is None:
        seed = int(generator().integers(2**63))
    return np.random.Generator(np.random.Philox(int(seed)))


def get_state(g: np.random.Generator) -> dict[str, Any]:
    """The state of a Philox generator, as JSON can hold it."""
    state: dict[str, Any] = dict(g.bit_generator.state)
    inner = {k: [int(n) for n in v] for k, v in state["state"].items()}
    return {**state, "state": inner, "buffer": [int(n) for n in state["buffer"]]}


def set_state(g: np.random.Generator, state: dict[str, Any]) -> None:
    """Continue where `get_state` was called."""
    inner = {k: np.asarray(v, np.uint64) for k, v in state["state"].items()}
    g.bit_generator.state = {**state, "state": inner, "buffer": np.asarray(state["buffer"], np.uint64)}
