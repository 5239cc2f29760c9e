"""Models and training: gradients of whole graphs, fit and its options, several inputs and outputs, messages."""

from __future__ import annotations

import copy
import pickle
import re
import threading
import warnings
from typing import Any

import numpy as np
import pytest

import lstm_fast as lf
from lstm_fast import callbacks, layers
from lstm_fast.layers import LSTM, Concatenate, Dense, Dropout, Flatten, Input, RepeatVector, TimeDistributed
from lstm_fast.models import Model, Sequential
from lstm_fast.training.ops import ActivationOp

Array = np.ndarray[Any, Any]


def tutorial(**options: Any) -> Sequential:
    lf.utils.set_random_seed(5)
    model = Sequential([LSTM(6, input_shape=(4, 2)), Dense(1)])
    model.compile(**{"optimizer": "adam", "loss": "mse", **options})
    return model


def rows(n: int = 24) -> tuple[Array, Array]:
    rng = np.random.default_rng(2)
    x = rng.standard_normal((n, 4, 2)).astype("float32")
    return x, x.sum(axis=(1, 2))[:, None]


# gradients


def deep(d: str) -> Any:
    x = Input((3, 2), dtype=d)
    y = LSTM(4, return_sequences=True, dtype=d)(x)
    y = LSTM(3, return_sequences=True, go_backwards=True, dtype=d)(y)
    z = LSTM(3, dtype=d)(y)
    return Model(x, Dense(2, activation="tanh", dtype=d)(z))


def states(d: str) -> Any:
    a, b = Input((3, 2), dtype=d), Input((4, 3), dtype=d)
    y, h, c = LSTM(4, return_sequences=True, return_state=True, dtype=d)(a)
    decoded = LSTM(4, return_sequences=True, dtype=d)(b, initial_state=[h, c])
    last = LSTM(2, return_state=True, dtype=d)(y)
    merged = Concatenate(dtype=d)([Flatten(dtype=d)(decoded), *last, Dense(2, activation="softmax", dtype=d)(h)])
    return Model([a, b], Dense(2, dtype=d)(merged))


def reused(d: str) -> Any:
    """One layer three times, one output used twice, a model inside a model."""
    x = Input((3, 2), dtype=d)
    lstm = LSTM(2, return_sequences=True, dtype=d)
    y = lstm(lstm(x))
    inner_in = Input((3, 2), dtype=d)
    inner = Model(inner_in, layers.Add(dtype=d)([lstm(inner_in), inner_in]))
    z = layers.Multiply(dtype=d)([inner(y), y])
    return Model(x, TimeDistributed(Dense(1, activation="sigmoid", dtype=d))(z))


def shapes(d: str) -> Any:
    x = Input((3, 2), dtype=d)
    y = RepeatVector(3, dtype=d)(LSTM(4, dtype=d)(x))
    y = layers.Permute((2, 1), dtype=d)(
        layers.Average(dtype=d)([y, layers.Reshape((3, 4), dtype=d)(Flatten(dtype=d)(y))])
    )
    y = layers.Subtract(dtype=d)([layers.Activation("elu", dtype=d)(y), layers.Activation("gelu", dtype=d)(y)])
    return Model(x, Dense(1, activation="softplus", dtype=d)(Flatten(dtype=d)(y)))


LOSSES = [
    "mse",
    "mae",
    "huber",
    "mape",
    "msle",
    "log_cosh",
    "binary_crossentropy",
    "categorical_crossentropy",
    "kl_divergence",
]


