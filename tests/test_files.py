"""Model files: round trip, resuming bit by bit, equal bytes, whole or absent, messages."""

from __future__ import annotations

import json
import os
import signal
import stat
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

import lstm_fast as lf
from lstm_fast import files, layers
from lstm_fast.layers import LSTM, Dense, Dropout, Input
from lstm_fast.models import Model, Sequential, load_model

Array = np.ndarray[Any, Any]


def rows(n: int = 20) -> tuple[Array, Array]:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((n, 4, 2)).astype("float32")
    return x, x.sum(axis=(1, 2))[:, None]


def sequential(optimizer: Any = "adam") -> Sequential:
    lf.utils.set_random_seed(4)
    model = Sequential([LSTM(5, input_shape=(4, 2), return_sequences=True), Dropout(0.4), LSTM(3), Dense(1)])
    model.compile(optimizer, loss="mse", metrics=["mae"])
    return model


def functional() -> Model:
    lf.utils.set_random_seed(4)
    a, b = Input((4, 2), name="a"), Input((3, 2), name="b")
    y, h, c = LSTM(5, return_state=True, kernel_regularizer="l2")(a)
    inner_in = Input((3, 2))
    shared = Dense(2, activation="tanh")
    inner = Model(inner_in, shared(shared(inner_in)), name="inner")
    z = LSTM(5, return_sequences=True, go_backwards=True)(inner(b), initial_state=[h, c])
    z = layers.TimeDistributed(Dense(2, activation="softmax"))(z)
    out = layers.Concatenate()([layers.Flatten()(z), y])
    model = Model([a, b], [Dense(1, name="one")(out), out])
    model.compile(lf.optimizers.RMSprop(0.01, momentum=0.5), loss=["mae", None], metrics={"one": ["mse"]})
    return model


@pytest.mark.parametrize("optimizer", ["adam", "sgd", lf.optimizers.SGD(0.1, momentum=0.9, clipnorm=1.0), "rmsprop"])
def test_resuming_is_exact(optimizer: Any, tmp_path: Path) -> None:
    """Three epochs, a file, three more: the bits of six epochs in one go; dropout and order of rows included."""
    settings = lf.optimizers.serialize(lf.optimizers.get(optimizer))
    x, y = rows()
    whole = sequential(lf.optimizers.get(settings))
    want = whole.fit(x, y, epochs=6, batch_size=6, verbose=0).history["loss"]
    first = sequential(lf.optimizers.get(settings))
    got = first.fit(x, y, epochs=3, batch_size=6, verbose=0).history["loss"]
    first.save(tmp_path / "m.safetensors")
    lf.utils.set_random_seed(99)
    again = load_model(tmp_path / "m.safetensors")
    got += again.fit(x, y, epochs=6, initial_epoch=3, batch_size=6, verbose=0).history["loss"]
    assert got == want
    assert all(np.array_equal(a, b) for a, b in zip(again.get_weights(), whole.get_weights(), strict=True))
    assert np.array_equal(again.predict(x), whole.predict(x))


def test_graph_round_trip(tmp_path: Path) -> None:
    model = functional()
    rng = np.random.default_rng(0)
    x = [rng.standard_normal((6, 4, 2)), rng.standard_normal((6, 3, 2))]
    model.fit(x, [np.ones((6, 1)), None], epochs=2, verbose=0)
    model.save(tmp_path / "m")
    again = load_model(tmp_path / "m")
    for a, b in zip(model.predict(x), again.predict(x), strict=True):
        assert np.array_equal(a, b)
    assert again.input_names == ["a", "b"]
    assert again.get_layer("inner").count_params() == 6
    got = [m.fit(x, [np.ones((6, 1)), None], epochs=1, verbose=0).history for m in (model, again)]
    assert got[0] == got[1]


@pytest.mark.parametrize("build", [sequential, functional])
def test_equal_models_give_equal_bytes(build: Any, tmp_path: Path) -> None:
    """Also when automatic names differ, and after a round trip."""
    for k in range(2):
        build().save(tmp_path / f"{k}.safetensors")
    load_model(tmp_path / "0.safetensors").save(tmp_path / "2.safetensors")
    a, b, c = ((tmp_path / f"{k}.safetensors").read_bytes() for k in range(3))
    assert a == b == c


