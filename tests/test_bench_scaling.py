"""The model of the time on n cores follows its figures, and the program runs. Nothing here asserts a time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lstm_fast import _core
from lstm_fast.bench import model, scaling
from lstm_fast.bench.cases import SHAPES, Case

# of an invented machine with round numbers
FIGURES = model.Figures(
    peak=100e9,
    alone={"L1": 200e9, "L2": 100e9, "L3": 50e9, "DRAM": 20e9},
    shared={"L1": 200e9, "L2": 100e9, "L3": 40e9, "DRAM": 12e9},
    sizes={"L1": 32 << 10, "L2": 1 << 20, "L3": 32 << 20},
    call={"inference": 1e-6, "training": 5e-6},
    step={"inference": 40e-9, "training": 150e-9},
    cell={"inference": 1e-9, "training": 3e-9},
    weight={"L2": 0.5e-9, "L3": 1e-9},
    team=3e-6,
    barrier=200e-9,
    lanes=16,
    rows=6,
    cores_per_l3=8,
    dram=24e9,
)


def test_bandwidth_of_further_cores() -> None:
    assert FIGURES.bandwidth("L2", 64) == 100e9
    assert FIGURES.bandwidth("L3", 1) == 50e9
    assert FIGURES.bandwidth("L3", 2) == pytest.approx(40e9)  # as measured
    assert FIGURES.bandwidth("L3", 8) == FIGURES.bandwidth("L3", 64) == pytest.approx(50e9 / (1 + 0.25 * 7))
    assert FIGURES.bandwidth("DRAM", 1) == 20e9
    assert FIGURES.bandwidth("DRAM", 8) == 3e9
    assert (FIGURES.meeting(1), FIGURES.meeting(2), FIGURES.meeting(8)) == (0, 200e-9, pytest.approx(800e-9))


def test_a_product_is_bound_by_arithmetic_or_by_reading() -> None:
    many = model.product(FIGURES, 600, 256, 1024, 1)
    assert many == pytest.approx(2 * 600 * 256 * 1024 / 100e9)
    one = model.product(FIGURES, 1, 256, 1024, 1)  # 1 MiB of panel for half a megaflop: L2 binds
    assert one == pytest.approx(4 * 256 * 1024 / 100e9)
    from_l3 = model.product(FIGURES, 1, 1024, 1024, 2)
    assert from_l3 == pytest.approx(4 * 1024 * 1024 / 40e9)


def test_one_core_by_hand() -> None:
    B, T, I, H = 60, 7, 33, 128
    products = 8 * B * T * H * (I + H) / 100e9
    expected = 1e-6 + products + B * T * H * 1e-9
    assert model.predict(FIGURES, Case(B, T, I, H, "inference")) == pytest.approx(expected)
    weights = 4 * H * (I + H)
    expected = 5e-6 + 3 * products + B * T * H * 3e-9 + weights * 0.5e-9
    assert model.predict(FIGURES, Case(B, T, I, H, "training")) == pytest.approx(expected)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mode", ["inference", "training"])
def test_more_cores_are_never_slower_and_never_beyond_linear_by_arithmetic(shape: Any, mode: str) -> None:
    case = Case(*shape, mode=mode)
    times = [model.best(FIGURES, case, n).seconds for n in (1, 2, 8, 32, 64)]
    assert times == sorted(times, reverse=True)
    for n, seconds in zip((1, 2, 8, 32, 64), times, strict=True):
        assert seconds >= case.flop() / (n * FIGURES.peak)


def test_few_rows_share_units_and_many_share_rows() -> None:
    one_row, many_rows = Case(1, 50, 1024, 1024, "inference"), Case(512, 32, 64, 128, "inference")
    assert model.best(FIGURES, one_row, 8).split == "units"
    assert model.best(FIGURES, many_rows, 8).split == "rows"
    both = model.best(replace(FIGURES, barrier=0.0), Case(64, 50, 512, 512, "inference"), 64)  # 16 groups of units
    assert (both.split, both.workers, both.parts * both.units) == ("rows and units", 64, 64)
    assert model.best(FIGURES, Case(1, 1, 1, 20, "inference"), 64).workers == 1  # a team costs more than the work
    assert model.handover(replace(FIGURES, barrier=1e-3), one_row, 8) == 1  # dear barriers: rows at once
    assert model.handover(replace(FIGURES, barrier=0.0), one_row, 8) == 0  # free ones: never
    assert 1 < model.handover(FIGURES, Case(1, 50, 256, 256, "inference"), 8) < 64


def test_probe_barrier() -> None:
    team, barrier = _core.probe_barrier(1, 0.002)
    assert team > 0
    assert barrier >= 0
    team, barrier = _core.probe_barrier(2, 0.002)
    assert team > 0
    assert barrier >= 0
    with pytest.raises(ValueError, match="probe_barrier: expected threads >= 1, got 0"):
        _core.probe_barrier(0, 0.001)


def test_the_program_checks_and_predicts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scaling, "PROBE_SECONDS", 0.005)
    path = tmp_path / "scaling.json"
    words = ["--shapes", "1,2,3,4;20,5,7,6", "--blocks", "1", "--seconds", "0.001", "--json", str(path)]
    status = scaling.run(scaling.arguments().parse_args(words))
    output = capsys.readouterr()
    assert (status, output.err) == (0, "")
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["figures"]["peak"] > 0
    assert content["figures"]["cell"]["training"] >= 0
    assert [(r["mode"], r["shape"]) for r in content["results"]] == [
        (mode, shape) for mode in ("inference", "training") for shape in ([1, 2, 3, 4], [20, 5, 7, 6])
    ]
    for row in content["results"]:
        assert set(row["model"]) >= {"1", "8", "32", "64"}
        assert all(entry["ms"] > 0 for entry in row["model"].values())
        assert row["measured_ms"]["1"] > 0
    tables = [line for line in output.out.splitlines() if line.startswith("| ")]
    assert len(tables) == 2 * (1 + 4)
    assert "median error of the model: 1 core " in output.out


def test_wrong_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert scaling.run(scaling.arguments().parse_args(["--shapes", "1,2"])) == 2
    assert scaling.run(scaling.arguments().parse_args(["--json", "no/such/folder/s.json"])) == 2
    assert "scaling: expected --json in an existing folder" in capsys.readouterr().err
