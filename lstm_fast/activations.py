"""Activation functions of layers, by Keras' names, with their gradients.

The kernels compute linear, relu, tanh, sigmoid and softmax themselves; the others are written here in NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from lstm_fast import _core

Array = np.ndarray[Any, Any]

NATIVE = frozenset({"linear", "relu", "tanh", "sigmoid"})
KERNEL_DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
IN_PLACE = frozenset({"softmax"})  # y may be x: the gradient is computed from y
SELU_SCALE, SELU_ALPHA = 1.05070098735548049342, 1.67326324235437728482


class Activation(NamedTuple):
    """forward(x, y) fills y; backward(x, y, dy, dx) fills dx; x is what came in, y what went out."""

    forward: Callable[[Array, Array], Any]
    backward: Callable[[Array, Array, Array, Array], Any]


def _softmax(x: Array, y: Array) -> None:
    if x.dtype in KERNEL_DTYPES and x.flags.carray and y.flags.carray:
        _core.softmax(x, y)
        return
    a = np.array(x, np.float64 if x.dtype.itemsize > 4 else np.float32, order="C")
    _core.softmax(a, a)
    y[...] = a


def _softmax_backward(x: Array, y: Array, dy: Array, dx: Array) -> None:
    np.multiply(y, dy, out=dx)
    dx -= y * np.add.reduce(dx, axis=-1, keepdims=True)


def _sigmoid(x: Array, y: Array) -> None:
    e = np.exp(-np.abs(x))
    y[...] = np.where(x >= 0, 1, e) / (1 + e)


def _sigmoid_of(x: Array) -> Array:
    y = np.empty_like(x)
    _sigmoid(x, y)
    return y


def _elu_backward(x: Array, y: Array, dy: Array, dx: Array) -> None:
    np.multiply(dy, np.where(x > 0, 1, y + 1), out=dx)


def _selu(x: Array, y: Array) -> None:
    y[...] = SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0)))


def _selu_backward(x: Array, y: Array, dy: Array, dx: Array) -> None:
    np.multiply(dy, np.where(x > 0, SELU_SCALE, y + SELU_SCALE * SELU_ALPHA), out=dx)


def _softplus(x: Array, y: Array) -> None:
    y[...] = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _swish_backward(x: Array, y: Array, dy: Array, dx: Array) -> None:
    s = _sigmoid_of(x)
    np.multiply(dy, s * (1 + x * (1 - s)), out=dx)


def _gelu(x: Array, y: Array) -> None:
    from math import erf

    y[...] = 0.5 * x * (1 + np.vectorize(erf, otypes=[np.float64])(x / np.sqrt(2)))


def _gelu_backward(x: Array, y: Array, dy: Array, dx: Array) -> None:
    from math import erf

    cdf = 0.5 * (1 + np.vectorize(erf, otypes=[np.float64])(x / np.sqrt(2)))
    dx[...] = dy * (cdf + x * np.exp(-0.5 * np.square(x)) / np.sqrt(2 * np.pi))


_TABLE: dict[str, Activation] = {
    "linear": Activation(lambda x, y: np.copyto(y, x), lambda x, y, dy, dx: np.copyto(dx, dy)),
    "relu": Activation(lambda x, y: np.maximum(x, 0, out=y), lambda x, y, dy, dx: np.multiply(dy, y > 0, out=dx)),
    "tanh": Activation(lambda x, y: np.tanh(x, out=y), lambda x, y, dy, dx: np.multiply(dy, 1 - y * y, out=dx)),
    "sigmoid": Activation(_sigmoid, lambda x, y, dy, dx: np.multiply(dy, y * (1 - y), out=dx)),
    "softmax": Activation(_softmax, _softmax_backward),
    "elu": Activation(lambda x, y: np.copyto(y, np.where(x > 0, x, np.expm1(np.minimum(x, 0)))), _elu_backward),
    "selu": Activation(_selu, _selu_backward),
    "softplus": Activation(_softplus, lambda x, y, dy, dx: np.multiply(dy, _sigmoid_of(x), out=dx)),
    "softsign": Activation(
        lambda x, y: np.divide(x, 1 + np.abs(x), out=y),
        lambda x, y, dy, dx: np.divide(dy, np.square(1 + np.abs(x)), out=dx),
    ),
    "exponential": Activation(lambda x, y: np.exp(x, out=y), lambda x, y, dy, dx: np.multiply(dy, y, out=dx)),
    "swish": Activation(lambda x, y: np.multiply(x, _sigmoid_of(x), out=y), _swish_backward),
    "gelu": Activation(_gelu, _gelu_backward),
    "hard_sigmoid": Activation(
        lambda x, y: np.clip(x / 6 + 0.5, 0, 1, out=y),
        lambda x, y, dy, dx: np.multiply(dy, (np.abs(x) < 3) / 6, out=dx),
    ),
    "relu6": Activation(
        lambda x, y: np.clip(x, 0, 6, out=y), lambda x, y, dy, dx: np.multiply(dy, (x > 0) & (x < 6), out=dx)
    ),
    "leaky_relu": Activation(
        lambda x, y: np.copyto(y, np.where(x > 0, x, 0.2 * x)),
        lambda x, y, dy, dx: np.multiply(dy, np.where(x > 0, 1, 0.2), out=dx),
    ),
}
_TABLE["silu"] = _TABLE["swish"]


def get(identifier: Any) -> str:
    """The name of an activation: from None (linear), its name, or a function of this module.

    Raises:
        ValueError: an unknown one.

    Example:
        >>> get(None), get("tanh"), get(relu)
        ('linear', 'tanh', 'relu')
    """
    name = "linear" if identifier is None else getattr(identifier, "activation_name", identifier)
    if isinstance(name, str) and name in _TABLE:
        return name
    raise ValueError(f"activations: unknown activation {identifier!r}; known are {', '.join(sorted(_TABLE))}")


def table(name: str) -> Activation:
    return _TABLE[name]


def _function(name: str) -> Callable[[Any], Array]:
    def function(x: Any) -> Array:
        a = np.asarray(x)
        a = a if a.dtype.kind == "f" else a.astype(np.float32)
        y = np.empty_like(a)
        _TABLE[name].forward(a, y)
        return y

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{name} of an array."
    function.activation_name = name  # type: ignore[attr-defined]
    return function


linear, relu, tanh, sigmoid, softmax = map(_function, ("linear", "relu", "tanh", "sigmoid", "softmax"))
elu, selu, softplus, softsign, exponential = map(_function, ("elu", "selu", "softplus", "softsign", "exponential"))
swish, silu, gelu, hard_sigmoid = map(_function, ("swish", "silu", "gelu", "hard_sigmoid"))
relu6, leaky_relu = map(_function, ("relu6", "leaky_relu"))
