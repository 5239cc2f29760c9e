"""Layers that are not recurrent: gradients, masks, statistics, messages; test_keras_goldens.py has the parity."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from test_training import check_gradient

import lstm_fast as lf
from lstm_fast import layers
from lstm_fast.layers import Dense, Embedding, Flatten, Input
from lstm_fast.models import Model, Sequential

D = {"dtype": "float64"}

LAYERS: dict[str, Callable[[], Any]] = {
    "layer norm": lambda: layers.LayerNormalization(**D),
    "layer norm, two axes": lambda: layers.LayerNormalization(axis=[1, 2], **D),
    "batch norm": lambda: layers.BatchNormalization(**D),
    "batch norm, axis 1": lambda: layers.BatchNormalization(axis=1, center=False, **D),
    "prelu": lambda: layers.PReLU(shared_axes=1, **D),
    "leaky": lambda: layers.LeakyReLU(**D),
    "relu": lambda: layers.ReLU(1.0, 0.1, 0.2, **D),
    "elu": lambda: layers.ELU(0.7, **D),
    "softmax, axis 1": lambda: layers.Softmax(axis=1, **D),
    "average": lambda: layers.GlobalAveragePooling1D(keepdims=True, **D),
    "max": lambda: layers.GlobalMaxPooling1D(**D),
    "noise": lambda: layers.GaussianNoise(0.0, **D),
}


def learns(build: Callable[[], Model], x: Any, rng: np.random.Generator) -> None:
    lf.utils.set_random_seed(1)
    model = build()
    model.compile("sgd", "mse")
    check_gradient(model, x, rng.standard_normal((5, 2)), rng)


@pytest.mark.parametrize("name", LAYERS)
def test_gradients(name: str, rng: np.random.Generator) -> None:
    learns(
        lambda: Sequential([Input((4, 3), **D), Dense(3, **D), LAYERS[name](), Flatten(**D), Dense(2, **D)]),
        rng.standard_normal((5, 4, 3)),
        rng,
    )


def test_gradients_of_merges(rng: np.random.Generator) -> None:
    def build() -> Model:
        x = Input((4, 3), **D)
        a, b = Dense(3, **D)(x), Dense(3, **D)(x)
        cosine = layers.Dot(axes=2, normalize=True, **D)([a, b])
        extremes = [layers.Maximum(**D)([a, b]), layers.Minimum(**D)([a, b])]
        joined = layers.Concatenate(**D)([cosine, layers.Dot(axes=(-1, 2), **D)(extremes)])
        return Model(x, Dense(2, **D)(Flatten(**D)(joined)))

    learns(build, rng.standard_normal((5, 4, 3)), rng)


@pytest.mark.parametrize("mask_zero", [False, True])
def test_gradients_of_embeddings(mask_zero: bool, rng: np.random.Generator) -> None:
    def build() -> Model:
        x = Input((4,), dtype="int64")
        embedding = Embedding(7, 3, mask_zero=mask_zero, **D)
        y = layers.BatchNormalization(**D)(embedding(x))
        y = layers.GlobalAveragePooling1D(**D)(layers.Add(**D)([y, embedding(x)]))  # shared: two consumers
        return Model(x, Dense(2, **D)(y))

    x = rng.integers(0, 6, (5, 4))
    x[:, 0] = 2
    learns(build, x, rng)


def test_embedding_rows(rng: np.random.Generator, dtype: Any) -> None:
    layer = Embedding(11, 5, dtype=dtype)
    x = rng.integers(0, 11, (3, 4))
    table = rng.standard_normal((11, 5)).astype(dtype)
    layer(x)
    layer.set_weights([table])
    for indices in (x, x.astype(np.int32), x.astype(np.float32), x.tolist(), np.asfortranarray(x)):
        assert np.array_equal(layer(indices), table[x])
    assert np.array_equal(layer(x[:, 0]), table[x[:, 0]])
    assert Embedding(11, 5, weights=[table], dtype=dtype)(x).tolist() == table[x].tolist()


def test_embedding_clears_what_the_batch_before_used(rng: np.random.Generator) -> None:
    """The gradient buffer holds the rows of this batch and zeros, whatever batches came before, of whatever size."""
    model = Sequential([Embedding(40, 3, input_length=2), Flatten(), Dense(1)])
    model.compile(lf.optimizers.SGD(0.0), "mse")
    table = model.weights[0]
    for n in (2, 3, 2, 5):
        x = rng.integers(0, 40, (n, 2))
        model.train_on_batch(x, rng.standard_normal((n, 1)))
        used = np.zeros(40, bool)
        used[x] = True
        assert np.array_equal(np.abs(table.grad).sum(axis=1) > 0, used)
    twin = copy.deepcopy(model)
    twin.train_on_batch(x[:2], np.ones((2, 1)))
    assert (np.abs(twin.weights[0].grad).sum(axis=1) > 0).sum() == len(np.unique(x[:2]))


def test_embedding_messages() -> None:
    layer = Embedding(5, 2, name="words")
    with pytest.raises(
        ValueError, match=r'layer "words" \(Embedding\): expected indices in 0..4, got 5; make input_dim'
    ):
        layer(np.array([[1, 5]]))
    with pytest.raises(ValueError, match=r"expected indices in 0..4, got -1; indices count from 0"):
        layer(np.array([[1, -1]]))
    model = Sequential([Embedding(5, 2, input_length=3), Flatten(), Dense(1)])
    model.compile("adam", "mse")
    with pytest.raises(ValueError, match=r"expected indices in 0..4, got 9"):
        model.fit(np.full((4, 3), 9), np.zeros(4), verbose=0)
    with pytest.raises(ValueError, match="input_dim as an integer >= 1, got 0"):
        Embedding(0, 3)
    with pytest.raises(ValueError, match="no gradient and no place in a model file; use"):
        layers.Lambda(lambda x: x)


def test_batch_statistics(rng: np.random.Generator, dtype: Any) -> None:
    """While training the batch counts and the averages move; otherwise, or frozen, the averages count."""
    x = rng.standard_normal((6, 5, 3)).astype(dtype) * 2 + 1
    layer = layers.BatchNormalization(momentum=0.75, dtype=dtype)
    assert np.allclose(layer(x), x / np.sqrt(1.001), atol=1e-6)
    y = layer(x, training=True)
    assert np.allclose(y.mean(axis=(0, 1)), 0, atol=1e-6)
    assert np.allclose(y.var(axis=(0, 1)), 1, atol=2e-3)
    mean, variance = layer.get_weights()[2:]
    assert np.allclose(mean, 0.25 * x.mean(axis=(0, 1)), atol=1e-6)
    assert np.allclose(variance, 0.75 + 0.25 * x.var(axis=(0, 1)), atol=1e-6)
    layer.trainable = False
    before = layer.get_weights()
    assert np.array_equal(layer(x, training=True), layer(x))
    assert all(np.array_equal(a, b) for a, b in zip(before, layer.get_weights(), strict=True))


def test_batch_statistics_of_unmasked_steps(rng: np.random.Generator) -> None:
    x = rng.standard_normal((4, 5, 3)).astype("float32")
    mask = np.arange(5) < rng.integers(2, 5, (4, 1))
    layer = layers.BatchNormalization(momentum=0.0)
    layer(x, training=True, mask=mask)
    assert np.allclose(layer.get_weights()[2], x[mask].mean(axis=0), atol=1e-3)
    assert np.allclose(layer.get_weights()[3], x[mask].var(axis=0), atol=1e-3)
    pooled = layers.GlobalAveragePooling1D()(x, mask=mask)
    assert np.allclose(pooled[1], x[1][mask[1]].mean(axis=0), atol=1e-6)


def test_normalisation_does_not_depend_on_batch_mates(rng: np.random.Generator, dtype: Any) -> None:
    x = rng.standard_normal((9, 5, 37)).astype(dtype)
    for layer in (layers.LayerNormalization(dtype=dtype), layers.BatchNormalization(dtype=dtype)):
        whole = layer(x)
        assert all(np.array_equal(layer(x[k : k + 1])[0], whole[k]) for k in range(9))


def test_noise(rng: np.random.Generator) -> None:
    x = np.full((300, 200), 3.0, np.float32)
    for layer, spread in ((layers.GaussianNoise(0.5, seed=1), 0.5), (layers.GaussianDropout(0.2, seed=1), 1.5)):
        assert np.array_equal(layer(x), x)
        y = layer(x, training=True)
        assert abs(y.mean() - 3) < 0.02
        assert abs(y.std() - spread) < 0.02
        assert not np.array_equal(y, layer(x, training=True))


def test_merges(rng: np.random.Generator) -> None:
    a, b = rng.standard_normal((2, 3, 4, 5)).astype("float32")
    assert np.array_equal(layers.maximum([a, b]), np.maximum(a, b))
    assert np.array_equal(layers.minimum([a, b, -a]), np.minimum(np.minimum(a, b), -a))
    assert np.array_equal(layers.subtract([a, b]), a - b)
    assert np.allclose(layers.average([a, b]), (a + b) / 2)
    assert np.allclose(layers.dot([a, b], axes=2), np.einsum("btf,bsf->bts", a, b), atol=1e-6)
    assert np.allclose(layers.dot([a, b[:, 0]], axes=(2, 1)), np.einsum("btf,bf->bt", a, b[:, 0]), atol=1e-6)
    assert layers.dot([a[:, 0], b[:, 0]], axes=1).shape == (3, 1)
    with pytest.raises(ValueError, match=r"expected equal sizes along axes \(1, 2\)"):
        layers.dot([a, b], axes=(1, 2))


def test_files_and_configurations(tmp_path: Any, rng: np.random.Generator) -> None:
    model = Sequential(
        [
            Embedding(9, 4, mask_zero=True, input_length=6, embeddings_regularizer="l2"),
            layers.GaussianNoise(0.1),
            layers.BatchNormalization(momentum=0.8),
            layers.PReLU(shared_axes=[1]),
            layers.LayerNormalization(axis=[-1]),
            layers.LeakyReLU(0.2),
            layers.GlobalAveragePooling1D(),
            Dense(2),
        ]
    )
    model.compile("adam", "mse")
    x, y = rng.integers(1, 9, (8, 6)), rng.standard_normal((8, 2))
    model.fit(x, y, epochs=2, verbose=0)
    model.save(tmp_path / "m.safetensors")
    again = lf.load_model(tmp_path / "m.safetensors")
    for made, layer in zip(again.layers, model.layers, strict=True):
        assert made.get_config() | {"name": layer.name} == layer.get_config()
    assert np.array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    for m in (model, again):
        m.fit(x, y, epochs=2, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), again.get_weights(), strict=True))
