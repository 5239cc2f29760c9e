"""Layers: values against functional and NumPy, shapes, initial weights, calls, messages."""

from __future__ import annotations

import copy
import threading
from typing import Any

import numpy as np
import pytest
from tolerances import assert_close

import lstm_fast as lf
from lstm_fast import layers
from lstm_fast.layers import LSTM, Dense, Dropout, Input


def lstm_layer(rng: np.random.Generator, dtype: Any, I: int = 5, H: int = 7, **options: Any) -> LSTM:
    layer = LSTM(H, dtype=dtype, input_shape=(None, I), **options)
    layer.connect([Input((None, I), dtype=dtype)])
    layer.set_weights([rng.standard_normal(w.shape) * 0.5 for w in layer.get_weights()])
    return layer


def test_lstm_equals_functional(rng: np.random.Generator, dtype: Any) -> None:
    layer = lstm_layer(rng, dtype, return_sequences=True, return_state=True)
    x = rng.standard_normal((3, 4, 5)).astype(dtype)
    want = lf.lstm(x, *(p.numpy() for p in layer.weights))
    for _ in range(3):
        for got, expected in zip(layer(x), want, strict=True):
            assert np.array_equal(got, expected)
    h0, c0 = rng.standard_normal((2, 3, 7)).astype(dtype)
    want = lf.lstm(x, *(p.numpy() for p in layer.weights), h0, c0)
    for got, expected in zip(layer(x, initial_state=[h0, c0]), want, strict=True):
        assert np.array_equal(got, expected)


@pytest.mark.parametrize("sequences", [False, True])
def test_repeated_calls_own_their_results(rng: np.random.Generator, sequences: bool) -> None:
    layer = lstm_layer(rng, "float32", return_sequences=sequences)
    a, b = rng.standard_normal((2, 3, 4, 5)).astype("float32")
    first = [layer(a) for _ in range(3)]
    other = layer(b)
    assert all(np.array_equal(first[0], y) for y in first)
    assert not np.array_equal(first[0], other)
    assert np.array_equal(layer(np.asfortranarray(a)), first[0])
    assert np.array_equal(layer(a[::-1])[::-1], first[0])


def test_go_backwards_is_in_the_order_of_reading(rng: np.random.Generator, dtype: Any) -> None:
    layer = lstm_layer(rng, dtype, return_sequences=True, go_backwards=True)
    x = rng.standard_normal((2, 6, 5)).astype(dtype)
    want = lf.lstm(x[:, ::-1], *(p.numpy() for p in layer.weights)).y
    assert np.array_equal(layer(x), want)


def test_set_weights_reaches_packed_weights(rng: np.random.Generator) -> None:
    layer = lstm_layer(rng, "float32")
    x = rng.standard_normal((1, 4, 5)).astype("float32")
    before = [layer(x) for _ in range(2)][-1]
    weights = layer.get_weights()
    weights[0][:] = 0  # a copy: the layer is not touched
    assert np.array_equal(layer(x), before)
    layer.set_weights(weights)
    after = layer(x)
    assert np.array_equal(after, lf.lstm(x, *weights).h)
    assert not np.array_equal(after, before)
    layer.kernel.assign(np.ones(layer.kernel.shape))
    assert not np.array_equal(layer(x), after)


def test_stateful(rng: np.random.Generator) -> None:
    layer = LSTM(7, return_sequences=True, stateful=True)
    x = rng.standard_normal((2, 6, 5)).astype("float32")
    parts = np.concatenate([layer(x[:, :2]), layer(x[:, 2:3]), layer(x[:, 3:])], axis=1)
    whole = lf.lstm(x, *(p.numpy() for p in layer.weights)).y
    assert np.array_equal(parts, whole)
    layer.reset_states()
    assert np.array_equal(layer(x), whole)
    with pytest.raises(ValueError, match="stateful with batches of 2, got 3"):
        layer(np.zeros((3, 1, 5), np.float32))


def test_threads_share_a_layer(rng: np.random.Generator) -> None:
    layer = lstm_layer(rng, "float32")
    inputs = rng.standard_normal((8, 3, 4, 5)).astype("float32")
    want = [layer(x) for x in inputs]
    wrong: list[int] = []

    def work(k: int) -> None:
        for _ in range(200):
            if not np.array_equal(layer(inputs[k]), want[k]):
                wrong.append(k)

    workers = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in workers:
        t.start()
    for t in workers:
        t.join()
    assert wrong == []


