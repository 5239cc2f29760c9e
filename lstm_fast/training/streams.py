"""Streams: batches from a generator, from an object that has them by number, or from any iterable."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from lstm_fast.training.data import whole_number


def is_stream(x: Any) -> bool:
    """Whether x yields batches, other than an array, frame, list or dict of rows."""
    if x is None or isinstance(x, list | tuple | dict | str) or hasattr(x, "__array__") or hasattr(x, "to_numpy"):
        return False
    return hasattr(x, "__iter__") or (hasattr(x, "__getitem__") and hasattr(x, "__len__"))


class Stream:
    """What `fit`, `evaluate` and `predict` read batches from.

    Args:
        op: how messages name it.
        source: a generator, a PyDataset (or anything with `__len__` and `__getitem__`), or an iterable.
        steps: batches in an epoch; None: all that `source` has.
        options: further arguments of `Trainer.data_for`, such as class_weight.
    """

    def __init__(self, op: str, source: Any, steps: int | None = None, **options: Any) -> None:
        self.op, self.source, self.options = op, source, options
        self.once = hasattr(source, "__next__")  # a generator goes on where it stopped
        self.numbered = not self.once and hasattr(source, "__getitem__") and hasattr(source, "__len__")
        try:
            self.length: int | None = None if self.once else len(source)
        except TypeError:
            self.length = None
        limit = None if steps is None else whole_number("steps_per_epoch" if op == "fit" else "steps", steps, 1, op)
        self.steps = self.length if limit is None else limit if self.length is None else min(limit, self.length)

    def check_epochs(self, epochs: int) -> None:
        if self.once and self.steps is None and epochs > 1:
            raise ValueError(
                f"{self.op}: where a generator ends is not known; give steps_per_epoch for {epochs} epochs"
            )

    def batches(self, order: Iterable[int] | None = None) -> Iterator[tuple[Any, ...]]:
        """The batches of one epoch as (x, y) or (x, y, weights); by number in `order` where they have one.

        Raises:
            ValueError: the source ended before `steps` batches.
        """
        source, count = self.source, 0
        begin, end = (getattr(source, f"on_epoch_{when}", None) for when in ("begin", "end"))
        if callable(begin):
            begin()
        for batch in itertools.islice(self._items(order), self.steps):
            yield self._parts(batch)
            count += 1
        if self.steps is not None and count < self.steps:
            raise ValueError(f"{self.op}: the {type(source).__name__} ended after {count} batches of an epoch of "
                             f"{self.steps}; lower steps_per_epoch or let it go on")  # fmt: skip
        if callable(end):
            end()

    def _items(self, order: Iterable[int] | None) -> Iterator[Any]:
        if self.numbered and self.length is not None:
            return (self.source[int(k)] for k in (range(self.length) if order is None else order))
        return iter(self.source)

    def _parts(self, batch: Any) -> tuple[Any, ...]:
        if isinstance(batch, tuple) or (isinstance(batch, list) and len(batch) in (2, 3)):
            if not 1 <= len(batch) <= 3:
                raise ValueError(f"{self.op}: expected batches (x, y) or (x, y, weights), got {len(batch)} parts")
            return tuple(batch)
        return (batch,)
