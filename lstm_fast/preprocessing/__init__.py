"""Texts and series of unequal length as arrays, with the names of older Keras programs."""

from lstm_fast.preprocessing import sequence, text
from lstm_fast.utils.timeseries import timeseries_dataset_from_array

__all__ = ["sequence", "text", "timeseries_dataset_from_array"]