def test_the_file_is_plain_safetensors(tmp_path: Path) -> None:
    model = sequential()
    model.fit(*rows(), verbose=0)
    names = [layer.name for layer in model.layers]
    model.save(tmp_path / "m.safetensors")
    assert [layer.name for layer in model.layers] == names
    with safe_open(tmp_path / "m.safetensors", framework="np") as file:
        keys = set(file.keys())
        settings = json.loads(file.metadata()["lstm_fast"])
        assert np.array_equal(file.get_tensor("lstm/kernel"), model.get_weights()[0])
    assert {"lstm/kernel", "lstm/recurrent_kernel", "lstm/bias", "lstm_1/kernel", "dense/bias"} <= keys
    assert {"optimizer/m/lstm/kernel", "optimizer/v/dense/bias"} <= keys
    assert settings["format"] == "lstm_fast"
    assert settings["iterations"] == 1


def test_weights_alone(tmp_path: Path) -> None:
    model, other = sequential(), sequential()
    model.fit(*rows(), verbose=0)
    model.save_weights(tmp_path / "w.weights.h5")
    other.load_weights(tmp_path / "w.weights.h5")
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights(), strict=True))
    with pytest.raises(ValueError, match="has weights only; make the model and call load_weights"):
        load_model(tmp_path / "w.weights.h5")
    wider = Sequential([LSTM(6, input_shape=(4, 2))])
    with pytest.raises(ValueError, match=r"lstm/kernel of shape \(2, 20\), the model expects \(2, 24\)"):
        wider.load_weights(tmp_path / "w.weights.h5")
    with pytest.raises(ValueError, match=r"has weights lstm_1/kernel|has weights dense/bias|which the model lacks"):
        Sequential([LSTM(5, input_shape=(4, 2))]).load_weights(tmp_path / "w.weights.h5")


def test_options_of_save(tmp_path: Path) -> None:
    model = sequential()
    model.fit(*rows(), verbose=0)
    model.save(tmp_path / "m", include_optimizer=False)
    with pytest.raises(ValueError, match="not compiled"):
        load_model(tmp_path / "m").fit(*rows())
    with pytest.raises(FileExistsError, match="overwrite=True replaces it"):
        model.save(tmp_path / "m", overwrite=False)
    assert [p.name for p in tmp_path.iterdir()] == ["m"]
    assert stat.S_IMODE(os.stat(tmp_path / "m").st_mode) & 0o600 == 0o600


def damaged(path: Path, change: Any) -> None:
    """Rewrite the configuration in a file."""
    data = path.read_bytes()
    (n,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + n])
    settings = json.loads(header["__metadata__"]["lstm_fast"])
    change(settings)
    header["__metadata__"]["lstm_fast"] = json.dumps(settings)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + n :])


