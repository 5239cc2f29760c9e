"""Rows of a program: the same in every process, y follows from x, so that there is something to learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .catalog import Program

Array = NDArray[Any]


def rows_of(program: Program) -> tuple[list[Array], Array]:
    """The inputs of a program, each (rows,...), and its targets."""
    rng = np.random.default_rng([31, *program.shape, program.batch])
    x = [_words(rng, program, shape) if program.words else _walks(rng, program.rows, shape)
         for shape in (program.shape, *program.more)]  # fmt: skip
    if program.classes == 0:
        return x, x[0]
    if program.per_step:
        return x, _labels_of_steps(x[-1], program)
    score = (x[0] % 7 - 3).mean(axis=1) if program.words else x[0].mean(axis=(1, 2))
    if program.classes > 1:
        edges = np.quantile(score, np.arange(1, program.classes) / program.classes)
        return x, np.digitize(score, edges).astype("int32")[:, None]
    y = score > np.median(score) if program.loss == "binary_crossentropy" else score
    return x, y.astype("float32")[:, None]


def _words(rng: np.random.Generator, program: Program, shape: tuple[int, ...]) -> Array:
    words = rng.integers(1, program.words, (program.rows, *shape)).astype("int32")
    if program.padded:
        lengths = rng.integers(shape[-1] // 2, shape[-1] + 1, (program.rows, 1))
        words[np.arange(shape[-1]) >= lengths] = 0
    return words


def _walks(rng: np.random.Generator, rows: int, shape: tuple[int, ...]) -> Array:
    return rng.standard_normal((rows, *shape)).astype("float32").cumsum(axis=1) * np.float32(0.2)


def _labels_of_steps(x: Array, program: Program) -> Array:
    """(rows,T) labels, from a step and the one before it."""
    if program.words:
        return np.asarray((x + np.roll(x, 1, axis=1)) % program.classes, np.int32)
    score = x.mean(axis=-1)
    edges = np.quantile(score, np.arange(1, program.classes) / program.classes)
    return np.asarray(np.digitize(score, edges), np.int32)
