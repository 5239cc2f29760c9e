"""The examples in the docstrings run as printed."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    "name", ["lstm_fast.functional", "lstm_fast.reference", "lstm_fast._threads", "lstm_fast.streaming"]
)
def test_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
