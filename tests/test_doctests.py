"""The examples in the docstrings run as printed, in every module that has one."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import lstm_fast

ROOT = Path(lstm_fast.__file__).parent
NEEDS = ("torch", "keras", "onnx", "sklearn", "jax")  # modules for another package, which may be missing


def modules() -> list[str]:
    files = [p.relative_to(ROOT) for p in sorted(ROOT.rglob("*.py")) if ">>> " in p.read_text(encoding="utf-8")]
    return [".".join(["lstm_fast", *p.with_suffix("").parts]).removesuffix(".__init__") for p in files]


@pytest.mark.parametrize("name", modules())
def test_examples(name: str) -> None:
    part = name.split(".")[1]
    if part in NEEDS:
        pytest.importorskip(part)
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