def test_initial_weights() -> None:
    lf.utils.set_random_seed(3)
    layer = LSTM(16)
    layer(np.zeros((1, 1, 9), np.float32))
    kernel, recurrent, bias = layer.get_weights()
    limit = np.sqrt(6 / (9 + 64))
    assert np.abs(kernel).max() <= limit
    assert np.abs(kernel).max() > 0.9 * limit
    assert np.abs(recurrent @ recurrent.T - np.eye(16)).max() < 1e-6
    assert bias.tolist() == [0] * 16 + [1] * 16 + [0] * 32
    lf.utils.set_random_seed(3)
    again = LSTM(16)
    again(np.zeros((1, 1, 9), np.float32))
    assert all(np.array_equal(a, b) for a, b in zip(layer.get_weights(), again.get_weights(), strict=True))


ACTIVATIONS: dict[str, Any] = {
    "linear": lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "softmax": lambda z: np.exp(z) / np.exp(z).sum(-1, keepdims=True),
    "elu": lambda z: np.where(z > 0, z, np.exp(z) - 1),
    "softplus": lambda z: np.log1p(np.exp(z)),
    "softsign": lambda z: z / (1 + np.abs(z)),
    "swish": lambda z: z / (1 + np.exp(-z)),
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("shape", [(3, 5), (2, 4, 5)])
def test_dense(rng: np.random.Generator, dtype: Any, activation: str, shape: tuple[int, ...]) -> None:
    layer = Dense(6, activation=activation, dtype=dtype)
    x = rng.standard_normal(shape).astype(dtype)
    layer(x)
    layer.set_weights([rng.standard_normal((5, 6)), rng.standard_normal(6)])
    w, b = (p.numpy().astype(np.float64) for p in layer.weights)
    assert_close("forward", layer(x), ACTIVATIONS[activation](x.astype(np.float64) @ w + b), activation)


def test_dropout(rng: np.random.Generator) -> None:
    x = np.ones((200, 300), np.float32)
    layer = Dropout(0.25, seed=5)
    assert np.array_equal(layer(x), x)
    y = layer(x, training=True)
    assert set(np.unique(y).tolist()) == {0.0, float(np.float32(1 / 0.75))}
    assert abs((y == 0).mean() - 0.25) < 0.01
    assert not np.array_equal(y, layer(x, training=True))
    assert np.array_equal(Dropout(0.25, seed=5)(x, training=True), y)
    whole_features = layers.SpatialDropout1D(0.5, seed=1)(np.ones((4, 6, 50), np.float32), training=True)
    assert (whole_features == whole_features[:, :1]).all()


def test_small_layers(rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 3, 4)).astype("float32")
    row = rng.standard_normal((2, 5)).astype("float32")
    assert np.array_equal(layers.Flatten()(x), x.reshape(2, 12))
    assert np.array_equal(layers.Reshape((-1, 2))(x), x.reshape(2, 6, 2))
    assert np.array_equal(layers.Permute((2, 1))(x), x.transpose(0, 2, 1))
    assert np.array_equal(layers.RepeatVector(3)(row), np.repeat(row[:, None], 3, axis=1))
    assert np.array_equal(layers.Concatenate()([x, 2 * x]), np.concatenate([x, 2 * x], axis=-1))
    assert np.array_equal(layers.concatenate([x, 2 * x], axis=1), np.concatenate([x, 2 * x], axis=1))
    assert np.array_equal(layers.Add()([x, x, x]), x + x + x)
    assert np.array_equal(layers.Subtract()([x, 2 * x]), -x)
    assert np.array_equal(layers.Multiply()([x, x]), x * x)
    assert np.allclose(layers.Average()([x, 3 * x]), 2 * x)
    assert np.array_equal(layers.Activation("relu")(x), np.maximum(x, 0))


def test_empty_inputs() -> None:
    layer = LSTM(3, return_sequences=True)
    assert layer(np.zeros((0, 4, 2), np.float32)).shape == (0, 4, 3)
    assert layer(np.zeros((2, 0, 2), np.float32)).shape == (2, 0, 3)
    assert LSTM(3)(np.zeros((2, 0, 2), np.float32)).tolist() == [[0.0] * 3] * 2


