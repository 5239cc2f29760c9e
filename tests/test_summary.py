"""summary() prints what Keras prints, character by character (goldens/make_summary.py)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lstm_fast as lf

GOLDEN = Path(__file__).parent / "goldens" / "summary.txt"


def chain(k: Any) -> Any:
    m = k.layers
    stack = [m.LSTM(50, return_sequences=True, name="first"), m.Dropout(0.2, name="drop")]
    stack += [m.BatchNormalization(name="batch_normalization"), m.LSTM(7, name="second"), m.Dense(1, name="out")]
    return k.models.Sequential([m.Input((10, 1)), *stack], name="chain")


def branched(k: Any) -> Any:
    m = k.layers
    a, b = m.Input((4, 3), name="a"), m.Input((7,), name="b")
    words = m.Embedding(9, 3, name="words_table")(b)
    y, h, c = m.LSTM(5, return_state=True, name="encoder")(a)
    z = m.LSTM(5, name="decoder")(words, initial_state=[h, c])
    return k.models.Model([a, b], m.Dense(2, name="out")(m.Concatenate(name="both")([y, z])), name="branched")


def straight(k: Any) -> Any:
    x = k.layers.Input((4, 3), name="x")
    return k.models.Model(x, k.layers.Dense(2, name="out")(k.layers.LSTM(5, name="lstm")(x)), name="straight")


def printed(k: Any) -> str:
    found: list[str] = []
    for build in (chain, branched, straight):
        model = build(k)
        model.summary(print_fn=lambda text, **_: found.append(text.rstrip("\n")))
        model.summary(line_length=60, print_fn=lambda text, **_: found.append(text.rstrip("\n")))
    trained = chain(k)
    trained.compile("adam", "mse")
    trained.fit(np.ones((4, 10, 1)), np.ones(4), verbose=0)
    trained.summary(print_fn=lambda text, **_: found.append(text.rstrip("\n")))
    return "\n".join(line.rstrip() for line in "\n".join(found).split("\n")) + "\n"


def test_equals_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert printed(lf) == GOLDEN.read_text(encoding="utf-8")


def test_without_shapes(capsys: pytest.CaptureFixture[str]) -> None:
    model = lf.Sequential([lf.layers.LSTM(3), lf.layers.Dense(1)])
    model.summary()
    text = capsys.readouterr().out
    assert text.count("0 (unbuilt)") == 2
    assert " ? " in text
