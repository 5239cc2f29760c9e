"""The forecast job below the command line: reading, axis, season, plan, scaling, scores, training."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import numpy as np
import pytest

from lstm_fast import datasets
from lstm_fast.forecast import DataError, Options, forecast, from_array, read_csv
from lstm_fast.forecast.axis import Axis, read_dates
from lstm_fast.forecast.scaling import fit_scaling
from lstm_fast.forecast.scores import error_band, naive, score, seasonal_naive
from lstm_fast.forecast.season import find_season
from lstm_fast.forecast.windows import fill_gaps, plan, windows_before


def write(folder: Path, data: str | bytes) -> Path:
    path = folder / "data.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


IN_FORECAST = ("axis", "options", "scaling", "scores", "season", "series", "windows")


@pytest.mark.parametrize("name", ["datasets", "versions", *(f"forecast.{name}" for name in IN_FORECAST)])
def test_examples(name: str) -> None:
    found = doctest.testmod(importlib.import_module(f"lstm_fast.{name}"))
    assert found.attempted > 0
    assert found.failed == 0


EXPECTED = [1.5, -2.25, 1000.0]
SAME_SERIES = {
    "comma": "day,value\n2020-01-01,1.5\n2020-01-02,-2.25\n2020-01-03,1e3\n",
    "semicolon, decimal comma": "day;value\n01.01.2020;1,5\n02.01.2020;-2,25\n03.01.2020;1.000,0\n",
    "tab": "day\tvalue\n2020-01-01\t1.5\n2020-01-02\t-2.25\n2020-01-03\t1000\n",
    "quoted": '"day","value"\n"2020-01-01","1.5"\n"2020-01-02","-2.25"\n"2020-01-03","1000"\n',
    "quoted decimal comma": '"day","value"\n"2020-01-01","1,5"\n"2020-01-02","-2,25"\n"2020-01-03","1000,0"\n',
    "thousands": 'day,value\n2020-01-01,1.5\n2020-01-02,-2.25\n2020-01-03,"1,000.0"\n',
    "byte order mark": "\ufeffday,value\n2020-01-01,1.5\n2020-01-02,-2.25\n2020-01-03,1000\n",
    "utf-16": "day,value\n2020-01-01,1.5\n2020-01-02,-2.25\n2020-01-03,1000\n".encode("utf-16"),
    "latin-1": "day,Pegel (\xb5m),value\n2020-01-01,\xe4,1.5\n2020-01-02,\xe4,-2.25\n2020-01-03,\xe4,1000\n".encode(
        "latin-1"
    ),
    "windows line ends": "day,value\r\n2020-01-01,1.5\r\n2020-01-02,-2.25\r\n2020-01-03,1000\r\n",
    "no last line end, blank lines": "day,value\n\n2020-01-01,1.5\n2020-01-02,-2.25\n\n2020-01-03,1000",
    "old Mac line ends": "day,value\r2020-01-01,1.5\r2020-01-02,-2.25\r2020-01-03,1000\r",
    "spaces": "day, value\n2020-01-01, 1.5 \n2020-01-02, -2.25\n2020-01-03, 1000\n",
    "trailing delimiter": "day,value\n2020-01-01,1.5,\n2020-01-02,-2.25,\n2020-01-03,1000,\n",
    "no header": "2020-01-01,1.5\n2020-01-02,-2.25\n2020-01-03,1000\n",
    "value alone": "value\n1.5\n-2.25\n1000\n",
    "text beside": "name,day,value\na,2020-01-01,1.5\nb,2020-01-02,-2.25\nc,2020-01-03,1000\n",
    "missing ends": "day,value\n2019-12-31,\n2020-01-01,1.5\n2020-01-02,-2.25\n2020-01-03,1000\n2020-01-04,\n",
    "newest first": "day,value\n2020-01-03,1000\n2020-01-02,-2.25\n2020-01-01,1.5\n",
    "index": ",value\n0,1.5\n1,-2.25\n2,1000\n",
    "year": "Year;value\n1999;1,5\n2000;-2,25\n2001;1000\n",
}


@pytest.mark.parametrize("name", SAME_SERIES)
def test_notations_read_the_same(name: str, tmp_path: Path) -> None:
    np.testing.assert_array_equal(read_csv(write(tmp_path, SAME_SERIES[name])).values, EXPECTED)


WRONG = {
    "empty": ("", "expected a CSV file with a header and numbers, got an empty file"),
    "blank": ("\n \n", "got an empty file"),
    "only delimiters": (",,\n,,\n", "got only empty fields"),
    "header alone": ("day,value\n", "expected rows of numbers below the header, got the header alone"),
    "binary": (b"\x89PNG\r\n\x1a\n\x00\x01\x02", "expected a text file .CSV., got binary data"),
    "no numbers": ("a,b\nx,y\nz,w\n", "expected a numeric column, got none; columns: 'a', 'b'"),
    "wrong delimiter": ("a|b\n1|2\n3|4\n", "expected a numeric column, got none; columns: 'a.b' .fields divided by"),
    "text": (
        "day,value\n2020-01-01,1\n2020-01-02,two\n2020-01-03,3\n",
        "row 3, column 'value': expected a number, got 'two'",
    ),
    "nan": ("value\n1\nNaN\n3\n", "row 3, column 'value': expected a finite number, got 'NaN'; leave the cell empty"),
    "inf": ("value\n1\n2\n-inf\n", "row 4, column 'value': expected a finite number, got '-inf'"),
    "overflow": (
        "value\n1\n2\n1e400\n",
        "row 4, column 'value': expected a number between -1e100 and 1e100, got '1e400'",
    ),
    "underscore": ("value\n1\n1_000\n3\n", "row 3, column 'value': expected a number, got '1_000'"),
    "ragged": ("a,b\n1,2\n3\n4,5\n", "row 3: expected 2 fields as in the first row, got 1"),
    "open quote": ('a,b\n1,"2\n3,4\n', "badly quoted"),
    "bad date": (
        "day,value\n" + "".join(f"2020-01-{d:02d},{d}\n" for d in range(1, 10)) + "2020-02-31,3\n",
        "row 11, column 'day': expected a date like 2020-01-01, got '2020-02-31'",
    ),
    "a date twice": ("day,value\n2020-01-01,1\n2020-01-02,2\n2020-01-02,3\n", "got 2020-01-02 as in row 3"),
    "empty cells": ("day,value\n2020-01-01,\n2020-01-02,\n", "expected a numeric column, got none"),
}


@pytest.mark.parametrize("name", WRONG)
def test_bad_files_are_named(name: str, tmp_path: Path) -> None:
    data, message = WRONG[name]
    with pytest.raises(DataError, match=message) as caught:
        read_csv(write(tmp_path, data))
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no file"):
        read_csv(tmp_path / "none.csv")
    with pytest.raises(DataError, match="got the folder"):
        read_csv(tmp_path)


def test_column_by_name_and_number(tmp_path: Path) -> None:
    path = write(tmp_path, "day,open,close\n2020-01-01,1,4\n2020-01-02,2,5\n2020-01-03,3,7\n")
    first = read_csv(path)
    assert first.column == "open"
    assert "'close'" in first.notes[0]
    assert read_csv(path, "close").values.tolist() == [4, 5, 7]
    assert read_csv(path, "3").values.tolist() == [4, 5, 7]
    with pytest.raises(DataError, match="expected --column to be one of 'day', 'open', 'close', got 'high'"):
        read_csv(path, "high")
    with pytest.raises(DataError, match="row 2, column 'day': expected a number, got '2020-01-01'"):
        read_csv(path, "day")


def test_a_lone_ramp_is_the_data_not_an_index(tmp_path: Path) -> None:
    assert read_csv(write(tmp_path, "n\n1\n2\n3\n")).values.tolist() == [1, 2, 3]


def test_number_of_a_column_of_dates_as_values(tmp_path: Path) -> None:
    path = write(tmp_path, "year,spots\n1700,5\n1701,11\n1702,16\n")
    assert read_csv(path, "year").values.tolist() == [1700, 1701, 1702]


@pytest.mark.parametrize(
    ("cells", "following"),
    [
        (["2020-01-30", "2020-01-31"], "2020-02-03"),  # no week-ends: working days
        (["2020-01-24", "2020-01-31"], "2020-02-07"),
        (["2020-02-29", "2020-03-31", "2020-04-30"], "2020-05-31"),
        (["2019-10-01", "2020-01-01", "2020-04-01"], "2020-07-01"),
        (["2018-01", "2019-01", "2020-01"], "2021-01"),
        (["Jan 2020", "Feb 2020"], "Mar 2020"),
        (["29/02/2020", "31/03/2020", "30/04/2020"], "31/05/2020"),
        (
            ["01/01/2020", "01/02/2020", "01/03/2020", "01/04/2020"],
            "01/05/2020",
        ),  # months, not the first days of January
        (["01/06/2020", "01/07/2020", "01/08/2020", "01/09/2020"], "01/10/2020"),
        (["20201230", "20201231"], "20210101"),
        (["202011", "202012"], "202101"),
        (["2020-01-01 23:00", "2020-01-02 00:00"], "2020-01-02 01:00"),
        (["2020-01-01T00:00:00Z", "2020-01-01T00:10:00Z"], "2020-01-01T00:20:00+0000"),
    ],
)
def test_dates_go_on(cells: list[str], following: str) -> None:
    axis = read_dates("day", cells, list(range(2, len(cells) + 2)))
    assert axis is not None
    assert axis.extend(1).labels() == [following]


def test_numbers_go_on() -> None:
    assert Axis("x", np.array([0.5, 1.0, 1.5])).extend(2).labels() == ["2", "2.5"]


@pytest.mark.parametrize("period", [2, 4, 7, 12, 24, 52])
@pytest.mark.parametrize("trend", [0.0, 0.3])
def test_season_is_found(period: int, trend: float) -> None:
    rng = np.random.default_rng(period)
    t = np.arange(400)
    pattern = rng.normal(size=period).cumsum() if period > 12 else rng.normal(size=period)
    values = (pattern - pattern.mean())[t % period] / pattern.std() + trend * t + 0.3 * rng.normal(size=400)
    assert find_season(values) == period


def test_season_is_rarely_found_where_there_is_none() -> None:
    rng = np.random.default_rng(5)
    found = [
        find_season(z) for n in (60, 300) for z in (*rng.normal(size=(50, n)), *rng.normal(size=(50, n)).cumsum(1))
    ]
    count = sum(f is not None for f in found)
    print("seasons found in noise and random walks:", count, "of", len(found))
    assert count <= 8
    assert find_season(np.full(50, 3.0)) is None
    assert find_season(np.arange(3.0)) is None


def test_season_comes_from_the_training_part_alone() -> None:
    series = datasets.load_sunspots()
    cut = plan(series.values, Options())
    changed = series.values.copy()
    changed[cut.validation :] = np.random.default_rng(0).normal(size=len(changed) - cut.validation)
    assert plan(changed, Options()) == cut
    assert cut.season == 11


def test_scaling_sees_the_training_part_alone() -> None:
    series = datasets.load_sunspots()
    cut = plan(series.values, Options())
    result = forecast(series, Options(epochs=1, horizon=2))
    changed = series.values.copy()
    changed[cut.test :] *= 7
    other = forecast(from_array(changed), Options(epochs=1, horizon=2))
    assert result.scaling == other.scaling
    for a, b in zip(result.model.get_weights(), other.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_gaps_in_the_test_part_do_not_see_the_future() -> None:
    values = np.array([1.0, np.nan, np.nan, 4.0, 5.0, np.nan, 9.0])
    np.testing.assert_array_equal(fill_gaps(values, 5), [1, 2, 3, 4, 5, 5, 9])
    np.testing.assert_array_equal(fill_gaps(values, 6), [1, 2, 3, 4, 5, 5, 9])
    np.testing.assert_array_equal(fill_gaps(values, 7), [1, 2, 3, 4, 5, 7, 9])


def test_windows_end_before_their_target() -> None:
    v = np.arange(10.0)
    np.testing.assert_array_equal(windows_before(v, np.array([3, 10]), 3), [[0, 1, 2], [7, 8, 9]])


def test_inputs_of_the_network() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=200) + 20
    scaling = fit_scaling(values, 5)
    assert not scaling.trending
    window = values[None, 7:12]
    x = scaling.inputs(window)
    assert x.shape == (1, 5, 3)
    np.testing.assert_allclose(x[0, :, 0], (window[0] - window[0, -1]) / scaling.relative, rtol=1e-6)
    np.testing.assert_allclose(x[0, 1:, 1], np.diff(window[0]) / scaling.change, rtol=1e-6)
    np.testing.assert_allclose(x[0, :, 2], (window[0] - values.mean()) / values.std(), rtol=1e-5, atol=1e-6)
    assert x[0, 0, 1] == 0


def test_trend_and_logarithm_are_recognised() -> None:
    rng = np.random.default_rng(0)
    t = np.arange(240)
    straight = 100 + t + 5 * rng.normal(size=240)
    growing = np.exp(0.02 * t) * (1 + 0.1 * np.sin(t) + 0.02 * rng.normal(size=240))
    assert (fit_scaling(straight, 12).trending, fit_scaling(straight, 12).log) == (True, False)
    assert (fit_scaling(growing, 12).trending, fit_scaling(growing, 12).log) == (True, True)
    np.testing.assert_allclose(
        fit_scaling(growing, 12).inverse(fit_scaling(growing, 12).forward(growing)), growing, rtol=1e-12
    )
    assert fit_scaling(np.maximum(rng.normal(size=100), 0), 12).floor == 0


def test_naive_forecasts() -> None:
    v = np.array([3.0, 1.0, 4.0, 1.5, 9.0, 2.5])
    at = np.array([4, 5])
    np.testing.assert_array_equal(naive(v, at, 3), [[1.5] * 3, [9.0] * 3])
    np.testing.assert_array_equal(seasonal_naive(v, at, 5, 3), [[1, 4, 1.5, 1, 4], [4, 1.5, 9, 4, 1.5]])


def test_scores_skip_missing_values() -> None:
    found = score(np.array([1.0, np.nan, -7.0]))
    assert found is not None
    assert (found.rmse, found.mae, found.n) == (5.0, 4.0, 2)
    assert score(np.array([np.nan])) is None


def test_band_widens() -> None:
    errors = np.abs(np.random.default_rng(0).normal(size=(200, 4))) * [1.0, 3.0, 2.0, 4.0]
    widths = error_band(errors, 0.8)
    assert (np.diff(widths) >= 0).all()
    assert (errors[:, 0] <= widths[0]).mean() == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (np.full(100, 5.0), {}, "expected a series that varies, got 100 values, all 5"),
        (np.r_[np.full(80, 5.0), np.arange(20.0)], {}, "the 68 of the training part all 5"),
        (np.arange(3.0), {}, "expected at least 14 values, got 3"),
        (
            np.sin(np.arange(40.0)),
            {"window": 24},
            r"expected at least \d+ values .window 24 \+ horizon \d+, and 10 .*got 40",
        ),
        (
            np.sin(np.arange(100.0)),
            {"window": 30, "horizon": 90},
            r"expected at least 120 values .window 30 \+ horizon 90",
        ),
        (np.sin(np.arange(100.0)), {"season": 90}, "expected --season of at most 80 .*got 90"),
        (
            np.where(np.arange(100) % 3, np.nan, np.arange(100.0)),
            {},
            "expected at least half of the training part present",
        ),
        (np.array([[1.0]]), {}, r"expected values of shape .n., got .1, 1."),
        (np.array([1.0, np.inf]), {}, "expected finite values, got inf at 1"),
    ],
)
def test_series_that_cannot_be_forecast(values: np.ndarray, options: dict[str, int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        forecast(from_array(values), Options(**options))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 1}, "expected --window from 2 to"),
        ({"units": 0}, "expected --units from 1 to 8192, got 0"),
        ({"layers": 17}, "expected --layers from 1 to 16, got 17"),
        ({"epochs": 0}, "expected --epochs from 1 to"),
        ({"batch_size": -1}, "expected --batch-size from 1 to"),
        ({"seed": 2**32}, "expected --seed from 0 to 4294967295"),
        ({"seed": 1.5}, "expected --seed from 0 to 4294967295, got 1.5"),
        ({"horizon": 0}, "expected --horizon from 1 to"),
        ({"season": 1}, "expected --season 0 .none. or from 2"),
        ({"test_fraction": float("nan")}, "expected --test-fraction from 0.01 to 0.8, got nan"),
        ({"test_fraction": 1.0}, "expected --test-fraction from 0.01 to 0.8, got 1.0"),
    ],
)
def test_options_out_of_range(options: dict[str, float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Options(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "least_gain"), [("sunspots", 0.40), ("co2", 0.20)])
def test_lstm_beats_the_naive_forecasts(name: str, least_gain: float) -> None:
    result = forecast(datasets.load(name))
    for scores in (result.one_step, result.all_steps):
        lstm, last, seasonal = scores["lstm"], scores["naive"], scores["seasonal_naive"]
        assert lstm is not None
        assert last is not None
        assert seasonal is not None
        print(f"{name}: LSTM {lstm.rmse:.4g} naive {last.rmse:.4g} seasonal naive {seasonal.rmse:.4g}")
        assert lstm.rmse < (1 - least_gain) * last.rmse
        assert lstm.mae < (1 - least_gain) * last.mae
        if name == "co2" or scores is result.one_step:  # 1 to 11 years ahead, sunspots are an even match
            assert lstm.rmse < seasonal.rmse
    inside = (result.test_lower <= result.series.values[result.plan.test :]) & (
        result.series.values[result.plan.test :] <= result.test_upper
    )
    assert inside.mean() >= 0.75
    assert sum(result.seconds.values()) < 60  # the job's aim is 20 s on two idle cores


def test_one_step_prediction_uses_no_later_value() -> None:
    values = datasets.load_sunspots().values.copy()
    options = Options(epochs=1, horizon=3)
    before = forecast(from_array(values), options)
    values[-1] += 500
    after = forecast(from_array(values), options)
    np.testing.assert_array_equal(before.test, after.test)
    assert (before.values != after.values).any()


def test_shortest_series_runs() -> None:
    values = np.sin(np.arange(60.0))
    with pytest.raises(DataError, match="expected at least") as caught:
        forecast(from_array(values[:20]), Options(window=6, horizon=3, epochs=1))
    least = int(str(caught.value).split("at least ")[1].split()[0])
    result = forecast(from_array(values[:least]), Options(window=6, horizon=3, epochs=1, season=0))
    assert result.values.shape == (3,)
    assert result.one_step["seasonal_naive"] is None


def test_missing_values_are_not_scored() -> None:
    values = datasets.load_sunspots().values.copy()
    values[[20, 21, 280, 290]] = np.nan
    result = forecast(from_array(values), Options(epochs=1, horizon=2))
    assert result.one_step["lstm"] is not None
    assert result.one_step["lstm"].n == 62 - 2
    assert np.isfinite(result.test).all()


def test_horizon_longer_than_the_test_part() -> None:
    result = forecast(datasets.load_sunspots(), Options(epochs=1, horizon=100, test_fraction=0.05))
    assert result.values.shape == (100,)
    assert (np.diff(result.upper - result.lower)[:10] >= -1e-9).all() or result.scaling.floor is not None
    assert result.axis.labels()[-1] == "2108"


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_units_of_the_series_do_not_matter(scale: float) -> None:
    rng = np.random.default_rng(0)
    values = np.sin(np.arange(120.0)) + 0.1 * rng.normal(size=120) + 3
    one = forecast(from_array(values), Options(epochs=2, horizon=4, units=8))
    other = forecast(from_array(values * scale), Options(epochs=2, horizon=4, units=8))
    np.testing.assert_allclose(other.values / scale, one.values, rtol=1e-4)
