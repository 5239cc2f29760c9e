"""The former place of `lstm_fast._threads`; import from `lstm_fast`."""

from __future__ import annotations

from lstm_fast._threads import get_num_threads, set_num_threads, threads

__all__ = ["get_num_threads", "set_num_threads", "threads"]