def test_legacy_arguments() -> None:
    assert LSTM(3, input_dim=2, input_length=7).first_shape == (None, 7, 2)
    assert LSTM(3, batch_input_shape=(4, 7, 2)).first_shape == (4, 7, 2)
    assert Dense(3, input_dim=2).first_shape == (None, 2)
    assert LSTM(3, unroll=True, implementation=2, use_cudnn=False).units == 3


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: LSTM(3, name="a")(np.zeros((2, 3))),
            ValueError,
            r'layer "a" \(LSTM\): expected inputs of shape .*add the',
        ),
        (lambda: LSTM(0), ValueError, "units as an integer >= 1, got 0"),
        (lambda: LSTM(3, colour=1), TypeError, "LSTM: unexpected argument 'colour'"),
        (lambda: LSTM(3, dtype="float16"), ValueError, "expected dtype 'float32' or 'float64', got 'float16'"),
        (lambda: LSTM(3, activation="nonsense"), ValueError, "unknown activation 'nonsense'"),
        (lambda: LSTM(3, kernel_initializer="nonsense"), ValueError, "unknown initialiser 'nonsense'"),
        (lambda: LSTM(3, activity_regularizer="nonsense"), ValueError, "regularizers: expected L1, L2, L1L2"),
        (lambda: Dropout(1.5), ValueError, r"rate in \[0, 1\], got 1.5"),
        (lambda: LSTM(3)(np.zeros((2, 3, 4)), initial_state=np.zeros((2, 3))), ValueError, r"two arrays \[h, c\]"),
        (
            lambda: LSTM(3, name="b")(np.zeros((2, 3, 4)), initial_state=[np.zeros((2, 3)), np.zeros((2, 5))]),
            ValueError,
            r"initial state c of shape \(2, 3\), got \(2, 5\)",
        ),
        (lambda: Dense(2)(np.array([["a"]])), TypeError, "as numbers, got dtype <U1"),
        (lambda: Dense(2)([[1.0], [2.0, 3.0]]), ValueError, "as one array of numbers"),
        (lambda: layers.RepeatVector(2)(np.zeros((2, 3, 4))), ValueError, "return_sequences=False"),
        (
            lambda: layers.Add()([np.zeros((2, 3)), np.zeros((2, 4))]),
            ValueError,
            r"equal shapes, got \(2, 3\), \(2, 4\)",
        ),
        (lambda: layers.Add()([np.zeros((2, 3))]), ValueError, "at least 2 inputs, got 1"),
        (lambda: Input((None, -3)), ValueError, "integers >= 0 or None"),
        (lambda: Dense(2).set_weights([np.zeros((3, 2))]), ValueError, "has no weights yet"),
        (lambda: layers.Reshape((4, 2))(np.zeros((2, 3))), ValueError, r"cannot reshape \(3,\) into \(4, 2\)"),
    ],
)
def test_messages(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_another_number_of_features() -> None:
    layer = LSTM(3, name="third")
    layer(np.zeros((1, 2, 4), np.float32))
    with pytest.raises(
        ValueError, match=r'layer "third" \(LSTM\): expected 4 features, got inputs of shape \(1, 2, 5\)'
    ):
        layer(np.zeros((1, 2, 5), np.float32))
    with pytest.raises(ValueError, match=r"expected third/kernel of shape \(4, 12\), got \(5, 12\)"):
        layer.set_weights([np.zeros((5, 12)), np.zeros((3, 12)), np.zeros(12)])


def test_inputs_are_never_changed(rng: np.random.Generator) -> None:
    x = rng.standard_normal((3, 4, 5)).astype("float32")
    before = x.copy()
    x.flags.writeable = False
    model = lf.Sequential([LSTM(4, return_sequences=True), Dropout(0.5), layers.Flatten(), Dense(1, activation="relu")])
    model.compile("sgd", "mse")
    y = np.zeros((3, 1))
    y.flags.writeable = False
    model.fit(x, y, epochs=2, verbose=0)
    model.predict(x)
    assert np.array_equal(x, before)


def test_config_makes_an_equal_layer(rng: np.random.Generator) -> None:
    made = [
        LSTM(4, return_sequences=True, use_bias=False, kernel_initializer="he_normal", recurrent_regularizer="l2"),
        Dense(3, activation="softmax", kernel_constraint="max_norm", bias_initializer=lf.initializers.Constant(2.0)),
        Dropout(0.3, seed=4),
        layers.TimeDistributed(Dense(2, activation="relu")),
        layers.Concatenate(axis=1),
        layers.Reshape((2, -1)),
        layers.RepeatVector(3),
    ]
    for layer in made:
        settings = layer.get_config()
        assert type(layer).from_config(copy.deepcopy(settings)).get_config() == settings
