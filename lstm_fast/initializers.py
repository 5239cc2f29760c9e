"""Initial weights: Keras' initialisers, drawn from `utils.random`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from lstm_fast.utils.random import generator, new_generator

Array = np.ndarray[Any, Any]
TRUNCATED_STD = 0.87962566103423978  # standard deviation of a standard normal cut at 2


class Initializer:
    """Makes an array of a shape and dtype; `seed=None` draws from the global generator."""

    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed

    def rng(self) -> np.random.Generator:
        return generator() if self.seed is None else new_generator(self.seed)

    def __call__(self, shape: tuple[int, ...], dtype: Any = "float32") -> Array:
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        return dict(vars(self))


class Zeros(Initializer):
    """All 0."""

    def __call__(self, shape: tuple[int, ...], dtype: Any = "float32") -> Array:
        return np.zeros(shape, dtype)


class Ones(Initializer):
    """All 1."""

    def __call__(self, shape: tuple[int, ...], dtype: Any = "float32") -> Array:
        return np.ones(shape, dtype)


class Constant(Initializer):
    """All `value`."""

    def __init__(self, value: float = 0.0) -> None:
        super().__init__()
        self.value = value

    def __call__(self, shape: tuple[int, ...], dtype: Any = "float32") -> Array:
        return np.full(shape, self.value, dtype)

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value}


class RandomNormal(Initializer):
    """Normal(mean, stddev)."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def __call__(self, shape: tuple[int, ...], dtype: Any = "float32") -> Array:
        return self.rng().normal(self.mean, self.stddev, shape).astype(dtype)


