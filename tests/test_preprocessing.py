"""Texts, sequences and windows: equal to Keras' (goldens/make_preprocessing.py), and messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras_preprocessing
import numpy as np
import pytest

import lstm_fast as lf
from lstm_fast.preprocessing import sequence, text

WANT: dict[str, Any] = json.loads((Path(__file__).parent / "goldens" / "preprocessing.json").read_text())


@pytest.fixture(scope="module")
def got() -> dict[str, Any]:
    return keras_preprocessing.everything(text, sequence, lf.utils)


@pytest.mark.parametrize("name", WANT)
def test_equals_keras(name: str, got: dict[str, Any]) -> None:
    assert set(got) == set(WANT)
    assert got[name] == WANT[name]


def test_sequences_of_vectors() -> None:
    parts = [np.full((n, 2), n) for n in (1, 3)]
    assert lf.utils.pad_sequences(parts, padding="post").tolist() == [[[1, 1], [0, 0], [0, 0]], [[3, 3]] * 3]
    assert sequence.pad_sequences is lf.utils.pad_sequences


def test_datasets() -> None:
    lf.utils.set_random_seed(3)
    data = lf.utils.timeseries_dataset_from_array(np.arange(20), np.arange(20), 4, batch_size=5, shuffle=True)
    first, second = ([np.concatenate(parts) for parts in zip(*data, strict=True)] for _ in range(2))
    assert np.array_equal(first[0][:, 0], first[1])
    assert not np.array_equal(first[1], second[1])
    assert sorted(first[1]) == sorted(second[1]) == list(range(17))
    lf.utils.set_random_seed(3)
    again = lf.utils.timeseries_dataset_from_array(np.arange(20), np.arange(20), 4, batch_size=5, shuffle=True)
    assert np.array_equal(np.concatenate([y for _, y in again]), first[1])
    plain = lf.utils.timeseries_dataset_from_array(np.arange(20), np.arange(20), 4, batch_size=5)
    assert [len(plain), len(plain.take(2)), len(plain.skip(1)), len(plain.take(-1))] == [4, 2, 3, 4]
    assert [y.tolist() for _, y in plain.skip(3)] == [[15, 16]]
    assert [y[0] for _, y in plain.take(2).map(lambda x, y: (x, -y)).prefetch(1)] == [0, -5]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: lf.utils.pad_sequences([1, 2]), ValueError, "list of sequences, got int at 0; wrap it"),
        (lambda: lf.utils.pad_sequences([[1]], padding="left"), ValueError, "padding 'pre' or 'post', got 'left'"),
        (lambda: lf.utils.pad_sequences([[1]], value="x"), ValueError, "does not fit dtype int32; use dtype=object"),
        (lambda: lf.utils.pad_sequences([[[1]], [[1, 2]]]), ValueError, r"steps of shape \(1,\), got \(2,\)"),
        (lambda: text.Tokenizer().fit_on_texts("one text"), TypeError, "list of texts, got one str"),
        (lambda: text.Tokenizer(words=3), TypeError, "unexpected argument 'words'"),
        (lambda: text.Tokenizer().texts_to_matrix(["a"]), ValueError, "give num_words or call fit_on_texts"),
        (lambda: text.Tokenizer(5).texts_to_matrix(["a"], "x"), ValueError, "expected mode 'binary'"),
        (lambda: text.tokenizer_from_json("{}"), ValueError, "expected what Tokenizer.to_json wrote"),
        (lambda: sequence.TimeseriesGenerator([1, 2], [1], 1), ValueError, "of one length, got 2 and 1"),
        (lambda: sequence.TimeseriesGenerator([1, 2], [1, 2], 4), ValueError, "use a shorter window"),
        (
            lambda: lf.utils.timeseries_dataset_from_array([1, 2, 3], None, 4),
            ValueError,
            "expected sequence_length in 1..3, got 4",
        ),
        (
            lambda: lf.utils.timeseries_dataset_from_array([1, 2, 3], None, 2, sampling_rate=0),
            ValueError,
            "expected sampling_rate in 1..2, got 0",
        ),
    ],
)
def test_messages(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
