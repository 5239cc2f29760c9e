"""The object of an instruction set has one global symbol, its table row: nothing compiled for it can leak elsewhere."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

BUILD = Path(__file__).parent.parent / "build"
OBJECTS = sorted(BUILD.glob("*-*-*/CMakeFiles/isa_*.dir/src/isa/*.o"))  # by wheel tag


def defined_globals(file: Path) -> list[str]:
    """Defined external names, weak and unique ones too: the linker merges them across objects."""
    listing = subprocess.run(
        ["nm", "--defined-only", "--extern-only", "--format=posix", file], capture_output=True, text=True, check=True
    )
    return [line.split()[0] for line in listing.stdout.splitlines()]


@pytest.mark.skipif(not OBJECTS, reason="no build tree here: pip install . leaves one in build/")
@pytest.mark.skipif(shutil.which("nm") is None, reason="needs nm (binutils)")
@pytest.mark.parametrize("file", OBJECTS, ids=[f"{o.parents[4].name}-{o.name.split('.')[0]}" for o in OBJECTS])
def test_one_global_symbol(file: Path) -> None:
    isa = file.name.split(".")[0]
    assert defined_globals(file) == [f"lf_row_{isa}"]


@pytest.mark.skipif(shutil.which("nm") is None, reason="needs nm (binutils)")
def test_extension_exports_only_its_init() -> None:
    """Every other symbol is hidden: another library's names cannot take the place of ours."""
    from lstm_fast import _core

    listing = subprocess.run(
        ["nm", "--dynamic", "--defined-only", "--extern-only", "--format=posix", _core.__file__],
        capture_output=True,
        text=True,
        check=True,
    )
    names = [line.split()[0] for line in listing.stdout.splitlines()]
    print(names)
    assert "PyInit__core" in names
    assert [n for n in names if n.startswith("lf_")] == []