class RandomUniform(Initializer):
    """Uniform in [minval, maxval)."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def __call__(self, shape: tuple[int, ...], dtype: Any = "float32") -> Array:
        return self.rng().uniform(self.minval, self.maxval, shape).astype(dtype)


class TruncatedNormal(RandomNormal):
    """Normal(mean, stddev), redrawn beyond two standard deviations."""

    def __call__(self, shape: tuple[int, ...], dtype: Any = "float32") -> Array:
        return (self.mean + self.stddev * _truncated(self.rng(), shape)).astype(dtype)


def _truncated(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    z = rng.standard_normal(shape)
    while (far := np.abs(z) > 2).any():
        z[far] = rng.standard_normal(int(far.sum()))
    return z


class VarianceScaling(Initializer):
    """Variance scale/n, n = fan_in, fan_out or their mean."""

    scale, mode, distribution = 1.0, "fan_in", "truncated_normal"
    fixed: ClassVar[bool] = False  # whether the class itself fixes the three

    def __init__(
        self, scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal", seed: int | None = None
    ) -> None:
        super().__init__(seed)
        if mode not in ("fan_in", "fan_out", "fan_avg") or scale <= 0:
            raise ValueError(
                f"VarianceScaling: expected scale > 0 and mode fan_in, fan_out or fan_avg, got {scale}, {mode!r}"
            )
        if distribution not in ("truncated_normal", "untruncated_normal", "uniform"):
            raise ValueError(f"VarianceScaling: unknown distribution {distribution!r}")
        self.scale, self.mode, self.distribution = scale, mode, distribution

    def __call__(self, shape: tuple[int, ...], dtype: Any = "float32") -> Array:
        field = int(np.prod(shape[:-2])) if len(shape) > 2 else 1
        fan_in = field * (shape[-2] if len(shape) > 1 else (shape[0] if shape else 1))
        fan_out = field * (shape[-1] if shape else 1)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, n)
        if self.distribution == "uniform":
            limit = np.sqrt(3 * variance)
            return self.rng().uniform(-limit, limit, shape).astype(dtype)
        if self.distribution == "truncated_normal":
            return np.asarray(np.sqrt(variance) / TRUNCATED_STD * _truncated(self.rng(), shape), dtype)
        return self.rng().normal(0.0, np.sqrt(variance), shape).astype(dtype)

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed} if self.fixed else dict(vars(self))


def _scaling(name: str, scale: float, mode: str, distribution: str) -> type[VarianceScaling]:
    def __init__(self: VarianceScaling, seed: int | None = None) -> None:
        VarianceScaling.__init__(self, scale, mode, distribution, seed)

    doc = f"Variance {scale:g}/{mode}, {distribution.replace('_', ' ')}."
    return type(name, (VarianceScaling,), {"__init__": __init__, "__doc__": doc, "__module__": __name__, "fixed": True})


GlorotUniform = _scaling("GlorotUniform", 1.0, "fan_avg", "uniform")
GlorotNormal = _scaling("GlorotNormal", 1.0, "fan_avg", "truncated_normal")
HeUniform = _scaling("HeUniform", 2.0, "fan_in", "uniform")
HeNormal = _scaling("HeNormal", 2.0, "fan_in", "truncated_normal")
LecunUniform = _scaling("LecunUniform", 1.0, "fan_in", "uniform")
LecunNormal = _scaling("LecunNormal", 1.0, "fan_in", "truncated_normal")


class Orthogonal(Initializer):
    """A random matrix with orthonormal rows or columns (Saxe et al. 2014), times `gain`."""

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        super().__init__(seed)
        self.gain = gain

    def __call__(self, shape: tuple[int, ...], dtype: Any = "float32") -> Array:
        if len(shape) < 2:
            raise ValueError(f"Orthogonal: expected a shape of at least two dimensions, got {shape}")
        rows, columns = int(np.prod(shape[:-1])), shape[-1]
        q, r = np.linalg.qr(self.rng().standard_normal((max(rows, columns), min(rows, columns))))
        q *= np.sign(np.diag(r))  # makes the distribution uniform over orthogonal matrices
        return (self.gain * (q if rows >= columns else q.T)).reshape(shape).astype(dtype)


class Identity(Initializer):
    """`gain` times the identity matrix."""

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.gain = gain

    def __call__(self, shape: tuple[int, ...], dtype: Any = "float32") -> Array:
        if len(shape) != 2:
            raise ValueError(f"Identity: expected a shape of two dimensions, got {shape}")
        return np.asarray(self.gain * np.eye(*shape), dtype)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}


_CLASSES: dict[str, type[Initializer]] = {
    cls.__name__: cls
    for cls in (
        Zeros, Ones, Constant, RandomNormal, RandomUniform, TruncatedNormal, VarianceScaling, GlorotUniform,
        GlorotNormal, HeUniform, HeNormal, LecunUniform, LecunNormal, Orthogonal, Identity,
    )
}  # fmt: skip
_ALIASES = {
    **{name.lower(): cls for name, cls in _CLASSES.items()},
    "glorot_uniform": GlorotUniform,
    "glorot_normal": GlorotNormal,
    "xavier_uniform": GlorotUniform,
    "he_uniform": HeUniform,
    "he_normal": HeNormal,
    "lecun_uniform": LecunUniform,
    "lecun_normal": LecunNormal,
    "random_normal": RandomNormal,
    "random_uniform": RandomUniform,
    "normal": RandomNormal,
    "uniform": RandomUniform,
    "truncated_normal": TruncatedNormal,
    "variance_scaling": VarianceScaling,
    "zero": Zeros,
    "one": Ones,
    **_CLASSES,
}


def get(identifier: Any) -> Callable[..., Array]:
    """An initialiser from its name ('glorot_uniform'), configuration, class, or itself; any f(shape, dtype) will do."""
    if identifier is None:
        return Zeros()
    if isinstance(identifier, dict):
        cls: Any = _ALIASES.get(identifier.get("class_name", ""))
        if cls is not None:
            made: Initializer = cls(**identifier.get("config", {}))
            return made
    if isinstance(identifier, str) and identifier in _ALIASES:
        named: Any = _ALIASES[identifier]
        return get(named)
    if isinstance(identifier, type) and issubclass(identifier, Initializer):
        return identifier()
    if callable(identifier):
        function: Callable[..., Array] = identifier
        return function
    raise ValueError(f"initializers: unknown initialiser {identifier!r}; known are {', '.join(_CLASSES)}")


def serialize(initializer: Any) -> Any:
    """What `get` makes an equal initialiser of; an own function has no such form and becomes 'zeros'."""
    if isinstance(initializer, Initializer):
        return {"class_name": type(initializer).__name__, "config": initializer.get_config()}
    return "zeros"
