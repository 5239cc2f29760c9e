"""Helpers around training."""

from lstm_fast.config import clear_session
from lstm_fast.utils.categorical import to_categorical
from lstm_fast.utils.random import set_random_seed

__all__ = ["clear_session", "set_random_seed", "to_categorical"]
