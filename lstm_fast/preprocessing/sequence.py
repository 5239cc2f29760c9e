"""Series as batches of windows, sequences of unequal length as one array."""

from __future__ import annotations

from typing import Any

import numpy as np

from lstm_fast.utils.py_dataset import PyDataset
from lstm_fast.utils.random import generator
from lstm_fast.utils.sequences import pad_sequences

__all__ = ["TimeseriesGenerator", "pad_sequences"]

Array = np.ndarray[Any, Any]


class TimeseriesGenerator(PyDataset):
    """Batches of windows (rows, length / sampling_rate, ...) of a series and the target that follows each.

    Args:
        data: the series; time is the first axis.
        targets: in step with data; window data[k-length:k] has the target targets[k].
        length: of a window, in steps of data.
        sampling_rate: every so many steps of a window are kept.
        stride: steps between two windows.
        start_index, end_index: the part of data to use, both inclusive.
        shuffle: windows at random places, as `utils.set_random_seed` has it.
        reverse: windows with time running backwards.
        batch_size: windows in a batch.

    Raises:
        ValueError: data and targets of unequal length, or no window fits.

    Example:
        >>> x, y = TimeseriesGenerator([1, 2, 3, 4, 5], [1, 2, 3, 4, 5], length=2, batch_size=2)[0]
        >>> x.tolist(), y.tolist()
        ([[1, 2], [2, 3]], [3, 4])
    """

    def __init__(
        self,
        data: Any,
        targets: Any,
        length: int,
        sampling_rate: int = 1,
        stride: int = 1,
        start_index: int = 0,
        end_index: int | None = None,
        shuffle: bool = False,
        reverse: bool = False,
        batch_size: int = 128,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if len(data) != len(targets):
            raise ValueError(
                f"TimeseriesGenerator: expected data and targets of one length, got {len(data)} and {len(targets)}"
            )
        self.data, self.targets = np.asarray(data), np.asarray(targets)
        self.length, self.sampling_rate, self.stride = int(length), int(sampling_rate), int(stride)
        self.start_index = start_index + self.length
        self.end_index = len(self.data) - 1 if end_index is None else int(end_index)
        self.shuffle, self.reverse, self.batch_size = bool(shuffle), bool(reverse), int(batch_size)
        if self.start_index > self.end_index:
            raise ValueError(f"TimeseriesGenerator: a window of {length} steps from {start_index} ends beyond "
                             f"end_index={self.end_index}; use a shorter window")  # fmt: skip

    def __len__(self) -> int:
        span = self.batch_size * self.stride
        return (self.end_index - self.start_index + span) // span

    def __getitem__(self, index: int) -> tuple[Array, Array]:
        if self.shuffle:
            rows = generator().integers(self.start_index, self.end_index + 1, self.batch_size)
        else:
            first = self.start_index + self.batch_size * self.stride * index
            rows = np.arange(first, min(first + self.batch_size * self.stride, self.end_index + 1), self.stride)
        steps = np.arange(-self.length, 0, self.sampling_rate)
        samples = self.data[rows[:, None] + (steps[::-1] if self.reverse else steps)]
        return samples, self.targets[rows]
