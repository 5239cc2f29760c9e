"""Windows of a series, made batch by batch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lstm_fast.utils.random import new_generator

Array = np.ndarray[Any, Any]


class Dataset:
    """Batches that can be read again and again: `for x, y in dataset`, `model.fit(dataset)`.

    Args:
        batches: makes an iterator over all batches.
        length: how many there are.
    """

    def __init__(self, batches: Callable[[], Iterator[Any]], length: int) -> None:
        self._batches, self._length = batches, length

    def __iter__(self) -> Iterator[Any]:
        return self._batches()

    def __len__(self) -> int:
        return self._length

    def take(self, count: int) -> Dataset:
        """The first batches."""
        n = len(self) if count < 0 else min(count, len(self))
        return Dataset(lambda: itertools.islice(self, n), n)

    def skip(self, count: int) -> Dataset:
        """All batches but the first."""
        return Dataset(lambda: itertools.islice(self, count, None), max(0, len(self) - count))

    def map(self, function: Callable[..., Any], *ignored: Any, **also_ignored: Any) -> Dataset:
        """`function` of each batch: function(x, y), or function(x) where there are no targets."""

        def batches() -> Iterator[Any]:
            return (function(*b) if isinstance(b, tuple) else function(b) for b in self)

        return Dataset(batches, len(self))

    def cache(self, *ignored: Any) -> Dataset:
        """Itself: batches are views of the series or made in no time."""
        return self

    prefetch = cache

    def as_numpy_iterator(self) -> Iterator[Any]:
        return iter(self)

    def __repr__(self) -> str:
        return f"<Dataset of {len(self)} batches>"


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> Dataset:
    """Windows (rows, sequence_length, ...) of a series, with targets[k] beside the window that starts at k.

    Args:
        data: the series (n,...); time is the first axis.
        targets: (n,...), or None for windows alone.
        sequence_length: steps of a window.
        sequence_stride: steps between the starts of two windows.
        sampling_rate: steps of the series between two steps of a window.
        batch_size: windows in a batch; None: windows one by one, without a batch axis.
        shuffle: the windows in a new order at each reading.
        seed: of the shuffling; None: from `utils.set_random_seed`.
        start_index, end_index: the part of the series to use, the end excluded.

    Raises:
        ValueError: a number out of range.

    Example:
        >>> for x, y in timeseries_dataset_from_array([1, 2, 3, 4], [10, 20, 30, 40], sequence_length=2):
        ...     print(x.tolist(), y.tolist())
        [[1, 2], [2, 3], [3, 4]] [10, 20, 30]
    """
    series = np.asarray(data)
    if not series.ndim or series.dtype.kind in "US":
        raise ValueError(
            f"timeseries_dataset_from_array: expected data as an array of numbers over time, got {data!r:.60}"
        )
    n = len(series)
    _check("start_index", start_index, 0, n - 1)
    _check("end_index", end_index, (start_index or 0) + 1, n)
    for name, value in (("sampling_rate", sampling_rate), ("sequence_stride", sequence_stride)):
        _check(name, value, 1, n - 1)
    _check("sequence_length", sequence_length, 1, n)
    used = slice(start_index or 0, n if end_index is None else end_index)
    series, wanted = series[used], None if targets is None else np.asarray(targets)[used]
    count = len(series) - (sequence_length - 1) * sampling_rate
    if targets is not None:
        count = min(count, len(targets))
    starts = np.arange(0, max(0, count), sequence_stride)
    rng = new_generator(seed) if shuffle else None
    steps = np.arange(0, sequence_length * sampling_rate, sampling_rate)

    def batch(at: Any) -> Any:
        x = series[at[..., None] + steps]
        return x if wanted is None else (x, wanted[at])

    def batches() -> Iterator[Any]:
        order = starts if rng is None else rng.permutation(starts)
        if batch_size is None:
            return (batch(at) for at in order)
        return (batch(order[k : k + batch_size]) for k in range(0, len(order), batch_size))

    return Dataset(batches, len(starts) if batch_size is None else -(-len(starts) // batch_size))


def _check(name: str, value: int | None, low: int, high: int) -> None:
    if value is not None and not low <= value <= high:
        raise ValueError(f"timeseries_dataset_from_array: expected {name} in {low}..{high}, got {value}")
