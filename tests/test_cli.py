"""The command `lstm-fast`: files, report, exit statuses, one line per error, nothing half-written."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from lstm_fast import datasets
from lstm_fast.cli import main

FAST = ["--epochs", "2", "--units", "8"]
FILES = ["forecast.csv", "forecast.png", "model.safetensors"]


def run(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lstm_fast", *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def series(tmp_path: Path) -> Path:
    """A CSV of 120 months, apart from the output folder."""
    path = tmp_path / "in" / "data.csv"
    path.parent.mkdir()
    rows = "".join(f"{2000 + i // 12}-{i % 12 + 1:02d},{10 + (i % 12) ** 2 + i / 10}\n" for i in range(120))
    path.write_text("month,sales\n" + rows)
    return path


def test_forecast_writes_three_files_and_a_report(
    series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "folder"
    assert main(["forecast", str(series), "--horizon", "4", "-o", str(out), *FAST]) == 0
    assert names(out) == FILES
    with open(out / "forecast.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["month"] for row in rows] == ["2010-01", "2010-02", "2010-03", "2010-04"]
    assert all(float(row["lower"]) <= float(row["forecast"]) <= float(row["upper"]) for row in rows)
    text, errors = capsys.readouterr()
    for word in (
        "sales",
        "RMSE",
        "MAE",
        "naive (last value)",
        "seasonal naive (12 back)",
        "LSTM(8)",
        "month 2000-01 to 2009-12",
    ):
        assert word in text
    assert max(map(len, text.splitlines()[:-1])) <= 120
    assert errors == ""


def test_same_seed_same_bytes(series: Path, tmp_path: Path) -> None:
    for folder, seed, threads in (("a", "3", "1"), ("b", "3", "2"), ("c", "4", "1")):
        done = run(
            "forecast", str(series), "--seed", seed, "-o", str(tmp_path / folder), *FAST, OMP_NUM_THREADS=threads
        )
        assert done.returncode == 0, done.stderr
    for name in FILES:
        a, b, c = ((tmp_path / folder / name).read_bytes() for folder in "abc")
        assert a == b
        assert a != c


def test_json_is_one_object(series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["forecast", str(series), "--json", "-o", str(tmp_path / "out"), *FAST]) == 0
    text, errors = capsys.readouterr()
    report = json.loads(text)
    assert errors == ""
    assert report["horizon"] == len(report["forecast"]) == report["season"] == 12
    assert set(report["test"]["one_step"]) == {"lstm", "naive", "seasonal_naive"}
    assert report["test"]["one_step"]["lstm"]["rmse"] > 0
    assert [Path(name).name for name in report["files"]] == FILES
    assert report["parts"] == {"train": 82, "validation": 14, "test": 24}


def test_quiet_prints_nothing(series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["forecast", str(series), "--quiet", "-o", str(tmp_path / "out"), *FAST]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", datasets.NAMES)
def test_bundled_series_by_default_in_this_folder(name: str, tmp_path: Path) -> None:
    choice = [] if name == "sunspots" else ["--dataset", name]
    done = run("forecast", *choice, "--epochs", "1", "--units", "4", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert name in done.stdout
    assert names(tmp_path) == FILES


def test_model_file_forecasts_again(series: Path, tmp_path: Path) -> None:
    from lstm_fast.forecast import Options, forecast, read_csv, write_files
    from lstm_fast.forecast.network import roll
    from lstm_fast.models import load_model

    result = forecast(read_csv(series), Options(window=9, units=8, epochs=2))
    write_files(result, tmp_path / "out")
    model = load_model(tmp_path / "out" / "model.safetensors")
    assert model.input_shape == (None, 9, 3)
    again = roll(model, result.scaling, result.scaling.forward(result.series.values[None, -9:]), 12)[0]
    np.testing.assert_array_equal(result.scaling.inverse(again), result.values)


def test_missing_matplotlib(
    series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [n for n in sys.modules if n.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["forecast", str(series), "-o", str(tmp_path / "out"), *FAST]) == 0
    assert names(tmp_path / "out") == ["forecast.csv", "model.safetensors"]
    errors = capsys.readouterr().err
    assert errors == "lstm-fast forecast: no forecast.png: pictures need matplotlib: pip install 'lstm_fast[plot]'\n"


SHORT = "v\n" + "".join(f"{i % 5}\n" for i in range(25))
BAD = {  # content of the file (None: no file), arguments, what the line says
    "missing": (None, [], "there is no file"),
    "empty": ("", [], "got an empty file"),
    "binary": (b"\x00\x01\x02\xff" * 50, [], "got binary data"),
    "text": (SHORT + "x\n", [], "row 27, column 'v': expected a number, got 'x'"),
    "nan": (SHORT + "nan\n", [], "row 27, column 'v': expected a finite number, got 'nan'"),
    "no numeric column": ("a,b\nx,y\nu,w\n", [], "expected a numeric column, got none; columns: 'a', 'b'"),
    "unknown column": (SHORT, ["--column", "w"], "expected --column to be one of 'v', got 'w'"),
    "too short": (SHORT, ["--window", "20", "--horizon", "9"], "expected at least"),
    "constant": ("v\n" + "3\n" * 80, [], "expected a series that varies, got 80 values, all 3"),
    "fraction": (SHORT, ["--test-fraction", "1.5"], "expected --test-fraction from 0.01 to 0.8, got 1.5"),
    "window": (SHORT, ["--window", "0"], "expected --window from 2 to 100000, got 0"),
    "not whole": (SHORT, ["--units", "3.5"], "argument --units: expected a whole number, got '3.5'"),
    "unknown option": (SHORT, ["--colour"], "unrecognized arguments: --colour"),
    "unknown data set": (SHORT, ["--dataset", "x"], "argument --dataset: invalid choice: 'x'"),
    "two sources": (SHORT, ["--dataset", "co2"], "expected a file or --dataset, got both"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content, arguments, message = BAD[name]
    path = tmp_path / "data.csv"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    try:
        status = main(["forecast", str(path), "-o", str(tmp_path / "out"), *arguments])
    except SystemExit as stop:  # argparse
        status = int(str(stop.code))
    text, errors = capsys.readouterr()
    assert status == 2
    assert text == ""
    assert errors.count("\n") == 1
    assert errors.startswith(("lstm-fast forecast: ", "lstm-fast: "))
    assert message in errors
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("folder", ["file", "file/below", "full"])
def test_folder_that_cannot_be_written(
    folder: str, series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full" / "forecast.csv").mkdir(parents=True)
    assert main(["forecast", str(series), "-o", str(tmp_path / folder), *FAST]) == 1
    errors = capsys.readouterr().err
    assert errors.startswith("lstm-fast forecast: cannot write ")
    assert errors.count("\n") == 1
    assert (tmp_path / "file").read_text() == "mine"
    assert names(tmp_path / "full") == ["forecast.csv"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_folder_without_permission(series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    assert main(["forecast", str(series), "-o", str(tmp_path / "locked"), *FAST]) == 1
    assert "cannot write to folder" in capsys.readouterr().err


def test_failure_while_writing_leaves_the_old_files(
    series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from lstm_fast.models import Sequential

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    out = tmp_path / "out"
    out.mkdir()
    (out / "forecast.csv").write_text("old")
    monkeypatch.setattr(Sequential, "save", full)
    for folder in (out, tmp_path / "fresh" / "folder"):
        assert main(["forecast", str(series), "-o", str(folder), *FAST]) == 1
        assert "No space left on device" in capsys.readouterr().err
    assert names(out) == ["forecast.csv"]
    assert (out / "forecast.csv").read_text() == "old"
    assert not (tmp_path / "fresh").exists()


def test_input_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "forecast.csv"
    path.write_text(SHORT)
    assert main(["forecast", str(path), "-o", str(tmp_path)]) == 2
    assert "is the input" in capsys.readouterr().err
    assert path.read_text() == SHORT


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_interrupt(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "lstm_fast",
            "forecast",
            "--dataset",
            "co2",
            "--units",
            "256",
            "-o",
            str(tmp_path / "out"),
        ],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    time.sleep(3.0)  # well inside the training
    process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    text, errors = process.communicate(timeout=30)
    assert (process.returncode, text, errors) == (130, "", "lstm-fast forecast: interrupted\n")
    assert time.monotonic() - sent < 5
    assert not (tmp_path / "out").exists()


def test_reader_that_leaves(series: Path, tmp_path: Path) -> None:
    command = f"{sys.executable} -m lstm_fast forecast {series} -o {tmp_path / 'out'} --epochs 1 --units 4 | true"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert names(tmp_path / "out") == FILES


def test_info(capsys: pytest.CaptureFixture[str]) -> None:
    import lstm_fast

    assert main(["info"]) == 0
    text = capsys.readouterr().out
    assert main(["info", "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert info["lstm_fast"] == lstm_fast.__version__
    assert info["isa"] in info["isas"]
    assert "generic" in info["isas"]
    assert info["threads"] >= 1
    for key in info:
        assert f"{key}:" in text


def test_forced_isa_is_shown() -> None:
    done = run("info", "--json", LSTM_FAST_ISA="generic")
    assert json.loads(done.stdout)["isa"] == "generic"


def test_impossible_isa_is_one_line() -> None:
    done = run("info", LSTM_FAST_ISA="mmx")
    assert done.returncode == 1
    assert done.stderr.startswith("lstm-fast info: ")
    assert done.stderr.count("\n") == 1


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["forecast", "--help"], ["info", "--help"], ["bench", "--help"], ["--version"]):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 0
        assert "lstm-fast" in capsys.readouterr().out


def test_no_subcommand(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith("lstm-fast: ")


def test_help_needs_neither_numpy_nor_the_benchmark() -> None:
    code = (
        "import sys; from lstm_fast.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'numpy', 'lstm_fast._core', 'lstm_fast.bench', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, stdout=subprocess.DEVNULL)