def check_gradient(model: Any, x: Any, y: Any, rng: np.random.Generator, **fit: Any) -> None:
    """Central differences of the loss against the gradients of a step with a learning rate of 0."""
    for p in model.weights:
        p.assign(rng.standard_normal(p.shape) * 0.5)
    step = 1e-5
    model.optimizer.learning_rate = 0.0
    model.train_on_batch(x, y, **fit)
    gradients = [p.grad.copy() for p in model.weights]
    for p, got in zip(model.weights, gradients, strict=True):
        value = p.numpy()
        scale = max(1.0, float(np.abs(got).max()))
        for at in list(np.ndindex(value.shape))[:: max(1, value.size // 12)]:
            sides = []
            for sign in (1, -1):
                moved = value.copy()
                moved[at] += sign * step
                p.assign(moved)
                sides.append(model.train_on_batch(x, y, **fit))
            p.assign(value)
            want = (sides[0] - sides[1]) / (2 * step)
            assert abs(got[at] - want) < 2e-8 * scale, f"{p.path}{at}: {got[at]} instead of {want}"


@pytest.mark.parametrize("build", [deep, states, reused, shapes])
def test_gradients_of_graphs(build: Any, rng: np.random.Generator) -> None:
    model = build("float64")
    model.compile("sgd", "mse")
    x = [rng.standard_normal((5, *t.shape[1:])) for t in model.inputs]
    y = rng.standard_normal((5, *model.output_shape[1:]))
    check_gradient(model, x if len(x) > 1 else x[0], y, rng)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("steps", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_gradients_of_losses(loss: str, steps: bool, weighted: bool, rng: np.random.Generator) -> None:
    lf.utils.set_random_seed(1)
    last = "softmax" if loss in ("categorical_crossentropy", "kl_divergence") else "sigmoid"
    model = Sequential(
        [
            Input((3, 2), dtype="float64"),
            LSTM(3, return_sequences=steps, dtype="float64"),
            Dense(4, activation=last, dtype="float64"),
        ]
    )
    model.compile("sgd", loss)
    y = rng.dirichlet(np.ones(4), (5, 3) if steps else 5) + (0.1 if loss == "msle" else 0)
    weight = rng.random((5, 3) if steps else 5) if weighted else None
    check_gradient(model, rng.standard_normal((5, 3, 2)), y, rng, sample_weight=weight)


@pytest.mark.parametrize("name", ["BinaryCrossentropy", "CategoricalCrossentropy", "SparseCategoricalCrossentropy"])
def test_gradients_from_logits(name: str, rng: np.random.Generator) -> None:
    model = Sequential([Input((2,), dtype="float64"), Dense(4, dtype="float64")])
    model.compile("sgd", getattr(lf.losses, name)(from_logits=True))
    labels = np.array([0, 3, 1, 2, 3])
    check_gradient(model, rng.standard_normal((5, 2)), labels if name.startswith("S") else np.eye(4)[labels], rng)
    logits, probabilities = rng.standard_normal((2, 5, 4))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    if name != "BinaryCrossentropy":
        target = labels if name.startswith("S") else np.eye(4)[labels]
        cls = getattr(lf.losses, name)
        assert cls(from_logits=True)(target, logits) == pytest.approx(cls()(target, probabilities), abs=1e-6)


# fit


def test_fit_learns_and_returns_history() -> None:
    model = tutorial(metrics=["mae"], optimizer=lf.optimizers.Adam(0.02))
    x, y = rows(64)
    history = model.fit(x, y, epochs=30, batch_size=8, validation_split=0.25, verbose=0)
    assert set(history.history) == {"loss", "mae", "val_loss", "val_mae"}
    assert all(len(v) == 30 for v in history.history.values())
    assert history.epoch == list(range(30))
    assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]
    assert model.history is history
    loss, mae = model.evaluate(x[48:], y[48:], verbose=0)
    assert loss == pytest.approx(history.history["val_loss"][-1], rel=1e-6)
    assert mae == pytest.approx(history.history["val_mae"][-1], rel=1e-6)
    assert model.evaluate(x[48:], y[48:], batch_size=5, return_dict=True)["loss"] == pytest.approx(loss, rel=1e-6)


def test_loss_of_an_epoch_is_the_mean_over_rows() -> None:
    model = tutorial(optimizer=lf.optimizers.SGD(0.0), metrics=["mse", "mae"])
    x, y = rows(23)
    got = model.fit(x, y, batch_size=5, verbose=0).history
    e = model.predict(x) - y
    assert got["loss"][0] == pytest.approx(float((e**2).mean()), rel=1e-5)
    assert got["mse"][0] == pytest.approx(float((e**2).mean()), rel=1e-5)
    assert got["mae"][0] == pytest.approx(float(np.abs(e).mean()), rel=1e-5)


def test_a_whole_run_is_reproducible() -> None:
    def run() -> tuple[list[float], list[Array]]:
        lf.utils.set_random_seed(9)
        model = Sequential([LSTM(6, input_shape=(4, 2)), Dropout(0.3), Dense(1)])
        model.compile("adam", "mse")
        history = model.fit(*rows(), epochs=4, batch_size=5, verbose=0)
        return history.history["loss"], model.get_weights()

    (first, a), (second, b) = run(), run()
    assert first == second
    assert all(np.array_equal(v, w) for v, w in zip(a, b, strict=True))


def test_shuffle_uses_each_row_once() -> None:
    model = tutorial()
    x, y = rows(10)
    model.fit(x, y, verbose=0)
    orders = [model.next_order(10, True) for _ in range(3)]
    assert all(sorted(o) == list(range(10)) for o in orders)
    assert len({tuple(o) for o in orders}) == 3
    assert model.next_order(3, False).tolist() == [0, 1, 2]


def test_predict_does_not_depend_on_batches(rng: np.random.Generator) -> None:
    model = tutorial()
    x = rng.standard_normal((300, 4, 2)).astype("float32")
    whole = model.predict(x)
    assert whole.shape == (300, 1)
    for size in (1, 7, 300, 1000):
        assert np.array_equal(model.predict(x, batch_size=size), whole)
    assert np.array_equal(np.concatenate([model.predict(x[k : k + 1]) for k in range(20)]), whole[:20])
    assert np.array_equal(model(x), whole)
    assert np.array_equal(model.predict(x.tolist()), whole)
    assert model.predict(x[:0]).shape == (0, 1)


def test_threads_share_a_model(rng: np.random.Generator) -> None:
    """Concurrent predictions are exact, and follow a change of the weights."""
    model = tutorial()
    x = [rng.standard_normal((k + 1, 4, 2)) for k in range(4)]
    settings = [model.get_weights(), [w + 0.1 for w in model.get_weights()]]
    allowed = []
    for weights in settings:
        model.set_weights(weights)
        allowed.append([model.predict(a) for a in x])
    model.set_weights(settings[0])
    wrong: list[int] = []

    def work(k: int) -> None:
        for _ in range(300):
            if not np.array_equal(model.predict(x[k]), allowed[0][k]):
                wrong.append(k)

    workers = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in workers:
        t.start()
    for t in workers:
        t.join()
    assert wrong == []
    model.set_weights(settings[1])
    assert all(np.array_equal(model.predict(a), want) for a, want in zip(x, allowed[1], strict=True))


def test_plans_keep_no_data() -> None:
    import weakref

    model = tutorial()
    for _ in range(2):
        x = np.zeros((3, 4, 2), np.float32)
        gone = weakref.ref(x)
        model.predict(x)
        del x
        assert gone() is None


def test_early_stopping_restores_the_best() -> None:
    model = tutorial(optimizer=lf.optimizers.SGD(0.05))
    x, y = rows()
    seen: list[tuple[float, list[Array]]] = []

    class Worse(callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            seen.append((logs["val_loss"], self.model.get_weights()))
            if epoch == 3:
                self.model.optimizer.learning_rate = 3.0  # from here on it gets worse

    stop = callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    model.fit(x, y, epochs=50, batch_size=4, validation_data=(x, y), verbose=0, callbacks=[Worse(), stop])
    best = min(range(len(seen)), key=lambda k: seen[k][0])
    assert 4 <= len(seen) < 50
    assert stop.best_epoch == best
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), seen[best][1], strict=True))
    assert model.evaluate(x, y) == pytest.approx(seen[best][0])


