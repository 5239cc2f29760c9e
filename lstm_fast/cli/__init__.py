"""The command `lstm-fast`: forecast, info, bench."""

from __future__ import annotations

from .command import main

__all__ = ["main"]
