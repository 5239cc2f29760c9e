"""The programs: layers, data and loss, from which each rival builds its own model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import graphs
from .data import Array, rows_of

CURVE_EPOCHS = 3  # of four updates, compared before the clock starts; later small differences grow by themselves
LayerSpec = tuple[str, dict[str, Any]]  # Keras' class and arguments; 'layer' holds the inner one of a wrapper


@dataclass(frozen=True)
class Program:
    """One program.

    Args:
        name: short, for the command line.
        text: what it is, for people.
        shape: of one row of x: (T,I), or (T,) for words.
        layers: in order; empty for a graph.
        loss: Keras' name.
        batch: rows per update, or rows given to `predict`.
        predicts: times `predict` of one batch instead of a training step.
        words: x has integers below this number.
        classes: of sparse labels; 1: real or binary targets; 0: the targets are x.
        updates: of an epoch; the data has so many batches.
        per_step: labels for every step of the last input.
        padded: rows of words end in zeros.
        graph: makes the model when it is no row of layers.
        more: shapes of further inputs.
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
    per_step: bool = False
    padded: bool = False
    graph: Callable[[Any, Program], Any] | None = None
    more: tuple[tuple[int, ...], ...] = ()

    @property
    def rows(self) -> int:
        """Rows of the data: those of an epoch, or one batch."""
        return self.batch if self.predicts else self.updates * self.batch

    def data(self) -> tuple[list[Array], Array]:
        """The inputs, each (rows,...), and the targets."""
        return rows_of(self)


def _lstm(units: int, sequences: bool = False, cell: str = "LSTM", **options: Any) -> LayerSpec:
    return cell, {"units": units, "return_sequences": sequences, **options}


def _dense(units: int, activation: str = "linear") -> LayerSpec:
    return "Dense", {"units": units, "activation": activation}


def _both(inner: LayerSpec) -> LayerSpec:
    return "Bidirectional", {"layer": inner}


def _each(inner: LayerSpec) -> LayerSpec:
    return "TimeDistributed", {"layer": inner}


def _words(count: int, features: int, **options: Any) -> LayerSpec:
    return "Embedding", {"input_dim": count, "output_dim": features, **options}


_CLASSES = "sparse_categorical_crossentropy"
_NORM: LayerSpec = ("BatchNormalization", {})
_TUTORIAL = (_lstm(50), _dense(1))

PROGRAMS: tuple[Program, ...] = (
    Program("step", "fit, one row per update: LSTM(50), Dense(1), T=10", (10, 1), _TUTORIAL, "mse", 1),
    Program("window", "predict of one window: LSTM(50), Dense(1), T=10", (10, 1), _TUTORIAL, "mse", 1, True),
    Program(
        "melody",
        "predict of one window: LSTM(128), LSTM(128), softmax of 30, (T,I)=(16,30)",
        (16, 30),
        (_lstm(128, True), _lstm(128), _dense(30, "softmax")),
        _CLASSES,
        1,
        True,
        classes=30,
    ),
    Program("sine", "fit: LSTM(50), Dense(1), T=50, batch 32", (50, 1), _TUTORIAL, "mse", 32),
    Program("gru", "fit: GRU(50), Dense(1), T=50, batch 32", (50, 1), (_lstm(50, cell="GRU"), _dense(1)), "mse", 32),
    Program(
        "relu",
        "fit: LSTM(50, activation='relu'), Dense(1), T=12, batch 32",
        (12, 1),
        (_lstm(50, activation="relu"), _dense(1)),
        "mse",
        32,
    ),
    Program(
        "four",
        "fit: four LSTM(50), Dense(1), T=60, batch 32",
        (60, 1),
        (_lstm(50, True), _lstm(50, True), _lstm(50, True), _lstm(50), _dense(1)),
        "mse",
        32,
        updates=20,
    ),
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
        (_words(5000, 32), _lstm(100), _dense(1, "sigmoid")),
        "binary_crossentropy",
        64,
        words=5000,
    ),
    Program(
        "tagging",
        "fit: Embedding(2000,64, mask_zero), Bidirectional LSTM(64), softmax of 9 per step, T=50 padded, batch 32",
        (50,),
        (_words(2000, 64, mask_zero=True), _both(_lstm(64, True)), _each(_dense(9, "softmax"))),
        _CLASSES,
        32,
        words=2000,
        classes=9,
        updates=20,
        per_step=True,
        padded=True,
    ),
    Program(
        "phonemes",
        "fit: LSTM(96), softmax of 8 per step, (T,I)=(120,26), batch 16",
        (120, 26),
        (_lstm(96, True), _each(_dense(8, "softmax"))),
        _CLASSES,
        16,
        classes=8,
        updates=20,
        per_step=True,
    ),
    Program(
        "normalised",
        "fit: LSTM(64), BatchNormalization, LSTM(64), BatchNormalization, softmax of 10, (T,I)=(28,28), batch 64",
        (28, 28),
        (_lstm(64, True), _NORM, _lstm(64), _NORM, _dense(10, "softmax")),
        _CLASSES,
        64,
        classes=10,
        updates=20,
    ),
    Program(
        "characters",
        "fit: Embedding(96,32), LSTM(256), softmax of 96 per step, T=64, batch 32",
        (64,),
        (_words(96, 32), _lstm(256, True), _each(_dense(96, "softmax"))),
        _CLASSES,
        32,
        words=96,
        classes=96,
        updates=8,
        per_step=True,
    ),
    Program(
        "translation",
        "fit: Embedding(500,64), LSTM(128) to LSTM(128) by its states, softmax of 500, T=12 and 14, batch 64",
        (12,),
        (),
        _CLASSES,
        64,
        words=500,
        classes=500,
        updates=20,
        per_step=True,
        graph=graphs.translation,
        more=((14,),),
    ),
    Program(
        "attention",
        "fit: Bidirectional LSTM(48), LSTM(96), Attention, softmax of 40, T=24 and 11, batch 64",
        (24,),
        (),
        _CLASSES,
        64,
        words=40,
        classes=40,
        updates=20,
        per_step=True,
        graph=graphs.attention,
        more=((11,),),
    ),
    Program(
        "autoencoder",
        "fit: LSTM(64), RepeatVector, LSTM(64), TimeDistributed(Dense(1)), T=30, batch 32",
        (30, 1),
        (_lstm(64), ("RepeatVector", {"n": 30}), _lstm(64, True), _each(_dense(1))),
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