def test_other_callbacks(tmp_path: Any) -> None:
    model = tutorial(optimizer=lf.optimizers.SGD(0.1))
    x, y = rows()
    lines: list[float] = []
    used = [
        callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5),
        callbacks.CSVLogger(tmp_path / "log.csv"),
        callbacks.ModelCheckpoint(tmp_path / "e{epoch:02d}.safetensors"),
        callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: lines.append(logs["learning_rate"])),
    ]
    model.fit(x, y, epochs=3, verbose=0, callbacks=used)
    assert lines == [0.05, 0.025, 0.0125]
    assert (tmp_path / "log.csv").read_text().splitlines()[0] == "epoch,learning_rate,loss"
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 4
    assert sorted(p.name for p in tmp_path.glob("*.safetensors")) == [f"e0{k}.safetensors" for k in (1, 2, 3)]
    slow = callbacks.ReduceLROnPlateau(monitor="loss", factor=0.1, patience=1, min_delta=1e9)
    history = model.fit(x, y, epochs=3, verbose=0, callbacks=[slow])
    assert history.history["learning_rate"] == pytest.approx([0.0125, 0.0125, 0.00125])


def test_batch_hooks_see_each_batch() -> None:
    model = tutorial()
    x, y = rows(10)
    seen: list[tuple[int, float, float]] = []

    class Batches(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            seen.append((batch, logs["loss"], float(self.model.predict(x[:1])[0, 0])))

    history = model.fit(x, y, batch_size=4, epochs=2, verbose=0, callbacks=[Batches()])
    assert [s[0] for s in seen] == [0, 1, 2] * 2
    assert seen[2][1] == history.history["loss"][0]
    assert len({s[2] for s in seen}) == 6  # predictions follow every update
    plain = tutorial().fit(x, y, batch_size=4, epochs=2, verbose=0)
    assert plain.history["loss"] == history.history["loss"]


def test_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    x, y = rows()
    shown = []
    for verbose in (0, 1, 2):
        tutorial().fit(x, y, epochs=2, validation_split=0.5, verbose=verbose)
        shown.append(capsys.readouterr())
    assert shown[0] == ("", "")
    assert "Epoch 2/2" in shown[1].err
    assert "val_loss=" in shown[1].err
    assert [line[:10] for line in shown[2].out.splitlines()] == ["Epoch 1/2 ", "Epoch 2/2 "]


def test_weights_of_rows_and_classes() -> None:
    x, y = rows(12)
    kept = np.arange(12) % 3 > 0
    a, b = tutorial(), tutorial()
    a.fit(x, y, sample_weight=kept.astype(float) * 12 / kept.sum(), batch_size=12, epochs=3, verbose=0)
    b.fit(x[kept], y[kept], batch_size=12, epochs=3, verbose=0)
    for v, w in zip(a.get_weights(), b.get_weights(), strict=True):
        assert np.abs(v - w).max() < 1e-6
    labels = (y[:, 0] > 0).astype(int)
    c, d = tutorial(loss="binary_crossentropy"), tutorial(loss="binary_crossentropy")
    c.fit(x, labels, class_weight={0: 1.0, 1: 3.0}, epochs=2, verbose=0, shuffle=False)
    d.fit(x, labels, sample_weight=np.where(labels == 1, 3.0, 1.0), epochs=2, verbose=0, shuffle=False)
    assert all(np.array_equal(v, w) for v, w in zip(c.get_weights(), d.get_weights(), strict=True))


def test_stateful_fit(rng: np.random.Generator) -> None:
    """Two batches of halves, in order, equal one pass over whole sequences."""
    x = rng.standard_normal((3, 8, 2)).astype("float32")
    model = Sequential([LSTM(4, stateful=True, return_sequences=True, batch_input_shape=(3, 4, 2)), Dense(1)])
    model.compile(lf.optimizers.SGD(0.0), "mse")
    halves = np.concatenate([x[:, :4], x[:, 4:]])
    parts = model.predict(halves, batch_size=3)
    model.reset_states()
    plain = Sequential([LSTM(4, return_sequences=True, input_shape=(8, 2)), Dense(1)])
    plain.set_weights(model.get_weights())
    whole = plain.predict(x)
    assert np.array_equal(np.concatenate([parts[:3], parts[3:]], axis=1), whole)
    model.fit(halves, np.zeros((6, 4, 1)), batch_size=3, shuffle=False, verbose=0)
    assert np.array_equal(model.layers[0].states[0], lf.lstm(x, *model.get_weights()[:3]).h)


# graphs


def test_several_inputs_and_outputs(rng: np.random.Generator) -> None:
    lf.utils.set_random_seed(2)
    a, b = Input((4, 2), name="a"), Input((3,), name="b")
    h = LSTM(5)(a)
    merged = Concatenate()([h, b])
    model = Model([a, b], [Dense(1, name="value")(merged), Dense(3, activation="softmax", name="kind")(merged)])
    model.compile(
        "adam",
        loss={"value": "mse", "kind": "sparse_categorical_crossentropy"},
        loss_weights={"value": 2.0, "kind": 0.5},
        metrics={"value": ["mae"], "kind": ["accuracy"]},
    )
    xa, xb = rng.standard_normal((20, 4, 2)), rng.standard_normal((20, 3))
    value, kind = rng.standard_normal((20, 1)), rng.integers(0, 3, 20)
    history = model.fit({"a": xa, "b": xb}, {"value": value, "kind": kind}, epochs=3, verbose=0, batch_size=6)
    assert set(history.history) == {"loss", "value_loss", "kind_loss", "value_mae", "kind_accuracy"}
    for total, v, k in zip(*(history.history[n] for n in ("loss", "value_loss", "kind_loss")), strict=True):
        assert total == pytest.approx(v + k)
    first, second = model.predict([xa, xb])
    assert first.shape == (20, 1)
    assert second.sum(axis=-1) == pytest.approx(1)
    one = model.evaluate([xa, xb], [value, kind], verbose=0)
    assert len(one) == 5


def test_sub_models_share_what_was_trained(rng: np.random.Generator) -> None:
    x = Input((4, 2))
    encoded = LSTM(3)(x)
    whole = Model(x, Dense(8)(encoded))
    encoder = Model(x, encoded)
    whole.compile("adam", "mse")
    data = rng.standard_normal((16, 4, 2)).astype("float32")
    before = encoder.predict(data)
    whole.fit(data, data.reshape(16, 8), epochs=2, verbose=0)
    after = encoder.predict(data)
    assert not np.array_equal(before, after)
    assert np.array_equal(after, lf.lstm(data, *whole.get_weights()[:3]).h)
    encoder.compile("adam", "mse")  # trained in turn, over the same weights
    for _ in range(2):
        encoder.fit(data, np.zeros((16, 3)), verbose=0)
        whole.fit(data, data.reshape(16, 8), verbose=0)
    assert np.array_equal(encoder.predict(data), lf.lstm(data, *whole.get_weights()[:3]).h)


def test_frozen_layers_stay(rng: np.random.Generator) -> None:
    model = tutorial()
    model.layers[0].trainable = False
    model.compile("adam", "mse")
    before = model.get_weights()
    model.fit(*rows(), epochs=2, verbose=0)
    after = model.get_weights()
    assert [np.array_equal(a, b) for a, b in zip(before, after, strict=True)] == [True, True, True, False, False]
    model.layers[0].trainable = True
    model.compile("adam", "mse")
    model.fit(*rows(), epochs=2, verbose=0)
    assert not np.array_equal(model.get_weights()[0], after[0])


def test_steps_follow_parameters_that_another_model_takes(rng: np.random.Generator) -> None:
    """The calls of a step hold addresses: they are bound anew where the weights now lie."""
    x, y = rng.standard_normal((4, 5, 3)).astype(np.float32), rng.standard_normal((4, 2)).astype(np.float32)
    shared = LSTM(6, return_sequences=True)
    models = [Sequential([Input((5, 3)), shared, LSTM(7), Dense(2)]) for _ in range(2)]
    for model in models:
        model.compile(optimizer="sgd", loss="mse")
    for model in models * 3:
        expected = model.test_on_batch(x, y)
        assert model.train_on_batch(x, y) == expected
        assert model.test_on_batch(x, y) < expected


def test_parameters_share_one_buffer() -> None:
    model = tutorial()
    model.fit(*rows(), verbose=0)
    store = model.flatten()
    assert all(np.shares_memory(p.array, store.values) and np.shares_memory(p.grad, store.grads) for p in model.weights)
    assert model.optimizer.p.base is not None
    assert np.shares_memory(model.optimizer.p, store.values)


@pytest.mark.parametrize("fresh", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_learn_on_by_themselves(fresh: Any) -> None:
    """joblib and scikit-learn copy estimators this way; model files hold no pickle."""
    x, y = rows()
    model = tutorial()
    model.fit(x, y, epochs=2, verbose=0)
    twin = fresh(model)
    before = model.get_weights()
    got = twin.fit(x, y, epochs=3, verbose=0).history["loss"]
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before, strict=True))
    assert model.fit(x, y, epochs=3, verbose=0).history["loss"] == got
    assert np.array_equal(model.predict(x), twin.predict(x))


