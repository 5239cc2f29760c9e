"""What recurrent cells have beyond Keras: one table of settings, one of the weights that some of them ask for.

An option of the kernels reaches the layers with a row in SETTINGS, a row in WEIGHTS where it brings a weight, and its
keyword, off by default, in the constructors of the cells and layers that have it. An option that changes the size of a
state or of the output also says so in `Cell.state_sizes` and `Cell.output_size`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from lstm_fast.functional import _settings


class Setting(NamedTuple):
    """An argument of a cell.

    off: its value where it has no effect; such a value is no part of a configuration.
    checked: (layer, name, value) -> the value as it is kept, of kinds that JSON has.
    kernel: the value -> keywords of _core.Weights.
    """

    off: Any
    checked: Callable[[str, str, Any], Any]
    kernel: Callable[[Any], dict[str, Any]]


class ExtraWeight(NamedTuple):
    """A weight after kernel, recurrent_kernel and bias, of cells whose `setting` is not off.

    shape: of H units and P numbers of h. pack, gradient: its keywords in _core.Weights.pack, _core.Sequence.backward.
    """

    setting: str
    shape: Callable[[int, int], tuple[int, ...]]
    initializer: str | Callable[[tuple[int, ...], Any], Any]
    pack: str
    gradient: str


def _flag(label: str, name: str, value: Any) -> bool:
    if value not in (True, False):
        raise ValueError(f"{label}: expected {name} as True or False, got {value!r}")
    return bool(value)


def _bound(label: str, name: str, value: Any) -> float | None:
    return _settings.bound(label, name, value) or None


def _size(label: str, name: str, value: Any) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1):
        raise ValueError(f"{label}: expected {name} as an integer >= 1, got {value!r}; use None for none")
    return None if value is None else int(value)


def _rates(label: str, name: str, value: Any) -> list[float] | None:
    rates = _settings.rates(label, value)
    return list(rates) if any(rates) else None


def activation(label: str, name: str, value: Any) -> Any:
    """A name, or [name, alpha] or [name, alpha, beta]; None as it is."""
    if value is None:
        return None
    parts = _settings.activation(label, name, getattr(value, "activation_name", value))
    return parts[0] if len(parts) == 1 else list(parts)


def _epsilon(label: str, name: str, value: Any) -> float:
    return _settings.epsilon(label, value)


def _gains(shape: tuple[int, ...], dtype: Any) -> Any:
    """Gains of x w_x (4H), h w_h (4H), c' (H): ones; the shift of c' (H): zeros."""
    return np.repeat(np.array([1, 0], dtype), [shape[0] // 10 * 9, shape[0] // 10])


SETTINGS: dict[str, Setting] = {
    "peepholes": Setting(False, _flag, lambda on: {"peephole": on}),
    "input_forget": Setting(False, _flag, lambda on: {"input_forget": on}),
    "clip": Setting(None, _bound, lambda bound: {"clip": bound}),
    "cell_clip": Setting(None, _bound, lambda bound: {"cell_clip": bound}),
    "zoneout": Setting(None, _rates, lambda rates: dict(zip(("zoneout_h", "zoneout_c"), rates, strict=True))),
    "projection": Setting(None, _size, lambda P: {"projection": P}),
    "layer_norm": Setting(False, _flag, lambda on: {"layer_norm": on}),
    "layer_norm_epsilon": Setting(1e-5, _epsilon, lambda epsilon: {"layer_norm_epsilon": epsilon}),
    "output_activation": Setting(None, activation, lambda name: {"output_activation": name}),
}

WEIGHTS: dict[str, ExtraWeight] = {
    "projection_kernel": ExtraWeight("projection", lambda H, P: (H, P), "glorot_uniform", "projection", "dprojection"),
    "peephole": ExtraWeight("peepholes", lambda H, P: (3 * H,), "zeros", "peephole", "dpeephole"),
    "layer_norm_weight": ExtraWeight("layer_norm", lambda H, P: (10 * H,), _gains, "layer_norm", "dlayer_norm"),
}

CONTRADICTIONS: tuple[tuple[str, str], ...] = (
    ("projection", "zoneout"),
    *(("layer_norm", name) for name in ("peepholes", "projection", "zoneout", "cell_clip", "input_forget")),
)
