"""Every example runs as it stands, in an empty folder, and leaves its result and its picture."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

FOLDER = Path(__file__).parent.parent / "examples"
EXAMPLES = sorted(FOLDER.glob("[0-9][0-9]_*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example(example: Path, tmp_path: Path) -> None:
    if "sklearn" in example.read_text():
        pytest.importorskip("sklearn")
    env = {**os.environ, "LSTM_FAST_EXAMPLES": "short", "MPLBACKEND": "Agg"}
    done = subprocess.run(
        [sys.executable, str(example)], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    results = [line for line in done.stdout.splitlines() if not line.startswith("Epoch ")]
    assert re.search(r"\d", "".join(results)), done.stdout
    assert [path.name for path in tmp_path.iterdir()] == [f"{example.stem}.png"]
    assert (tmp_path / f"{example.stem}.png").read_bytes().startswith(b"\x89PNG")


def test_examples_are_short_and_in_the_gallery() -> None:
    gallery = (FOLDER.parent / "docs" / "gallery.md").read_text()
    for example in EXAMPLES:
        assert len(example.read_text().splitlines()) < 60, example
        assert f"examples/{example.name}" in gallery
        assert 0 < (FOLDER.parent / "docs" / "gallery" / f"{example.stem}.png").stat().st_size < 60_000