PROGRAM = """
import numpy as np
from tensorflow.keras.models import Sequential, load_model
from tensorflow.keras.layers import LSTM, Dense, Dropout
from tensorflow.keras.optimizers import Adam
from tensorflow.keras.callbacks import EarlyStopping, ModelCheckpoint
from tensorflow.keras.utils import set_random_seed
import tensorflow.keras as keras

set_random_seed(7)
series = np.sin(np.arange(120) / 6).reshape(-1, 1)
look_back = 10
X = np.array([series[i : i + look_back] for i in range(len(series) - look_back)])
Y = series[look_back:]
X = np.reshape(X, (X.shape[0], X.shape[1], 1))
model = Sequential()
model.add(LSTM(units=12, return_sequences=True, input_shape=(X.shape[1], 1)))
model.add(Dropout(0.1))
model.add(LSTM(8))
model.add(Dense(1))
model.compile(loss="mean_squared_error", optimizer=Adam(learning_rate=0.01), metrics=["mae"])
model.summary()
saver = ModelCheckpoint("best.keras", monitor="val_loss", save_best_only=True, verbose=0)
history = model.fit(X, Y, epochs=15, batch_size=8, validation_split=0.2, verbose=0,
                    callbacks=[EarlyStopping(monitor="val_loss", patience=20), saver])
best = load_model("best.keras")
print(round(min(history.history["val_loss"]) / best.evaluate(X[88:], Y[88:], verbose=0)[0], 4))
print(best.predict(X[:3], verbose=0).shape, keras.Sequential is Sequential, history.history["loss"][-1] < 0.1)
"""


