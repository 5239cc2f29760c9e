"""Predictions and loss curves equal those of Keras 3, stored by goldens/make_*.py; the tests need no Keras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras_masked_states
import keras_models
import keras_models_other
import keras_models_recurrent
import numpy as np
import pytest

import lstm_fast

PREDICTION = 1e-5  # before training, float32
CURVE = 1e-3  # loss and metrics over 100 updates, relative to max(1, value)
AFTER = 3e-2  # predictions after them: rounding grows along directions that the loss does not see
GOLDENS = Path(__file__).parent / "goldens"
TABLES = {  # file: its cases
    "keras": keras_models.CASES,
    "keras_other": keras_models_other.CASES,
    "keras_recurrent": keras_models_recurrent.CASES,
}


@pytest.fixture(scope="module")
def goldens() -> dict[str, dict[str, Any]]:
    stored = {}
    for file in TABLES:
        with np.load(GOLDENS / f"{file}.npz") as arrays:
            stored[file] = dict(arrays)
    return stored


@pytest.mark.parametrize("file", TABLES)
def test_every_case_is_stored(file: str, goldens: dict[str, dict[str, Any]]) -> None:
    assert {key.split("/")[0] for key in goldens[file]} - {"keras_version"} == set(TABLES[file])


@pytest.mark.parametrize(("file", "name"), [(file, name) for file, cases in TABLES.items() for name in cases])
def test_keras(file: str, name: str, goldens: dict[str, dict[str, Any]]) -> None:
    want = {key.partition("/")[2]: a for key, a in goldens[file].items() if key.startswith(f"{name}/")}
    weights = [want[key] for key in sorted(want) if key.startswith("weight_")]
    got = keras_models.run(lstm_fast, name, TABLES[file][name], weights)
    assert set(got) == set(want)
    for key, value in want.items():
        a = np.asarray(got[key], np.float64)
        assert a.shape == value.shape, key
        error = float(np.max(np.abs(a - value) / np.maximum(1, np.abs(value)), initial=0))
        limit = PREDICTION if key == "before" or key.startswith("weight_") else AFTER if key == "after" else CURVE
        print(f"{name} {key}: {error:.1e} (limit {limit:.0e})")
        assert error <= limit, f"{name}: {key} differs from Keras by {error:.2e}"


def test_masked_steps_from_given_states() -> None:
    """Above all rows without any step: their last output is zero, their last states are those given."""
    got = keras_masked_states.results(lstm_fast)
    with np.load(GOLDENS / "keras_masked_states.npz") as want:
        assert set(want) == set(got)
        for name in want:
            error = float(np.max(np.abs(got[name] - want[name])))
            assert error <= PREDICTION, f"{name}: {error:.2e}"
