"""The programs: layers, data and loss, from which each rival builds its own model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
CURVE_EPOCHS = 3  # of four updates, compared before the clock starts; later small differences grow by themselves
LayerSpec = tuple[str, dict[str, Any]]  # Keras' class and arguments; 'layer' holds the inner one of a wrapper


@dataclass(frozen=True)
class Program:
    """One program.

    Args:
        name: short, for the command line.
        text: what it is, for people.
        shape: of one row of x: (T,I), or (T,) for words.
        layers: in order.
        loss: Keras' name.
        batch: rows per update, or rows given to `predict`.
        predicts: times `predict` of one batch instead of a training step.
        words: x has integers below this number.
        classes: of sparse labels; 1: real or binary targets; 0: the targets are x.
        updates: of an epoch; the data has so many batches.
    """

    name: str
    text: str
    shape: tuple[int, ...]
    layers: tuple[LayerSpec, ...]
    loss: str
    batch: int
    predicts: bool = False
    words: int = 0
    classes: int = 1
    updates: int = 40

    @property
    def rows(self) -> int:
        """Rows of the data: those of an epoch, or one batch."""
        return self.batch if self.predicts else self.updates * self.batch

    def data(self) -> tuple[Array, Array]:
        """x (rows,...) and y, the same in every process; y follows from x, so that there is something to learn."""
        rng = np.random.default_rng([31, *self.shape, self.batch])
        if self.words:
            x: Array = rng.integers(1, self.words, (self.rows, *self.shape)).astype("int32")
            score = (x % 7 - 3).mean(axis=1)
        else:
            x = rng.standard_normal((self.rows, *self.shape)).astype("float32").cumsum(axis=1) * np.float32(0.2)
            score = x.mean(axis=(1, 2))
        if self.classes == 0:
            return x, x
        if self.classes > 1:
            edges = np.quantile(score, np.arange(1, self.classes) / self.classes)
            return x, np.digitize(score, edges).astype("int32")[:, None]
        y = score > np.median(score) if self.loss == "binary_crossentropy" else score
        return x, y.astype("float32")[:, None]


def _lstm(units: int, sequences: bool = False, cell: str = "LSTM") -> LayerSpec:
    return cell, {"units": units, "return_sequences": sequences}


def _dense(units: int, activation: str = "linear") -> LayerSpec:
    return "Dense", {"units": units, "activation": activation}


def _both(inner: LayerSpec) -> LayerSpec:
    return "Bidirectional", {"layer": inner}


_CLASSES = "sparse_categorical_crossentropy"
_TUTORIAL = (_lstm(50), _dense(1))

PROGRAMS: tuple[Program, ...] = (
    Program("step", "fit, one row per update: LSTM(50), Dense(1), T=10", (10, 1), _TUTORIAL, "mse", 1),
    Program("window", "predict of one window: LSTM(50), Dense(1), T=10", (10, 1), _TUTORIAL, "mse", 1, True),
    Program("sine", "fit: LSTM(50), Dense(1), T=50, batch 32", (50, 1), _TUTORIAL, "mse", 32),
    Program("gru", "fit: GRU(50), Dense(1), T=50, batch 32", (50, 1), (_lstm(50, cell="GRU"), _dense(1)), "mse", 32),
    Program(
        "stacked",
        "fit: LSTM(64), LSTM(64), softmax of 10, (T,I)=(28,28), batch 64",
        (28, 28),
        (_lstm(64, True), _lstm(64), _dense(10, "softmax")),
        _CLASSES,
        64,
        classes=10,
    ),
    Program(
        "bidirectional",
        "fit: Bidirectional LSTM(64) twice, softmax of 10, (T,I)=(28,28), batch 64",
        (28, 28),
        (_both(_lstm(64, True)), _both(_lstm(64)), _dense(10, "softmax")),
        _CLASSES,
        64,
        classes=10,
    ),
    Program(
        "sentiment",
        "fit: Embedding(5000,32), LSTM(100), sigmoid, T=80, batch 64",
        (80,),
        (("Embedding", {"input_dim": 5000, "output_dim": 32}), _lstm(100), _dense(1, "sigmoid")),
        "binary_crossentropy",
        64,
        words=5000,
    ),
    Program(
        "autoencoder",
        "fit: LSTM(64), RepeatVector, LSTM(64), TimeDistributed(Dense(1)), T=30, batch 32",
        (30, 1),
        (_lstm(64), ("RepeatVector", {"n": 30}), _lstm(64, True), ("TimeDistributed", {"layer": _dense(1)})),
        "mse",
        32,
        classes=0,
    ),
    Program(
        "video",
        "fit: LSTM(256), softmax of 5, (T,I)=(30,2048), batch 32",
        (30, 2048),
        (_lstm(256), _dense(5, "softmax")),
        _CLASSES,
        32,
        classes=5,
        updates=8,
    ),
)


def chosen(text: str) -> list[Program]:
    """'all', or programs by name: 'sine,gru'.

    Raises:
        ValueError: an unknown name.

    Example:
        >>> [program.name for program in chosen("gru,sine")]
        ['sine', 'gru']
    """
    names = [name.strip() for name in text.split(",")]
    known = {program.name for program in PROGRAMS}
    for name in names:
        if name not in known and names != ["all"]:
            raise ValueError(
                f"bench: expected --programs from {', '.join(p.name for p in PROGRAMS)}; received {name!r}"
            )
    return [program for program in PROGRAMS if names == ["all"] or program.name in names]
