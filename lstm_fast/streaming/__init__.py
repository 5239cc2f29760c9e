"""Streams: layers and models that are fed step by step."""

from lstm_fast.streaming.stream import Stream

__all__ = ["Stream"]
