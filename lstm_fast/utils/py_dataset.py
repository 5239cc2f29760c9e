"""PyDataset: batches by number, which `fit` asks for one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class PyDataset:
    """Base of one's own data: define `__len__` (batches) and `__getitem__` (a batch: (x, y) or (x, y, weights)).

    The arguments are those of Keras, for its loader threads; batches are made here when they are needed.

    Example:
        >>> class Squares(PyDataset):
        ...     def __len__(self):
        ...         return 2
        ...     def __getitem__(self, index):
        ...         return [[index]], [[index**2]]
        >>> list(Squares())
        [([[0]], [[0]]), ([[1]], [[1]])]
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers, self.use_multiprocessing, self.max_queue_size = workers, use_multiprocessing, max_queue_size

    def __len__(self) -> int:
        raise NotImplementedError

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError

    @property
    def num_batches(self) -> int | None:
        return len(self)

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after each epoch: the place to shuffle."""

    def __iter__(self) -> Iterator[Any]:
        for k in range(len(self)):
            yield self[k]


Sequence = PyDataset