def test_a_program_for_tensorflow_runs(tmp_path: Any, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    text = PROGRAM.replace("tensorflow.keras", "lstm_fast").replace("from keras", "from lstm_fast")
    exec(compile(text, "program", "exec"), {"__name__": "program"})
    assert capsys.readouterr().out.splitlines()[-2:] == ["1.0", "(3, 1) True True"]


def test_history_draws_itself(tmp_path: Any) -> None:
    pytest.importorskip("matplotlib")
    history = tutorial().fit(*rows(), epochs=3, validation_split=0.5, verbose=0)
    history.plot(tmp_path / "history.png")
    assert (tmp_path / "history.png").read_bytes().startswith(b"\x89PNG")


def test_everything_is_reached_from_the_root_and_quickly(python: Any) -> None:
    code = """
import time
start = time.perf_counter()
import lstm_fast as lf
lf.models.Sequential, lf.layers.LSTM, lf.optimizers.schedules, lf.losses, lf.metrics, lf.callbacks, lf.initializers
lf.utils.to_categorical, lf.Model, lf.Input, lf.load_model, lf.lstm, lf.threads, lf.show_versions, lf.reference
print(time.perf_counter() - start)
import sys
print([m for m in ("matplotlib", "tqdm", "torch", "scipy", "pandas", "safetensors") if m in sys.modules])
"""
    seconds, heavy = python(code).stdout.splitlines()
    print(f"import with NumPy and all parts: {1e3 * float(seconds):.0f} ms")
    assert float(seconds) < 2  # 0.15 on a quiet machine
    assert heavy == "[]"


def test_sequential_grows_and_shrinks() -> None:
    model = Sequential([Input((4, 2)), LSTM(3, return_sequences=True)])
    model.add(LSTM(2))
    assert model.output_shape == (None, 2)
    model.pop()
    assert model.output_shape == (None, 4, 3)
    late = Sequential([LSTM(3), Dense(1)])
    assert late.predict(np.zeros((5, 4, 2))).shape == (5, 1)
    assert late.input_shape == (None, 4, 2)
    assert late.count_params() == 4 * 3 * (2 + 3 + 1) + 4


def test_nan_is_reported_once_with_its_step() -> None:
    model = tutorial(optimizer="sgd")
    x, y = rows(12)
    y[7] = np.nan
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = model.fit(x, y, batch_size=3, epochs=3, shuffle=False, verbose=0)
    assert [str(w.message) for w in caught] == [
        "fit: the loss is not a number from epoch 1, step 3; y has NaN or infinity in 1 of 12 rows, first in row 7: "
        "fill or drop them"
    ]
    assert np.isnan(history.history["loss"]).tolist() == [True] * 3
    with pytest.warns(UserWarning, match=r"epoch 1, step \d; a smaller learning rate or clipnorm may help$"):
        tutorial(optimizer=lf.optimizers.SGD(1e30)).fit(*rows(12), batch_size=3, epochs=2, verbose=0)


@pytest.mark.parametrize("sparse", [False, True])
def test_softmax_and_cross_entropy_have_one_gradient(rng: np.random.Generator, sparse: bool) -> None:
    """Where only the loss reads the softmax, they run as one; a softmax of another kind shows what the numbers are."""
    loss = "sparse_categorical_crossentropy" if sparse else lf.losses.CategoricalCrossentropy(label_smoothing=0.1)
    x, labels = rng.standard_normal((12, 4, 3)), rng.integers(0, 5, (12, 4))
    y, weights = labels if sparse else np.eye(5)[labels], rng.random((12, 4))
    models = [
        Sequential([Input((4, 3)), LSTM(6, return_sequences=True), TimeDistributed(Dense(5, activation="softmax"))]),
        Sequential([Input((4, 3)), LSTM(6, return_sequences=True), Dense(5), layers.Softmax()]),
    ]
    models[1].set_weights(models[0].get_weights())
    losses = []
    for model in models:
        model.compile("sgd", loss)
        losses.append(model.fit(x, y, 6, 5, sample_weight=weights, shuffle=False, verbose=0).history["loss"])
    assert np.allclose(*losses, rtol=1e-6)
    for a, b in zip(*(model.get_weights() for model in models), strict=True):
        assert np.abs(a - b).max() < 1e-6

    def fused(model: Any, targets: Any) -> bool:
        step = model.step_for(model.data_for("fit", x, targets), 6, True)
        return any(op.passes for op in step.plan.ops if isinstance(op, ActivationOp))

    assert fused(models[0], y)
    shares = Dense(5, activation="softmax")(inputs := Input((4, 3)))
    other = Model(inputs, [shares, Dense(2)(shares)])
    other.compile("sgd", [loss, "mse"])
    assert not fused(other, [y, np.zeros((12, 4, 2))])

    class Doubled(lf.losses.SparseCategoricalCrossentropy):
        def samples(self, y_true: Any, y_pred: Any, dpred: Any) -> Any:
            values = super().samples(y_true, y_pred, dpred)
            dpred *= 2
            return 2 * values

    models[0].compile("sgd", Doubled())
    assert not fused(models[0], labels)


@pytest.mark.parametrize(
    ("activation", "loss", "message"),
    [
        (None, "binary_crossentropy", "reads probabilities, but the output is linear.*activation='sigmoid'"),
        ("relu", "sparse_categorical_crossentropy", "the output is relu.*activation='softmax', or .* from_logits=True"),
        ("softmax", lf.losses.CategoricalCrossentropy(from_logits=True), "the output is softmax already; drop one"),
        ("sigmoid", "binary_crossentropy", ""),
        ("tanh", "mse", ""),
    ],
)
def test_a_loss_that_does_not_fit_the_activation(activation: Any, loss: Any, message: str) -> None:
    model = Sequential([Input((2,)), Dense(3, activation=activation)])
    model.compile("sgd", loss)
    y = np.array([0, 2, 1]) if loss == "sparse_categorical_crossentropy" else np.eye(3)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(np.ones((3, 2)), y, verbose=0)
    assert len(caught) == bool(message)
    assert not message or re.search(message, str(caught[0].message))


MESSAGES = {
    "not compiled": (lambda m, x, y: Sequential([Dense(1, input_shape=(2,))]).fit(x, y), r"not compiled; call compile"),
    "rows": (lambda m, x, y: m.fit(x, y[:-1], verbose=0), r"as many rows in y as in x \(24\), got 23"),
    "x shape": (lambda m, x, y: m.fit(x[:, :, :1], y), r"x of shape \(batch, 4, 2\), got \(24, 4, 1\)"),
    "x rank": (lambda m, x, y: m.predict(x[:, 0]), r"x of shape \(batch, 4, 2\), got \(24, 2\); add the axis"),
    "y shape": (
        lambda m, x, y: m.fit(x, np.zeros((24, 3))),
        r"output has shape \(batch, 1\), got y of shape \(24, 3\)",
    ),
    "no y": (lambda m, x, y: m.fit(x), "expected targets y, got None"),
    "empty": (lambda m, x, y: m.fit(x[:0], y[:0]), "at least one row"),
    "epochs": (lambda m, x, y: m.fit(x, y, epochs=-1), "epochs as an integer >= 0, got -1"),
    "batch": (lambda m, x, y: m.fit(x, y, batch_size=0), "batch_size as an integer >= 1, got 0"),
    "split": (lambda m, x, y: m.fit(x, y, validation_split=1.5), "between 0 and 1, got 1.5"),
    "split too small": (lambda m, x, y: m.fit(x[:1], y[:1], validation_split=0.5), "leaves no row"),
    "weights": (lambda m, x, y: m.fit(x, y, sample_weight=np.ones(3)), r"sample_weight of shape \(24,\) .* got \(3,\)"),
    "verbose": (lambda m, x, y: m.fit(x, y, verbose=7), "verbose 0, 1, 2 or 'auto', got 7"),
    "loss": (lambda m, x, y: m.compile("adam", "mze"), "unknown loss 'mze'; known are mse"),
    "own loss": (lambda m, x, y: m.compile("adam", lambda a, b: 0), "subclass losses.Loss"),
    "metric": (lambda m, x, y: m.compile("adam", "mse", metrics=["mze"]), "unknown metric 'mze'"),
    "optimizer": (lambda m, x, y: m.compile("addam", "mse"), "unknown optimizer 'addam'"),
    "validation": (lambda m, x, y: m.fit(x, y, validation_data=x), r"validation_data as \(x, y\)"),
    "no layers": (lambda m, x, y: Sequential().predict(x), "has no layers"),
    "labels": (
        lambda m, x, y: (m.compile("adam", "categorical_crossentropy"), m.fit(x, y)),
        "two or more classes.*use binary_crossentropy",
    ),
    "binary targets": (
        lambda m, x, y: (m.compile("adam", "binary_crossentropy"), m.fit(x, 3 * np.sign(y))),
        r"^fit: binary_crossentropy needs targets in 0\.\.1 in y, got -3\.\.3; use sparse_categorical_crossentropy",
    ),
    "no x": (lambda m, x, y: m.fit(None, y), "^fit: expected x as an array of numbers, got None$"),
    "text": (lambda m, x, y: m.fit(x.astype(str), y), "^fit: expected x as numbers, got dtype <U"),
    "words": (lambda m, x, y: m.predict(np.full((2, 4, 2), "w", object)), "^predict: expected x as one array of num"),
    "y axes": (lambda m, x, y: m.fit(x, np.zeros((24, 4, 1))), r"\(batch, 1\), got y of shape \(24, 4, 1\)$"),
    "y of each step": (
        lambda m, x, y: (n := Sequential([Input((4, 2)), LSTM(3, return_sequences=True), Dense(1)]),
                         n.compile("adam", "mse"), n.fit(x, y)),
        r"\(batch, 4, 1\), got y of shape \(24, 1\); a last recurrent layer with return_sequences=False",
    ),
    "batch of predict": (lambda m, x, y: m.predict(x, batch_size="8"), "^predict: .*batch_size .* >= 1, got '8'"),
    "batch of evaluate": (lambda m, x, y: m.evaluate(x, y, batch_size=2.5), "^evaluate: .*batch_size .* got 2.5$"),
    "frequency": (lambda m, x, y: m.fit(x, y, validation_split=0.5, validation_freq=0), "validation_freq .* got 0$"),
    "first epoch": (lambda m, x, y: m.fit(x, y, initial_epoch=-1), "initial_epoch as an integer >= 0, got -1$"),
    "split of text": (lambda m, x, y: m.fit(x, y, validation_split="a"), "between 0 and 1, got 'a'$"),
    "class weights": (lambda m, x, y: m.fit(x, y, class_weight=[1, 2]), "class_weight as a dict .* got list$"),
    "callback class": (lambda m, x, y: m.fit(x, y, callbacks=[lf.callbacks.EarlyStopping]), "callbacks .* got type$"),
    "rate": (lambda m, x, y: lf.optimizers.Adam("fast"), "^Adam: expected a learning rate >= 0, got 'fast'$"),
    "schedule": (lambda m, x, y: lf.callbacks.LearningRateScheduler(3), "a function of the epoch, got int$"),
    "no path": (lambda m, x, y: lf.load_model(None), "^load_model: expected the path of a file, got NoneType$"),
    "text labels": (lambda m, x, y: lf.utils.to_categorical(["a"]), "integer labels, got texts; number them first"),
    "padding words": (lambda m, x, y: lf.utils.pad_sequences([[1], ["a"]]), "sequence 1 .*; turn words into numbers"),
    "patience": (lambda m, x, y: lf.callbacks.EarlyStopping(patience="a"), "^EarlyStopping: .*patience .* got 'a'$"),
    "checkpoint path": (lambda m, x, y: lf.callbacks.ModelCheckpoint(None), "^ModelCheckpoint: .*path of a file"),
    "no weights": (lambda m, x, y: m.set_weights(None), "weights as a list of arrays, got NoneType$"),
    "layer number": (lambda m, x, y: m.get_layer(index=9), "^get_layer: expected an index below 2, got 9$"),
    "nothing to predict": (lambda m, x, y: m.predict(iter([])), "^predict: the list_iterator had no batch$"),
    "nothing to measure": (lambda m, x, y: m.evaluate(iter([])), "^evaluate: the list_iterator had no batch$"),
    "steps": (lambda m, x, y: m.fit(iter([(x, y)]), steps_per_epoch="a"), "^fit: expected steps_per_epoch .* got 'a'$"),
    "rows of two inputs": (
        lambda m, x, y: (n := Model([a := Input((2,)), b := Input((3,))], Concatenate()([a, b])),
                         n.predict([x[:3, 0], x[:4, :3, 0]])),
        r"^predict: expected as many rows in x\[1\] as in x\[0\] \(3\), got 4$",
    ),
    "one name twice": (
        lambda m, x, y: Model(a := Input((2,)), [Dense(1, name="d")(a), Dense(2, name="d")(a)]),
        "two layers are named 'd'; give each a name of its own$",
    ),
    "series": (lambda m, x, y: lf.utils.timeseries_dataset_from_array("abc", None, 3), "over time, got 'abc'$"),
    "no texts": (lambda m, x, y: lf.preprocessing.text.Tokenizer().fit_on_texts(None), "list of texts, got NoneType$"),
}  # fmt: skip


@pytest.mark.parametrize("name", MESSAGES)
def test_messages(name: str) -> None:
    act, message = MESSAGES[name]
    x, y = rows()
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        act(tutorial(), x, y)
    assert "\n" not in str(caught.value)


def test_labels_out_of_range() -> None:
    model = Sequential([Input((2,)), Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match=r"labels in 0..2 in y, got 0..3"):
        model.fit(np.zeros((4, 2)), [0, 1, 2, 3])
    for wrong in (0.5, np.nan):
        with pytest.raises(ValueError, match=f"^fit: expected labels as integers in y, got {wrong}$"):
            model.fit(np.zeros((4, 2)), [0, 1, wrong, 2])
    with pytest.raises(ValueError, match="looks one-hot; use categorical_crossentropy"):
        model.fit(np.zeros((4, 2)), np.eye(3)[[0, 1, 2, 0]])
    single = Sequential([Input((2,)), Dense(1, activation="sigmoid")])
    single.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match=r"two or more classes, got \(batch, 1\); use binary_crossentropy"):
        single.fit(np.zeros((4, 2)), [0, 1, 0, 1])


def test_layers_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r'layer "second" \(LSTM\): expected inputs of shape .* got \(None, 3\)'):
        Sequential([LSTM(3, input_shape=(4, 2)), LSTM(3, name="second")])
    with pytest.raises(TypeError, match="got the class Dense; call it"):
        Sequential([Dense])
    x, other = Input((4, 2)), Input((4, 2), name="other")
    with pytest.raises(ValueError, match='depend on input "other"'):
        Model(x, Concatenate()([x, other]))


