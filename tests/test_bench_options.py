"""`lstm-fast bench --options`: every option agrees with the twin and is counted right. Nothing here asserts a time."""

from __future__ import annotations

import argparse
import json
from typing import Any

import pytest

from lstm_fast.bench import cli, machine, options, peers, race, report
from lstm_fast.bench.cases import STACKS, Case
from lstm_fast.bench.stacks import limit_seconds, output_gradient, weights

B, T, I, H = SHAPE = (5, 6, 7, 3)
RIVALS = [peers.OURS] + ([] if peers.missing(options.RIVAL) else [options.RIVAL])


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("options") / "options.json"
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    words = ["--options", "--threads", "1", "--shapes", "5,6,7,3", "--blocks", "1", "--seconds", "0.001"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "PROBE_SECONDS", 0.005)
        assert cli.run(parser.parse_args([*words, "--json", str(path)])) == 0
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_every_option_runs_and_agrees(content: dict[str, Any]) -> None:
    assert [(r["label"], r["mode"]) for r in content["results"]] == [
        (label, mode) for mode in ("inference", "training") for label in options.OPTIONS
    ]
    for result in content["results"]:
        stack = STACKS[result["option"]]
        assert list(result["rivals"]) == RIVALS
        for name, rival in result["rivals"].items():
            print(result["label"], result["mode"], name, rival["errors"])
            assert rival["note"] == ""
            assert max(rival["errors"].values()) < (1e-5 if result["dtype"] == "float32" else 1e-13)
            gradients = (4 if stack.projected else 3) * stack.layers * stack.directions
            assert len(rival["errors"]) == (1 if result["mode"] == "inference" else 2 + gradients)
        assert 0 < result["limit_ms"] < float("inf")


def test_a_stack_that_disagrees_is_excluded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(race.TOLERANCE, "float32", (1.0, 0.0))
    case = Case(*SHAPE, mode="training", option="bidirectional")
    with race.Race([peers.OURS], 1, machine.choose_cpus(1)) as run:
        note = run.case(case, blocks=1, seconds=0.001)[peers.OURS].note
    assert note.startswith("excluded: disagrees in dx (error ")
    assert "dw_x.0.1" in note


@pytest.mark.parametrize(
    ("option", "products"),
    [
        ("", B * T * 4 * H * (I + H)),
        ("gru", B * T * 3 * H * (I + H)),
        ("rnn", B * T * H * (I + H)),
        ("bidirectional", 2 * B * T * 4 * H * (I + H)),
        ("two layers", B * T * 4 * H * (I + H + 2 * H)),
        ("projection", B * T * (4 * H * (I + 1) + H)),
        ("lengths", (1 + 2 + 4 + 5 + 6) * 4 * H * (I + H)),
    ],
)
def test_flop_and_limit_count_the_stack(option: str, products: int) -> None:
    case = Case(*SHAPE, mode="inference", option=option)
    assert case.flop() == 2 * products
    assert Case(*SHAPE, mode="training", option=option).flop() == 6 * products
    peak_only = machine.Limits(gflops=1e-3, bandwidth={"L1": 1e9}, sizes={"L1": 1 << 30})
    assert limit_seconds(case, peak_only) == pytest.approx(2 * products / 1e6)


def test_data_of_a_stack() -> None:
    two = weights(Case(*SHAPE, mode="training", option="two layers"))
    assert [[w.shape for w in direction] for (direction,) in two] == [
        [(I, 4 * H), (H, 4 * H), (4 * H,)],
        [(H, 4 * H), (H, 4 * H), (4 * H,)],
    ]
    ragged = Case(*SHAPE, mode="training", option="lengths")
    lengths = ragged.lengths()
    assert lengths is not None
    dy = output_gradient(ragged)
    for row, n in zip(dy, lengths, strict=True):
        assert (row[:n] != 0).all()
        assert (row[n:] == 0).all()
    assert output_gradient(Case(*SHAPE, mode="training", option="bidirectional")).shape == (B, T, 2 * H)


def test_the_table_names_what_is_slower() -> None:
    timings = {"lstm_fast": race.Timing([4.0], {"y": 1e-7}), "torch": race.Timing([3.0], {"y": 2e-7})}
    line = options.line("GRU", report.Row(Case(*SHAPE, mode="inference", option="gru"), timings, 1.0), 2)
    assert line == "| GRU | 2 | 4.00 | 4.00..4.00 | 25% | 1e-07 | 3.00 | 2e-07 | 0.75 **slower** |"
    assert options.head().splitlines()[0].count("|") == line.count("|")


def test_options_refuse_wrong_threads(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    assert cli.run(parser.parse_args(["--options", "--threads", "9999"])) == 2
    assert "expected --threads in 1.." in capsys.readouterr().err
