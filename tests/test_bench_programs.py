"""`lstm-fast bench --programs`: whole programs, beside the same in Keras and torch where they are installed."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import numpy as np
import pytest

from lstm_fast.bench import cli, machine
from lstm_fast.bench.programs import catalog, race, report
from lstm_fast.bench.race import Timing

PROGRAMS = {program.name: program for program in catalog.PROGRAMS}


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    return parser.parse_args(words)


def test_programs_run_and_the_result_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "result.json"
    words = ["--programs", "window,step", "--peers", "", "--blocks", "2", "--seconds", "0.01", "--json", str(path)]
    assert cli.run(arguments(*words)) == 0
    content = json.loads(path.read_text(encoding="utf-8"))
    assert [result["name"] for result in content["programs"]] == ["step", "window"]
    for result in content["programs"]:
        ours = result["rivals"]["lstm_fast"]
        assert len(ours["blocks_us"]) == 2
        assert min(ours["blocks_us"]) > 0
        assert ours["curve_error"] == 0
    assert content["settings"]["threads"] == 1
    assert "predict of one window" in capsys.readouterr().out


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux' /proc")
def test_memory_of_a_fit() -> None:
    with race.Race([race.OURS], 1, machine.choose_cpus(1)) as run:
        peak = run.memory(PROGRAMS["stacked"])[race.OURS]
    assert 0.1 < peak["fit_mib"] < peak["process_mib"]


def test_torch_follows_the_same_curve() -> None:
    """Every program in torch: the weights reach the right gates and directions, the optimizers agree."""
    pytest.importorskip("torch")
    import lstm_fast
    from lstm_fast.bench.programs import keras_way, torch_way

    refused = {program.name for program in catalog.PROGRAMS if torch_way.refuses(program)}
    assert refused == {"relu", "tagging", "normalised", "translation", "attention"}
    for program in catalog.PROGRAMS:
        if program.name in refused | {"video", "sentiment", "characters", "four"}:  # the same layers, only larger
            continue
        data = program.data()
        ours = keras_way.Runner(lstm_fast, program, *data)
        torch = torch_way.Runner(program, *data)
        torch.set_weights(ours.get_weights())
        difference = race._difference(torch.curve(), ours.curve())
        print(program.name, f"{difference:.1e}")
        assert difference < race.TOLERANCE


def test_a_rival_with_another_curve_is_excluded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(race, "TOLERANCE", -1.0)
    with race.Race([race.OURS], 1, machine.choose_cpus(1)) as run:
        timing = run.program(PROGRAMS["window"], 1, 0.001)[race.OURS]
    assert timing.note == "excluded: its losses differ by 0e+00"
    assert timing.blocks_ms == []


def test_rows_of_the_table() -> None:
    program = PROGRAMS["sine"]
    timings = {
        "lstm_fast": Timing([0.2, 0.1, 0.3], {"curve": 0.0}),
        "keras_on_jax": Timing([0.9, 0.8], {"curve": 2e-6}),
        "torch": Timing(note="not run"),
    }
    assert report.ratio(timings) == pytest.approx(0.85 / 0.2)
    assert report.line(program, timings) == f"| {program.text} | 200 | 100..300 | 850 (2e-06) | - | 4.2 |"
    slower = {"lstm_fast": timings["keras_on_jax"], "keras_on_jax": timings["lstm_fast"]}
    assert report.line(program, slower).endswith("0.2 **slower** |")
    assert math.isnan(report.ratio({"lstm_fast": timings["lstm_fast"]}))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--programs", "chess"], "bench: expected --programs from step, window, melody, sine"),
        (
            ["--programs", "--peers", "onnxruntime"],
            "bench: expected --peers from keras_on_jax, keras_on_tensorflow, torch",
        ),
        (["--programs", "--blocks", "0"], "bench: expected --blocks >= 1"),
        (["--programs", "--threads", "0"], "bench: expected --threads in 1.."),
    ],
)
def test_wrong_arguments_are_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments(*words)) == 2
    output = capsys.readouterr()
    assert message in output.err
    assert output.err.count("\n") == 1


@pytest.mark.parametrize("program", catalog.PROGRAMS, ids=lambda program: program.name)
def test_data_has_something_to_learn(program: catalog.Program) -> None:
    if program.name == "video":
        pytest.skip("large")
    x, y = program.data()
    assert [a.shape for a in x] == [(program.rows, *shape) for shape in (program.shape, *program.more)]
    assert len(y) == program.rows
    if program.predicts:
        return
    if program.classes > 1:
        counts = np.bincount(y.ravel(), minlength=program.classes)
        assert counts.min() > 0 if program.per_step else counts.min() > program.rows / program.classes / 2
    else:
        assert y.std() > 0