def test_bad_files(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    sequential().save(path)
    data = path.read_bytes()
    cases: dict[str, tuple[Any, str]] = {
        "missing": (path.unlink, "no file .*m.safetensors"),
        "folder": (lambda: (path.unlink(), path.mkdir()), "expected a model file, .* is a folder"),
        "empty": (lambda: path.write_bytes(b""), "no model file of lstm_fast, or is damaged .it is empty"),
        "truncated": (lambda: path.write_bytes(data[:-10]), "no model file of lstm_fast, or is damaged"),
        "half a header": (lambda: path.write_bytes(data[:50]), "no model file of lstm_fast, or is damaged"),
        "text": (lambda: path.write_bytes(b"date,value\n1,2\n" * 9), "no model file of lstm_fast, or is damaged"),
        "hdf5": (lambda: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(90)), "it is an HDF5 file"),
        "keras": (lambda: path.write_bytes(b"PK\x03\x04" + bytes(90)), "zip archive, perhaps of Keras"),
        "newer": (
            lambda: damaged(path, lambda s: s.update(version=99)),
            "format version 99, this lstm_fast reads up to 1",
        ),
        "other": (lambda: damaged(path, lambda s: s.pop("version")), "safetensors file without a model of lstm_fast"),
        "class": (lambda: damaged(path, lambda s: s["model"].update(class_name="os")), "damaged configuration"),
        "layer": (
            lambda: damaged(path, lambda s: s["model"]["config"]["layers"][0]["config"].update(units="x")),
            "units as an integer",
        ),
        "argument": (
            lambda: damaged(path, lambda s: s["model"]["config"]["layers"][0]["config"].update(extra=1)),
            "damaged configuration",
        ),
        "shape": (
            lambda: damaged(path, lambda s: s["model"]["config"]["layers"][0]["config"].update(units=6)),
            r"lstm/kernel of shape \(2, 20\), the model expects \(2, 24\)",
        ),
        "random": (lambda: damaged(path, lambda s: s["random"].update(dropout={})), "damaged configuration"),
    }
    for name, (damage, message) in cases.items():
        if path.is_dir():
            path.rmdir()
        path.write_bytes(data)
        damage()
        with pytest.raises((ValueError, OSError), match=message) as caught:
            load_model(path)
        assert "\n" not in str(caught.value), name
        assert "load_model" in str(caught.value) or name == "layer", name


def test_unwritable(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"save: cannot write in .*nowhere"):
        sequential().save(tmp_path / "nowhere" / "m.safetensors")
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        sequential().save(tmp_path / "folder")


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.safetensors"
    model = sequential()
    model.save(path)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        model.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]


KILLED = """
import sys, os, signal
import numpy as np
import lstm_fast as lf
from lstm_fast.callbacks import Callback, EarlyStopping, ModelCheckpoint, ReduceLROnPlateau
from lstm_fast.layers import LSTM, Dense, Dropout
from lstm_fast.models import Sequential, load_model
path, kill, start = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rng = np.random.default_rng(3)
x = rng.standard_normal((20, 4, 2)).astype("float32")
y = x.sum(axis=(1, 2))[:, None]
if start:
    model = load_model(path)
else:
    lf.utils.set_random_seed(4)
    model = Sequential([LSTM(5, input_shape=(4, 2)), Dropout(0.4), Dense(1)])
    model.compile(lf.optimizers.Adam(0.1), "mse")
class Kill(Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 == kill:
            os.kill(os.getpid(), signal.SIGKILL)
watching = [
    EarlyStopping("val_loss", min_delta=0.02, patience=4, restore_best_weights=True),
    ReduceLROnPlateau("loss", factor=0.5, patience=2, min_delta=0.05, cooldown=1),
]
model.fit(x, y, epochs=14, initial_epoch=start, batch_size=6, verbose=0, validation_split=0.2,
          callbacks=[ModelCheckpoint(path), *watching, Kill()])
model.save(path + ".end")
print(model.optimizer.learning_rate, watching[0].stopped_epoch, watching[0].best_epoch)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_resuming_after_kill(tmp_path: Path) -> None:
    """Killed after a checkpoint, then resumed: the files of an undisturbed run, byte for byte.

    The learning rate falls, training stops early and the best weights come back at the epochs where they would have.
    """

    def run(name: str, kill: int, start: int) -> tuple[int, str]:
        command = [sys.executable, "-c", KILLED, str(tmp_path / name), str(kill), str(start)]
        done = subprocess.run(command, timeout=60, check=False, capture_output=True, text=True)
        return done.returncode, done.stdout

    code, said = run("a", 0, 0)
    assert code == 0
    rate, stopped, _ = map(float, said.split())
    assert rate < 0.1
    assert 5 < stopped < 13
    for kill in (3, 5):
        assert run("b", kill, 0)[0] == -signal.SIGKILL
        assert (tmp_path / "a").read_bytes() != (tmp_path / "b").read_bytes()
        assert run("b", 0, kill) == (0, said)
        for end in ("", ".end"):
            assert (tmp_path / f"a{end}").read_bytes() == (tmp_path / f"b{end}").read_bytes()
