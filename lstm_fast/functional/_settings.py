"""The options of the cells themselves: activations, clips, peepholes."""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lstm_fast import _check, _core
from lstm_fast._check import Array, Dtype

Activation = str | tuple[str, float] | tuple[str, float, float]


class Settings(NamedTuple):
    """What _core.Weights takes beside the cell and its shape."""

    activation: Activation = "tanh"
    recurrent_activation: Activation = "sigmoid"
    output_activation: Activation | None = None
    clip: float | None = None
    cell_clip: float | None = None
    input_forget: bool = False
    reset_after: bool = True
    zoneout: float | tuple[float, float] | None = None
    layer_norm_epsilon: float = 1e-5

    def checked(self, op: str) -> dict[str, Any]:
        """The settings as keywords; those of the plain cell are left out."""
        if self == _PLAIN:
            return {}
        zoneout_h, zoneout_c = rates(op, self.zoneout)
        return {
            "zoneout_h": zoneout_h,
            "zoneout_c": zoneout_c,
            "activation": activation(op, "activation", self.activation),
            "recurrent_activation": activation(op, "recurrent_activation", self.recurrent_activation),
            "output_activation": None
            if self.output_activation is None
            else activation(op, "output_activation", self.output_activation),
            "clip": bound(op, "clip", self.clip),
            "cell_clip": bound(op, "cell_clip", self.cell_clip),
            "input_forget": bool(self.input_forget),
            "reset_after": bool(self.reset_after),
            "layer_norm_epsilon": epsilon(op, self.layer_norm_epsilon),
        }


_PLAIN = Settings()


def activation(op: str, name: str, value: Any) -> Activation:
    """A known name, alone or with its alpha and beta."""
    parts = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, (tuple, list)) else ()
    if not 1 <= len(parts) <= 3 or not isinstance(parts[0], str):
        raise TypeError(f"{op}: expected {name} as a name, or (name, alpha) or (name, alpha, beta), got {value!r}")
    if parts[0] not in _core.activations():
        raise ValueError(f"{op}: expected {name} in {', '.join(sorted(_core.activations()))}, got {parts[0]!r}")
    return (parts[0], *(float(n) for n in parts[1:]))  # type: ignore[return-value]


def bound(op: str, name: str, value: Any) -> float:
    """A positive bound; 0 for None."""
    if value is None:
        return 0.0
    number = float(value) if isinstance(value, (int, float, np.number)) else 0.0
    if not 0 < number < float("inf"):
        raise ValueError(f"{op}: expected {name} > 0 and finite, got {value!r}; use None for no bound")
    return number


def rates(op: str, value: Any) -> tuple[float, float]:
    """Zoneout rates of h and c; (0, 0) for None."""
    if value is None:
        return 0.0, 0.0
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2 or not all(isinstance(r, (int, float)) and 0 <= r < 1 for r in pair):
        raise ValueError(f"{op}: expected zoneout as a rate in [0, 1) or two of them, of h and c, got {value!r}")
    return float(pair[0]), float(pair[1])


def seed(op: str, value: Any) -> int | None:
    """A seed of 64 bits, or None."""
    if value is None:
        return None
    try:
        return operator.index(value) % 2**64
    except TypeError:
        raise TypeError(f"{op}: expected zoneout_seed as an integer, got {type(value).__name__}") from None


def peephole(op: str, value: ArrayLike | None, H: int, dtype: Dtype) -> Array | None:
    """p_i p_f p_o as (3H), or None."""
    if value is None:
        return None
    a = _check.packed(op, "peephole", value, dtype)
    if a.shape != (3 * H,):
        raise ValueError(f"{op}: expected peephole of shape (3H,) = {(3 * H,)} in the order i f o, got {a.shape}")
    return a


def epsilon(op: str, value: Any) -> float:
    """What is added to a variance."""
    number = float(value) if isinstance(value, (int, float, np.number)) and not isinstance(value, bool) else 0.0
    if not 0 < number < float("inf"):
        raise ValueError(f"{op}: expected layer_norm_epsilon > 0 and finite, got {value!r}")
    return number


def layer_norm(op: str, value: ArrayLike | None, H: int, dtype: Dtype, others: dict[str, Any]) -> Array | None:
    """The gains of x w_x (4H), h w_h (4H) and c' (H), and the shift of c' (H), as (10H), or None.

    others: the options that do not go with it, None where not given.
    """
    if value is None:
        return None
    for name, other in others.items():
        if other is not None:
            raise ValueError(f"{op}: layer_norm and {name} contradict each other; pass one of them")
    a = _check.packed(op, "layer_norm", value, dtype)
    if a.shape != (10 * H,):
        raise ValueError(
            f"{op}: expected layer_norm of shape (10H,) = {(10 * H,)}, gains of x w_x (4H), h w_h (4H) and c' (H), "
            f"then the shift of c' (H), got {a.shape}"
        )
    return a
