"""Activations and their derivatives, each a line of NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
Function = Callable[[Array, float, float], Array]


def sigmoid(z: Array) -> Array:
    """1 / (1 + exp(-z)) without overflow, accurate in the lower tail.

    Example:
        >>> sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist()
        [0.0, 0.5, 1.0]
    """
    return np.exp(-np.logaddexp(0, -z)).astype(z.dtype)


class Activation(NamedTuple):
    """value(z, alpha, beta), slope(z, alpha, beta), and the alpha and beta that hold where none are given."""

    value: Function
    slope: Function
    alpha: float = 1.0
    beta: float = 1.0


def _elu(z: Array, alpha: float, beta: float) -> Array:
    return beta * np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0)))


def _mish_tanh(z: Array) -> Array:
    return np.tanh(np.logaddexp(0, z))


def _normal(z: Array) -> Array:
    return np.asarray(0.5 * np.frompyfunc(math.erfc, 1, 1)(-z / math.sqrt(2)), z.dtype)


ACTIVATIONS: dict[str, Activation] = {
    "linear": Activation(lambda z, a, b: z, lambda z, a, b: np.ones_like(z)),
    "relu": Activation(lambda z, a, b: np.maximum(z, 0), lambda z, a, b: 1.0 * (z > 0)),
    "tanh": Activation(lambda z, a, b: np.tanh(z), lambda z, a, b: 1 - np.tanh(z) ** 2),
    "sigmoid": Activation(lambda z, a, b: sigmoid(z), lambda z, a, b: sigmoid(z) * sigmoid(-z)),
    "affine": Activation(lambda z, a, b: a * z + b, lambda z, a, b: np.full_like(z, a), 1.0, 0.0),
    "leaky_relu": Activation(lambda z, a, b: np.where(z >= 0, z, a * z), lambda z, a, b: np.where(z >= 0, 1, a), 0.2),
    "thresholded_relu": Activation(lambda z, a, b: np.where(z > a, z, 0), lambda z, a, b: 1.0 * (z > a)),
    "scaled_tanh": Activation(
        lambda z, a, b: a * np.tanh(b * z), lambda z, a, b: a * b * (1 - np.tanh(b * z) ** 2), 1.0, 1.0
    ),
    "hard_sigmoid": Activation(
        lambda z, a, b: np.clip(a * z + b, 0, 1), lambda z, a, b: a * ((a * z + b > 0) & (a * z + b < 1)), 1 / 6, 0.5
    ),
    "elu": Activation(_elu, lambda z, a, b: b * np.where(z > 0, 1, a * np.exp(np.minimum(z, 0)))),
    "selu": Activation(
        _elu,
        lambda z, a, b: b * np.where(z > 0, 1, a * np.exp(np.minimum(z, 0))),
        1.6732632423543772,
        1.0507009873554805,
    ),
    "softsign": Activation(lambda z, a, b: z / (1 + np.abs(z)), lambda z, a, b: 1 / (1 + np.abs(z)) ** 2),
    "softplus": Activation(lambda z, a, b: np.logaddexp(0, z), lambda z, a, b: sigmoid(z)),
    "exponential": Activation(lambda z, a, b: np.exp(z), lambda z, a, b: np.exp(z)),
    "silu": Activation(lambda z, a, b: z * sigmoid(z), lambda z, a, b: sigmoid(z) * (1 + z * sigmoid(-z))),
    "relu6": Activation(lambda z, a, b: np.clip(z, 0, 6), lambda z, a, b: 1.0 * ((z > 0) & (z < 6))),
    "mish": Activation(
        lambda z, a, b: z * _mish_tanh(z),
        lambda z, a, b: _mish_tanh(z) + z * (1 - _mish_tanh(z) ** 2) * sigmoid(z),
    ),
}
ACTIVATIONS["gelu"] = Activation(
    lambda z, a, b: z * _normal(z),
    lambda z, a, b: _normal(z) + z * np.exp(-z * z / 2) / math.sqrt(2 * math.pi),
)
ACTIVATIONS["swish"] = ACTIVATIONS["silu"]


class Bound(NamedTuple):
    """An activation with its alpha and beta, behind a clip of its argument."""

    of: Activation
    alpha: float
    beta: float
    clip: float

    def __call__(self, z: Array) -> Array:
        return self.of.value(np.clip(z, -self.clip, self.clip), self.alpha, self.beta).astype(z.dtype)

    def slope(self, z: Array) -> Array:
        inside = np.abs(z) < self.clip
        slope: Array = inside * self.of.slope(np.clip(z, -self.clip, self.clip), self.alpha, self.beta)
        return slope.astype(z.dtype)


def bind(spec: Any, clip: float | None = None) -> Bound:
    """'name' or ('name', alpha) or ('name', alpha, beta) as a function with a slope.

    Example:
        >>> bind(("leaky_relu", 0.5))(np.array([-2.0, 2.0])).tolist()
        [-1.0, 2.0]
    """
    given: list[Any] = [spec] if isinstance(spec, str) else list(spec)
    of = ACTIVATIONS[given[0]]
    alpha = given[1] if len(given) > 1 else of.alpha
    beta = given[2] if len(given) > 2 else of.beta
    return Bound(of, alpha, beta, np.inf if clip is None else clip)
