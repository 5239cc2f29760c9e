"""The benchmark runs, its rivals agree with the twin, its JSON is complete. Nothing here asserts a time."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import pytest

from lstm_fast.bench import cli, machine, peers, race, report
from lstm_fast.bench.cases import SHAPES, Case, parse_shapes
from lstm_fast.bench.remote import PeerError, Remote

SHAPE = (3, 5, 7, 6)  # (B,T,I,H)
INSTALLED = [name for name in peers.REQUIRES if not peers.missing(name)]

# ARCHITECTURE's reference machine, one core: the limits that its table of peers states in milliseconds
REFERENCE_MACHINE = machine.Limits(
    gflops=258,
    bandwidth={"L1": 518, "L2": 190, "L3": 105, "DRAM": 37},
    sizes={"L1": 48 << 10, "L2": 1 << 20, "L3": 32 << 20},
)


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    return parser.parse_args(words)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """JSON of one run over every installed peer."""
    path = tmp_path_factory.mktemp("bench") / "result.json"
    status = cli.run(
        arguments("--shapes", "3,5,7,6;1,2,3,4", "--blocks", "2", "--seconds", "0.002", "--json", str(path))
    )
    assert status == 0
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    assert list(path.parent.iterdir()) == [path], "a temporary file was left"
    return content


def test_every_installed_peer_runs_and_agrees(result: dict[str, Any]) -> None:
    assert [(r["B"], r["T"], r["I"], r["H"], r["mode"]) for r in result["results"]] == [
        (*shape, mode) for mode in ("inference", "training") for shape in (SHAPE, (1, 2, 3, 4))
    ]
    for row in result["results"]:
        assert list(row["rivals"]) == [name for name in INSTALLED if peers.runs(name, row["mode"])]
        for name, rival in row["rivals"].items():
            print(row["mode"], name, rival["errors"])
            assert rival["note"] == ""
            assert set(rival["errors"]) == ({"y"} if row["mode"] == "inference" else {"y", "dx", "dw_x", "dw_h", "db"})
            assert max(rival["errors"].values()) < 1e-5
            assert len(rival["blocks_ms"]) == 2
            assert min(rival["blocks_ms"]) > 0


def test_json_tells_machine_versions_and_settings(result: dict[str, Any]) -> None:
    assert result["schema"] == report.SCHEMA
    assert set(INSTALLED) <= set(result["versions"])
    assert all(result["versions"].values())
    assert result["settings"]["threads"] == result["limits"]["threads"] == 1
    assert result["settings"]["dtype"] == "float32"
    assert result["machine"]["cpu"]
    assert result["limits"]["gflops_float32"] > 0
    assert set(result["limits"]["read_gb_per_s"]) == {*result["machine"]["cache_bytes"], "DRAM"}
    assert set(result["summary"]["geometric_mean"]) == {"inference", "training"}
    for row in result["results"]:
        assert row["flop"] > 0
        assert row["limit_ms"] > 0
        assert row["share_of_limit"] > 0


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peak memory is read from Linux' /proc")
def test_memory_holds_at_least_inputs_weights_and_tape(capsys: pytest.CaptureFixture[str]) -> None:
    B, T, I, H = 64, 60, 128, 256
    case = Case(B, T, I, H, mode="training")
    with race.Race([peers.OURS], 1, machine.choose_cpus(1)) as run:
        (found,) = cli.memory_of(run, [case, Case(B, T, I, H, mode="inference")])
    numbers = B * T * (2 * I + 2 * H + 5 * H) + 2 * 4 * H * (I + H)  # x dx y dy tape, weights and gradients
    assert found["peak"][peers.OURS]["step_mib"] > 4 * numbers / 2**20
    assert found["peak"][peers.OURS]["process_mib"] > found["peak"][peers.OURS]["step_mib"]
    assert "64,60,128,256" in capsys.readouterr().out


def test_ratio_is_best_peer_over_ours() -> None:
    timings = {
        "lstm_fast": race.Timing([4.0, 2.0, 3.0], {"y": 1e-7}),
        "torch": race.Timing([6.0, 6.0, 9.0], {"y": 1e-7}),
        "jax": race.Timing(note="excluded: disagrees in y (error 1e-01)"),
    }
    row = report.Row(Case(*SHAPE, mode="inference"), timings, limit_ms=1.5)
    assert (row.best_peer, row.ratio) == ("torch", 2.0)
    assert "50%" in report.line(row)
    assert "2.00..4.00" in report.line(row)
    assert "1e-07" in report.line(row)
    table = report.rivals_table([row], "inference")
    assert "6.00 (1e-07)" in table
    assert "jax 3,5,7,6: excluded: disagrees in y (error 1e-01)" in table
    lost = report.Row(row.case, {"lstm_fast": timings["torch"], "torch": timings["lstm_fast"]}, 1.5)
    assert report.line(lost).endswith("0.50 <")
    assert "slower than torch: inference 3,5,7,6, 0.50" in report.summary_text([row, lost])
    assert report.summary([row, lost])["geometric_mean"]["inference"] == pytest.approx(1.0)


def test_a_rival_that_disagrees_is_excluded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(race.TOLERANCE, "float32", (0.0, 0.0))
    with race.Race([peers.OURS], 1, machine.choose_cpus(1)) as run:
        timing = run.case(Case(*SHAPE, mode="training"), blocks=1, seconds=0.001)[peers.OURS]
    assert timing.note.startswith("excluded: disagrees in y (error ")
    assert "dw_h" in timing.note
    assert timing.blocks_ms == []
    assert math.isnan(timing.ms)


def test_a_rival_that_crashes_is_reported_and_restarted() -> None:
    with race.Race([peers.OURS], 1, machine.choose_cpus(1)) as run:
        case = Case(*SHAPE, mode="inference")
        run.remote(peers.OURS)._process.kill()
        run.remote(peers.OURS)._process.wait()
        assert run.case(case, 1, 0.001)[peers.OURS].note == ""
        remote = run.remote(peers.OURS)
        remote._process.kill()
        with pytest.raises(PeerError, match="lstm_fast ended with status"):
            remote.ask("block", seconds=0.001)


def test_an_error_inside_a_worker_is_one_line() -> None:
    remote = Remote(peers.OURS, 1, [])
    try:
        with pytest.raises(PeerError, match=r"^AssertionError: setup comes first$"):
            remote.ask("block", seconds=0.001)
    finally:
        remote.close()


@pytest.mark.parametrize(
    ("shape", "mode", "milliseconds"),
    [
        (SHAPES[2], "inference", 0.14),
        (SHAPES[3], "inference", 0.38),
        (SHAPES[4], "inference", 9.7),
        (SHAPES[5], "inference", 0.13),
        (SHAPES[7], "inference", 17.5),
        (SHAPES[8], "inference", 19.5),
        (SHAPES[10], "inference", 104),
        (SHAPES[8], "training", 58.5),
        (SHAPES[10], "training", 312),
        (SHAPES[12], "training", 18.7),
    ],
)
def test_limit_of_the_reference_machine(shape: tuple[int, int, int, int], mode: str, milliseconds: float) -> None:
    assert 1e3 * REFERENCE_MACHINE.seconds(Case(*shape, mode=mode)) == pytest.approx(milliseconds, rel=0.04)


def test_float64_limit_is_twice_float32() -> None:
    single, double = (REFERENCE_MACHINE.seconds(Case(64, 10, 32, 128, "training", d)) for d in ("float32", "float64"))
    assert double == pytest.approx(2 * single)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--shapes", "1,2,3"], "bench: expected --shapes as 'B,T,I,H;B,T,I,H', received '1,2,3'"),
        (["--shapes", "1,2,x,4"], "bench: expected --shapes as 'B,T,I,H;B,T,I,H', received '1,2,x,4'"),
        (["--shapes", "1,0,3,4"], "bench: expected B, T, I, H >= 1 in --shapes, received '1,0,3,4'"),
        (["--shapes", ";"], "bench: expected --shapes as 'B,T,I,H;B,T,I,H', received ';'"),
        (["--peers", "caffe"], "received 'caffe'"),
        (["--threads", "0"], "bench: expected --threads in 1.."),
        (["--blocks", "0"], "bench: expected --blocks >= 1 and 0 < --seconds <= 60, received 0 and 0.2"),
        (["--json", "no/such/folder/r.json"], "bench: expected --json in an existing folder, received"),
    ],
)
def test_wrong_arguments_are_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments(*words)) == 2
    output = capsys.readouterr()
    assert message in output.err
    assert output.err.count("\n") == 1
    assert output.out == ""


def test_a_named_peer_that_is_missing_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(peers.REQUIRES, "torch", ("a_module_that_nobody_has",))
    assert cli.run(arguments("--peers", "torch")) == 2
    assert capsys.readouterr().err == "bench: torch: not installed (needs a_module_that_nobody_has)\n"


def test_parse_shapes_and_data() -> None:
    assert parse_shapes("1,10,1,50; 32,20,13,128;") == [(1, 10, 1, 50), (32, 20, 13, 128)]
    data = Case(*SHAPE, mode="training", dtype="float64").data()
    assert [a.shape for a in (data.x, data.w_x, data.w_h, data.b, data.dy)] == [
        (3, 5, 7),
        (7, 24),
        (6, 24),
        (24,),
        (3, 5, 6),
    ]
    assert data.x.dtype == "float64"
    assert (data.x == Case(*SHAPE, mode="inference", dtype="float64").data().x).all()


def test_json_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text("before", encoding="utf-8")
    with pytest.raises(ValueError, match="JSON"):
        cli.write_json(path, {"bad": math.nan})
    assert path.read_text(encoding="utf-8") == "before"
    assert list(tmp_path.iterdir()) == [path]
