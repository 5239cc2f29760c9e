"""The code that README shows runs as it stands, and its two commands are the ones CI calls."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("code", BLOCKS, ids=[f"block{k}" for k in range(len(BLOCKS))])
def test_code_block_runs(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), names)
    for value in names.values():
        if isinstance(value, np.ndarray):
            assert np.isfinite(value).all()


def test_readme_has_code_and_both_commands() -> None:
    assert len(BLOCKS) >= 2
    assert "pip install '.[plot]' && lstm-fast forecast" in README
    assert "pip install '.[test]' && pytest" in README
