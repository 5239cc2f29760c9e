"""fit, evaluate and predict on generators, objects with batches by number, and iterables; equal to arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from test_training import rows, tutorial

import lstm_fast as lf
from lstm_fast import callbacks
from lstm_fast.layers import LSTM, Dense
from lstm_fast.models import Sequential

X, Y = rows(22)
B = 5


class Numbered(lf.utils.PyDataset):
    """The rows in batches of B; `asked` has the order."""

    def __init__(self) -> None:
        super().__init__(workers=2)
        self.asked: list[int] = []
        self.ends = 0

    def __len__(self) -> int:
        return 5

    def __getitem__(self, k: int) -> tuple[Any, Any]:
        self.asked.append(k)
        return X[k * B : k * B + B], Y[k * B : k * B + B]

    def on_epoch_end(self) -> None:
        self.ends += 1


class Iterable:
    """As loaders of other packages: only __iter__."""

    def __iter__(self) -> Iterator[Any]:
        return iter([(X[k : k + B], Y[k : k + B]) for k in range(0, 22, B)])


def endless() -> Iterator[Any]:
    while True:
        yield from Iterable()


SOURCES: dict[str, Any] = {
    "generator": (endless, {"steps_per_epoch": 5}),
    "numbered": (Numbered, {"shuffle": False}),
    "iterable": (Iterable, {}),
    "dataset": (
        lambda: lf.utils.timeseries_dataset_from_array(X, Y, 1, batch_size=B).map(lambda x, y: (x[:, 0], y)),
        {},
    ),
    "weighted": (lambda: [(x, y, np.ones(len(x))) for x, y in Iterable()].__iter__(), {"epochs": 1}),
}


@pytest.mark.parametrize("name", SOURCES)
def test_equals_arrays(name: str) -> None:
    make, options = SOURCES[name]
    options = {"epochs": 3, "verbose": 0, **options}
    model, twin = tutorial(metrics=["mae"]), tutorial(metrics=["mae"])
    got = model.fit(make(), validation_data=Iterable(), **options)
    want = twin.fit(X, Y, B, epochs=options["epochs"], validation_data=(X, Y), shuffle=False, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), twin.get_weights(), strict=True))
    assert set(got.history) == set(want.history)
    for key, values in want.history.items():
        assert got.history[key] == pytest.approx(values, rel=1e-6)
    assert np.array_equal(model.predict(Iterable()), twin.predict(X))
    assert model.evaluate(Numbered(), verbose=0) == pytest.approx(twin.evaluate(X, Y, verbose=0), rel=1e-6)


def test_batches_by_number_are_shuffled() -> None:
    source = Numbered()
    tutorial().fit(source, epochs=3, verbose=0)
    epochs = [source.asked[k : k + 5] for k in (0, 5, 10)]
    assert all(sorted(e) == [0, 1, 2, 3, 4] for e in epochs)
    assert len(set(map(tuple, epochs))) > 1
    assert source.ends == 3


def test_generators_in_time_series_programs() -> None:
    series = np.sin(np.arange(60) * 0.3)[:, None]
    source = lf.preprocessing.sequence.TimeseriesGenerator(series, series, length=6, batch_size=8)
    lf.utils.set_random_seed(1)
    model = Sequential([LSTM(8), Dense(1)])  # shapes from the first batch
    model.compile(lf.optimizers.Adam(0.03), "mse")
    losses = model.fit(source, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 0.3 * losses[0]
    assert model.predict(source).shape == (54, 1)


def test_hooks_and_weights_of_classes() -> None:
    seen: list[int] = []
    model = tutorial()
    watch = callbacks.LambdaCallback(on_train_batch_end=lambda k, logs: seen.append(k))
    model.fit(endless(), epochs=2, steps_per_epoch=3, callbacks=[watch], verbose=0)
    assert seen == [0, 1, 2] * 2
    classes = (Y > 0).astype(int)
    a, b = tutorial(loss="binary_crossentropy"), tutorial(loss="binary_crossentropy")
    a.fit([(X, classes)].__iter__(), class_weight={0: 3.0, 1: 1.0}, verbose=0)
    b.fit(X, classes, 22, class_weight={0: 3.0, 1: 1.0}, shuffle=False, verbose=0)
    assert all(np.array_equal(u, v) for u, v in zip(a.get_weights(), b.get_weights(), strict=True))


def test_lists_and_frames(capsys: pytest.CaptureFixture[str]) -> None:
    model, twin = tutorial(), tutorial()
    model.fit(X.tolist(), Y.tolist(), shuffle=False, validation_data=(X.tolist(), Y.tolist()), verbose=2)
    twin.fit(X, Y, shuffle=False, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), twin.get_weights(), strict=True))
    model.fit(Iterable(), verbose=2)
    assert [line.split(" - ")[0] for line in capsys.readouterr().out.splitlines()] == ["Epoch 1/1"] * 2
    model.fit(Numbered(), verbose=1)
    assert "5/5" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda m: m.fit(endless(), epochs=2),
            "where a generator ends is not known; give steps_per_epoch for 2 epochs",
        ),
        (lambda m: m.fit(Numbered(), Y), "y comes in the batches when x is a Numbered; expected y=None"),
        (lambda m: m.fit(Numbered(), validation_split=0.2), "validation_split needs arrays"),
        (lambda m: m.fit([X].__iter__()), "expected targets y, got None; a stream has batches"),
        (lambda m: m.fit([(X, Y)].__iter__(), steps_per_epoch=3), "ended after 1 batches of an epoch of 3"),
        (lambda m: m.fit([].__iter__()), "list_iterator had no batch for epoch 1"),
        (lambda m: m.fit([(X, Y, Y, Y)].__iter__()), "got 4 parts"),
        (lambda m: m.fit(X, Y, validation_data=(X,)), r"validation_data as \(x, y\)"),
    ],
)
def test_messages(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        call(tutorial())
    assert "\n" not in str(caught.value)
