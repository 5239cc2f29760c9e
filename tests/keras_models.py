"""Models for the parity with Keras 3: one text, built with either package; `k` is `keras` or `lstm_fast`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Case(NamedTuple):
    """A model, how it is compiled, and its data: x shapes without the rows, kind and shape of y."""

    build: Callable[[Any], Any]
    compile: Callable[[Any], dict[str, Any]]
    x: tuple[tuple[Any, ...], ...]  # ("tokens", V, ...) are integers below V, zeros at the end of some rows
    y: tuple[str, tuple[int, ...]]  # 'real', 'one-hot', 'labels', 'binary'
    rows: int = 16
    batch_size: int = 16
    epochs: int = 100
    masked: bool = False  # some steps of the first input are all zeros
    fit: Any = None  # more arguments of fit


def tutorial(k: Any) -> Any:
    model = k.models.Sequential()
    model.add(k.layers.Input((7, 2)))
    model.add(k.layers.LSTM(11))
    model.add(k.layers.Dense(3))
    return model


def stacked(k: Any) -> Any:
    return k.models.Sequential(
        [
            k.layers.Input((6, 3)),
            k.layers.LSTM(9, return_sequences=True),
            k.layers.LSTM(5, return_sequences=True),
            k.layers.LSTM(7),
            k.layers.Dense(6, activation="relu"),
            k.layers.Dense(2),
        ]
    )


def per_step(k: Any) -> Any:
    return k.models.Sequential(
        [
            k.layers.Input((5, 2)),
            k.layers.LSTM(8, return_sequences=True, go_backwards=True, use_bias=False),
            k.layers.TimeDistributed(k.layers.Dense(4, activation="tanh")),
            k.layers.Dense(2, activation="sigmoid", use_bias=False),
        ]
    )


def autoencoder(k: Any) -> Any:
    return k.models.Sequential(
        [
            k.layers.Input((5, 2)),
            k.layers.LSTM(6),
            k.layers.RepeatVector(5),
            k.layers.LSTM(6, return_sequences=True),
            k.layers.TimeDistributed(k.layers.Dense(2)),
        ]
    )


def classifier(activation: str, classes: int) -> Callable[[Any], Any]:
    def build(k: Any) -> Any:
        return k.models.Sequential(
            [k.layers.Input((6, 3)), k.layers.LSTM(8), k.layers.Dense(classes, activation=activation)]
        )

    return build


def encoder_decoder(k: Any) -> Any:
    first, second = k.layers.Input((4, 3)), k.layers.Input((6, 2))
    _, h, c = k.layers.LSTM(7, return_state=True)(first)
    y = k.layers.LSTM(7, return_sequences=True)(second, initial_state=[h, c])
    return k.models.Model([first, second], k.layers.Dense(2)(y))


def shared(k: Any) -> Any:
    """One LSTM over two inputs, its outputs merged in two ways."""
    first, second = k.layers.Input((4, 3)), k.layers.Input((4, 3))
    lstm = k.layers.LSTM(5)
    a, b = lstm(first), lstm(second)
    merged = k.layers.Concatenate()([k.layers.Add()([a, b]), k.layers.Multiply()([a, b])])
    return k.models.Model([first, second], k.layers.Dense(1)(merged))


def flat(k: Any) -> Any:
    return k.models.Sequential(
        [
            k.layers.Input((4, 3)),
            k.layers.LSTM(5, return_sequences=True),
            k.layers.Flatten(),
            k.layers.Dense(4, activation="elu"),
            k.layers.Activation("softplus"),
            k.layers.Dense(1),
        ]
    )


def regularised(k: Any) -> Any:
    return k.models.Sequential(
        [
            k.layers.Input((4, 3)),
            k.layers.LSTM(5, kernel_regularizer=k.regularizers.L2(0.01), recurrent_regularizer="l2"),
            k.layers.Dense(1, bias_regularizer=k.regularizers.L1L2(0.01, 0.02)),
        ]
    )


def settings(loss: str, optimizer: str = "Adam", metrics: tuple[str, ...] = (), **options: Any) -> Any:
    def arguments(k: Any) -> dict[str, Any]:
        return {"loss": loss, "optimizer": getattr(k.optimizers, optimizer)(**options), "metrics": list(metrics)}

    return arguments


LR = {"learning_rate": 0.01}
REAL3: Any = ((7, 2),), ("real", (3,))

CASES = {
    "tutorial adam mse": Case(tutorial, settings("mse", metrics=("mae",), **LR), *REAL3),
    "tutorial adam mae": Case(tutorial, settings("mae", **LR), *REAL3),
    "tutorial sgd": Case(tutorial, settings("mse", "SGD", **LR), *REAL3),
    "tutorial sgd momentum": Case(tutorial, settings("mse", "SGD", momentum=0.9, **LR), *REAL3),
    "tutorial sgd nesterov": Case(tutorial, settings("mae", "SGD", momentum=0.8, nesterov=True, **LR), *REAL3),
    "tutorial rmsprop": Case(tutorial, settings("mse", "RMSprop", **LR), *REAL3),
    "tutorial rmsprop centered": Case(
        tutorial, settings("mse", "RMSprop", momentum=0.5, centered=True, learning_rate=0.0005), *REAL3
    ),
    "tutorial adamw": Case(tutorial, settings("mse", "AdamW", weight_decay=0.05, **LR), *REAL3),
    "tutorial amsgrad": Case(tutorial, settings("mse", amsgrad=True, **LR), *REAL3),
    "tutorial clipnorm": Case(tutorial, settings("mse", "SGD", clipnorm=0.3, learning_rate=0.1), *REAL3),
    "tutorial clipvalue": Case(tutorial, settings("mse", "SGD", clipvalue=0.02, learning_rate=0.1), *REAL3),
    "tutorial global clipnorm": Case(tutorial, settings("mse", "SGD", global_clipnorm=0.2, learning_rate=0.1), *REAL3),
    "tutorial huber": Case(tutorial, settings("huber", **LR), *REAL3),
    "tutorial batches": Case(
        tutorial, settings("mse", metrics=("mae",), **LR), *REAL3, rows=19, batch_size=5, epochs=25
    ),
    "stacked": Case(stacked, settings("mse", **LR), ((6, 3),), ("real", (2,))),
    "per step": Case(per_step, settings("mse", **LR), ((5, 2),), ("binary", (5, 2))),
    "autoencoder": Case(autoencoder, settings("mse", **LR), ((5, 2),), ("real", (5, 2))),
    "binary": Case(
        classifier("sigmoid", 1), settings("binary_crossentropy", metrics=("accuracy",)), ((6, 3),), ("binary", (1,))
    ),
    "categorical": Case(
        classifier("softmax", 4),
        settings("categorical_crossentropy", metrics=("accuracy",)),
        ((6, 3),),
        ("one-hot", (4,)),
    ),
    "sparse": Case(
        classifier("softmax", 4),
        settings("sparse_categorical_crossentropy", metrics=("accuracy",)),
        ((6, 3),),
        ("labels", (4,)),
    ),
    "encoder-decoder": Case(encoder_decoder, settings("mse", **LR), ((4, 3), (6, 2)), ("real", (6, 2))),
    "shared": Case(shared, settings("mse", **LR), ((4, 3), (4, 3)), ("real", (1,))),
    "flat": Case(flat, settings("mse", **LR), ((4, 3),), ("real", (1,))),
    "regularised": Case(regularised, settings("mse", **LR), ((4, 3),), ("real", (1,))),
}


def tokens(rng: np.random.Generator, n: int, V: int, shape: tuple[int, ...]) -> Any:
    """Integers 1..V-1 (n,T), followed by zeros from a random place on."""
    length = rng.integers(2, shape[-1] + 1, (n, *shape[:-1], 1))
    return np.where(np.arange(shape[-1]) < length, rng.integers(1, V, (n, *shape)), 0)


def data(name: str, case: Case) -> tuple[list[Any], Any]:
    """The rows of a case."""
    rng = np.random.Generator(np.random.Philox(sum(map(ord, name))))
    n = case.rows
    x = [
        tokens(rng, n, shape[1], shape[2:])
        if shape[0] == "tokens"
        else rng.standard_normal((n, *shape)).astype(np.float32)
        for shape in case.x
    ]
    if case.masked:
        x[0][rng.random(x[0].shape[:2]) < 0.3] = 0
        x[0][0, 2:] = x[0][1, :2] = x[0][2] = 0  # padded behind, padded in front, and all of a row
    kind, shape = case.y
    if kind == "real":
        y = rng.standard_normal((n, *shape)).astype(np.float32)
    elif kind == "binary":
        y = rng.integers(0, 2, (n, *shape)).astype(np.float32)
    else:
        labels = rng.integers(0, shape[-1], (n, *shape[:-1]))
        y = labels if kind == "labels" else np.eye(shape[-1], dtype=np.float32)[labels]
    return x, y


def run(k: Any, name: str, case: Case, weights: list[Any] | None = None) -> dict[str, Any]:
    """Predict, train, predict; everything that the parity compares."""
    x, y = data(name, case)
    inputs: Any = x if len(x) > 1 else x[0]
    model = case.build(k)
    if weights is not None:
        model.set_weights(weights)
    out = {f"weight_{i:02d}": np.asarray(w) for i, w in enumerate(model.get_weights())}
    out["before"] = np.asarray(model.predict(inputs, verbose=0))
    model.compile(**case.compile(k))
    options = {"batch_size": case.batch_size, "epochs": case.epochs, **(case.fit or {})}
    fitted = model.fit(inputs, y, shuffle=False, verbose=0, **options)
    out |= {f"history_{key}": np.asarray(values) for key, values in fitted.history.items()}
    out["after"] = np.asarray(model.predict(inputs, verbose=0))
    out["evaluated"] = np.asarray(model.evaluate(inputs, y, verbose=0))
    return out
