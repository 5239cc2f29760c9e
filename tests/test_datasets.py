"""The bundled series are the ones that their README names."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from lstm_fast import datasets


def test_sunspots() -> None:
    series = datasets.load_sunspots()
    assert (len(series), series.missing, series.column) == (309, 0, "SUNACTIVITY")
    assert series.axis.labels()[:2] == ["1700", "1701"]
    assert series.axis.labels()[-1] == "2008"
    np.testing.assert_array_equal(series.values[[0, 1, 2, -2, -1]], [5, 11, 16, 7.5, 2.9])


def test_co2() -> None:
    series = datasets.load_co2()
    assert (len(series), series.missing, series.column) == (2284, 59, "co2")
    assert series.axis.is_date
    assert [series.axis.labels()[0], series.axis.labels()[-1]] == ["19580329", "20011229"]
    assert set(np.diff(series.axis.values)) == {np.timedelta64(7, "D")}
    np.testing.assert_array_equal(series.values[[0, -1]], [316.1, 371.5])
    assert np.nanmin(series.values) > 300


@pytest.mark.parametrize(
    ("name", "digest"),
    [("sunspots", "f67889b1d9002cd5"), ("co2", "16695fa2786e5341")],
)
def test_files_are_the_ones_of_the_source(name: str, digest: str) -> None:
    assert hashlib.sha256(datasets.path(name).read_bytes()).hexdigest()[:16] == digest


def test_readme_names_source_and_status() -> None:
    text = datasets.path("co2").with_name("README.md").read_text()
    for word in (
        "statsmodels",
        "public domain",
        "sunspots.csv",
        "co2.csv",
        "Keeling",
        "National Geophysical Data Center",
    ):
        assert word in text


def test_unknown_name() -> None:
    with pytest.raises(ValueError, match="expected one of sunspots, co2, got 'airline'"):
        datasets.load("airline")
