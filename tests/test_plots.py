"""Pictures: bytes repeat, pyplot is not touched, a missing matplotlib is one clear line."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tolerances import assert_close

import lstm_fast as lf
from lstm_fast import datasets
from lstm_fast.forecast import Options, forecast, from_array
from lstm_fast.plots import plot_forecast, plot_gates, plot_history

pytest.importorskip("matplotlib")
PNG = b"\x89PNG\r\n\x1a\n"
HISTORY = {"loss": [1.0, 0.4, 0.01], "mae": [0.5, 0.3, 0.2], "val_loss": [1.1, 0.3, 0.5], "val_mae": [0.5, 0.4, 0.3]}


def test_history_panels_and_file() -> None:
    file = io.BytesIO()
    figure = plot_history(HISTORY, file)
    assert file.getvalue().startswith(PNG)
    assert [a.get_ylabel() for a in figure.axes] == ["loss", "mae"]
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), HISTORY["loss"])
    assert "best, epoch 2" in [t.get_text() for t in figure.axes[0].get_legend().get_texts()]
    assert figure.axes[0].get_yscale() == "log"


def test_history_into_given_axes() -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    assert plot_history({"loss": [1.0]}, ax=figure.subplots()) is figure


def test_empty_history() -> None:
    with pytest.raises(ValueError, match="expected a history with at least one epoch"):
        plot_history({"loss": []})


def test_history_with_nan() -> None:
    plot_history({"loss": [1.0, float("nan")], "val_loss": [float("nan")] * 2}, io.BytesIO())


@pytest.mark.parametrize("horizon", [1, 5])
def test_forecast_bytes_repeat(horizon: int) -> None:
    result = forecast(datasets.load_sunspots(), Options(epochs=1, horizon=horizon))
    files = [io.BytesIO(), io.BytesIO()]
    for file in files:
        plot_forecast(result, file)
    assert files[0].getvalue().startswith(PNG)
    assert files[0].getvalue() == files[1].getvalue()
    for word in (b"Software", b"matplotlib", b"Creation"):
        assert word not in files[0].getvalue()


def test_forecast_without_season_and_with_gaps() -> None:
    values = np.random.default_rng(3).normal(size=90)
    values[[4, 5, 80]] = np.nan
    plot_forecast(forecast(from_array(values), Options(epochs=1, season=0)), io.BytesIO())


def test_notebook_sees_a_png() -> None:
    assert plot_history(HISTORY)._repr_png_().startswith(PNG)


def test_pyplot_is_left_alone() -> None:
    code = (
        "import io, sys, lstm_fast.plots as p; assert 'matplotlib' not in sys.modules;"
        "p.plot_history({'loss': [1.0, 2.0]}, io.BytesIO());"
        "assert 'matplotlib' in sys.modules and 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_missing_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'lstm_fast\[plot\]'"):
        plot_history(HISTORY)


def test_gates(tmp_path: Path, dtype: Any) -> None:
    rng = np.random.default_rng(5)
    layer = lf.layers.LSTM(4, dtype=dtype, return_sequences=True)
    x = rng.standard_normal((1, 9, 3)).astype(dtype)
    y = layer(x)
    w_x, w_h, b = layer.get_weights()
    gates = lf.functional.lstm_gates(x[0], w_x, w_h, b)
    assert np.array_equal(gates.h, y[0])
    before = np.vstack([np.zeros((1, 4), dtype), gates.c[:-1]])
    assert_close("forward", gates.f * before + gates.i * gates.g, gates.c, "c")
    assert_close("forward", gates.o * np.tanh(gates.c), gates.h, "h")
    h0, c0 = rng.standard_normal((2, 1, 4)).astype(dtype)
    batch = lf.functional.lstm_gates(x, w_x, w_h, b, h0, c0)
    assert_close("forward", batch.f[:, 0] * c0 + batch.i[:, 0] * batch.g[:, 0], batch.c[:, 0], "first c")
    assert_close("forward", batch.o * np.tanh(batch.c), batch.h, "h of a batch")
    figure = plot_gates(layer, x, unit=2, file=tmp_path / "gates.png")
    assert (tmp_path / "gates.png").read_bytes()[:4] == b"\x89PNG"
    assert len(figure.axes) == 2
    assert np.array_equal(figure.axes[0].lines[1].get_ydata(), gates.f[:, 2])
    with pytest.raises(ValueError, match=r"a unit in 0..3, got \(9, 3\) and 4"):
        plot_gates(layer, x, unit=4)
    with pytest.raises(ValueError, match="call it on data first"):
        plot_gates(lf.layers.LSTM(4), x)
    projected = lf.layers.LSTM(4, projection=2, peepholes=True, input_shape=(9, 3))
    projected.ensure_built([(None, 9, 3)])
    with pytest.raises(ValueError, match="has peepholes, projection; expected a plain LSTM"):
        plot_gates(projected, x)
