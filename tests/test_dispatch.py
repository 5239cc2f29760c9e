"""LSTM_FAST_ISA forces an instruction set: that one runs; an unavailable or unknown one is a clear ImportError."""

from __future__ import annotations

from typing import Any

from lstm_fast import _core

NAMES = ("generic", "avx2", "avx512", "neon")
SHOW = "from lstm_fast import _core; print(_core.isa(), *_core.isas())"


def test_names() -> None:
    isas = _core.isas()
    assert _core.isa() in NAMES
    assert set(isas) <= set(NAMES)
    assert isas[-1] == "generic"  # everywhere, and the last choice
    assert len(set(isas)) == len(isas)


def test_forced_is_running(python: Any) -> None:
    isas = python(SHOW, LSTM_FAST_ISA="").stdout.split()[1:]
    for isa in isas:
        done = python(SHOW, LSTM_FAST_ISA=isa)
        assert done.returncode == 0, done.stderr
        assert done.stdout.split()[0] == isa


def test_best_runs_when_nothing_is_forced(python: Any) -> None:
    running, *isas = python(SHOW, LSTM_FAST_ISA="").stdout.split()
    assert running == isas[0]


def test_unavailable_is_an_import_error(python: Any) -> None:
    isas = python(SHOW, LSTM_FAST_ISA="").stdout.split()[1:]
    missing = [name for name in NAMES if name not in isas]
    assert missing, "no CPU has both AVX and NEON"
    for name in missing:
        done = python(SHOW, LSTM_FAST_ISA=name)
        last = done.stderr.strip().splitlines()[-1]
        print(last)
        assert done.returncode == 1
        assert last.startswith("ImportError: ")
        assert "LSTM_FAST_ISA" in last
        assert name in last
        assert isas[0] in last  # what there is instead


def test_unknown_is_an_import_error(python: Any) -> None:
    for name in ("sse9", "AVX2 ", "avx2,generic"):
        done = python(SHOW, LSTM_FAST_ISA=name)
        last = done.stderr.strip().splitlines()[-1]
        print(last)
        assert done.returncode == 1
        assert last.startswith("ImportError: ")
        assert "LSTM_FAST_ISA" in last
        assert name.strip() in last