def test_pandas_frames() -> None:
    pandas = pytest.importorskip("pandas")
    model = Sequential([Input((2,)), Dense(1)])
    model.compile("sgd", "mse")
    frame = pandas.DataFrame({"a": [1.0, 2.0, 3.0], "b": [0.0, 1.0, 0.0], "y": [1.0, 2.0, 3.0]})
    model.fit(frame[["a", "b"]], frame["y"], verbose=0)
    assert model.predict(frame[["a", "b"]]).shape == (3, 1)
    holes = frame[["a", "b"]].astype("Float64")
    holes.loc[1, "b"] = pandas.NA
    assert np.isnan(model.predict(holes)).ravel().tolist() == [False, True, False]
    with pytest.raises(TypeError, match=r"^fit: expected x as numbers, got column 'b' of dtype .*; encode it"):
        model.fit(frame[["a"]].assign(b=["u", "v", "w"]), frame["y"])


def test_float64_everywhere(rng: np.random.Generator) -> None:
    lf.config.set_floatx("float64")
    try:
        model = Sequential([LSTM(3, input_shape=(4, 2)), Dropout(0.2), Dense(1)])
    finally:
        lf.config.set_floatx("float32")
    model.compile("adam", "mse")
    model.fit(*rows(), verbose=0)
    assert model.predict(rows()[0]).dtype == np.float64
    with pytest.raises(ValueError, match="layers of one dtype"):
        Sequential([LSTM(3, input_shape=(4, 2), dtype="float64"), Dense(1)])
