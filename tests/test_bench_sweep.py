"""The sweep finds what sticks out and draws it. Nothing here asserts a time."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from lstm_fast.bench import race, report, sweep
from lstm_fast.bench.cases import Case

BASE = Case(3, 5, 7, 6, mode="inference")


def line(per_flop: dict[int, float], share: float = 0.5) -> list[sweep.Point]:
    """Points over T with these times per flop, in picoseconds."""
    points = []
    for T, ps in per_flop.items():
        case = Case(3, T, 7, 6, mode="inference")
        ms = 1e-9 * ps * case.flop()
        row = report.Row(case, {"lstm_fast": race.Timing([ms], {"y": 1e-7})}, limit_ms=share * ms)
        points.append(sweep.Point(BASE, "T", T, row))
    return points


def test_a_cliff_is_a_point_above_its_neighbours() -> None:
    found = sweep.judged(line({1: 64.0, 2: 32.0, 4: 16.0, 7: 30.0, 16: 4.0, 32: 2.0}))
    assert [p["value"] for p in found if p["cliff"]] == [7]
    between = math.exp(math.log(16) + math.log(7 / 4) / math.log(4) * math.log(4 / 16))
    assert found[3]["of_neighbours"] == pytest.approx(30 / between)
    assert found[3]["ps_per_flop"] == pytest.approx(30)
    assert found[2]["of_trend"] == pytest.approx(16 / 30)  # median of 64, 32, 16, 30, 4
    assert found[0]["of_neighbours"] is None
    assert not found[-1]["cliff"]


def test_a_slope_has_no_cliff() -> None:
    """Small sizes cost more per flop by nature; only what leaves the slope counts."""
    assert not any(p["cliff"] for p in sweep.judged(line({T: 300 / T for T in (1, 2, 5, 17, 100)})))
    assert not any(p["cliff"] for p in sweep.judged(line({1: 10.0, 2: 14.9, 3: 10.0})))
    assert [p["cliff"] for p in sweep.judged(line({1: 10.0, 2: 15.1, 3: 10.0}))] == [False, True, False]


def test_shape_values_are_ascending_and_odd_sizes_are_there() -> None:
    for values in (sweep.VALUES, sweep.FEW):
        assert list(values) == list("HBIT")
        assert all(line == sorted(set(line)) for line in values.values())
    assert {17, 100, 300, 650, 1150} <= set(sweep.VALUES["H"])
    assert {3, 17, 50} <= set(sweep.VALUES["B"])
    assert [max(sweep.VALUES[d]) for d in "HBIT"] == [1150, 512, 2048, 1000]


def test_a_sweep_writes_json_and_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    image = pytest.importorskip("PIL.Image")
    monkeypatch.setattr(sweep, "PROBE_SECONDS", 0.005)
    monkeypatch.setattr(sweep, "FEW", {"H": [1, 6, 9], "B": [1, 4], "I": [2, 3], "T": [1, 5]})
    path = tmp_path / "sweep.json"
    words = ["--quick", "--bases", "3,5,7,6;1,2,3,4", "--blocks", "1", "--seconds", "0.0005"]
    status = sweep.run(sweep.arguments().parse_args([*words, "--json", str(path), "--pictures", str(tmp_path / "new")]))
    output = capsys.readouterr()
    assert (status, output.err) == (0, "")
    results = json.loads(path.read_text(encoding="utf-8"))["results"]
    assert len(results) == 2 * 2 * (3 + 2 + 2 + 2)
    assert [(p["B"], p["T"], p["I"], p["H"]) for p in results[:4]] == [
        (3, 5, 7, 1),
        (3, 5, 7, 6),
        (3, 5, 7, 9),
        (1, 2, 3, 1),
    ]
    for p in results:
        assert p[p["dimension"]] == p["value"]
        assert p["ps_per_flop"] > 0
        assert p["rivals"]["lstm_fast"]["note"] == ""
    for mode in ("inference", "training"):
        file = tmp_path / "new" / f"sweep_{mode}.png"
        assert image.open(file).size[0] > 1000
        assert file.stat().st_size < 80_000
    assert "points above 1.5 times their neighbours: " in output.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--dimensions", "HX"], "sweep: expected --dimensions from H, B, I, T, received 'HX'"),
        (["--bases", "1,2"], "bench: expected --shapes as"),
        (["--json", "no/such/folder/s.json"], "sweep: expected an existing folder, received"),
        (["--pictures", "no/such/folder"], "sweep: expected an existing folder, received"),
        (["--peers", "caffe"], "received 'caffe'"),
    ],
)
def test_wrong_arguments_are_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep.run(sweep.arguments().parse_args(words)) == 2
    output = capsys.readouterr()
    assert message in output.err
    assert output.err.count("\n") == 1
