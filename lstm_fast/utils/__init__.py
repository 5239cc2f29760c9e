"""Helpers around training."""

from lstm_fast.config import clear_session
from lstm_fast.utils.categorical import to_categorical
from lstm_fast.utils.py_dataset import PyDataset, Sequence
from lstm_fast.utils.random import set_random_seed
from lstm_fast.utils.sequences import pad_sequences
from lstm_fast.utils.timeseries import timeseries_dataset_from_array

__all__ = [
    "PyDataset",
    "Sequence",
    "clear_session",
    "pad_sequences",
    "set_random_seed",
    "timeseries_dataset_from_array",
    "to_categorical",
]
