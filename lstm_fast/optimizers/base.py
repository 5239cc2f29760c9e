"""The base of the optimizers: learning rate, clipping, state in flat buffers."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from lstm_fast import _core
from lstm_fast.optimizers import schedules
from lstm_fast.training.parameters import Array, Parameter, Store, aligned_zeros


class Optimizer:
    """Base of the optimizers.

    Args:
        learning_rate: a number, or a schedule: a function of the number of updates so far.
        weight_decay: each update also subtracts learning_rate * weight_decay * parameter.
        clipnorm: bound on the norm of the gradient of each weight array.
        global_clipnorm: bound on the norm of the gradient of all of them together.
        clipvalue: bound on each number of a gradient.

    Raises:
        ValueError: a number out of its range, or more than one kind of clipping.
    """

    slots: ClassVar[tuple[str, ...]] = ()
    defaults: ClassVar[dict[str, Any]] = {}  # the arguments besides the common ones

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        kind = type(self).__name__
        if "lr" in kwargs:
            learning_rate = kwargs.pop("lr")  # its name in older programs
        for ignored in ("use_ema", "loss_scale_factor", "gradient_accumulation_steps", "jit_compile", "decay"):
            if kwargs.pop(ignored, None):
                raise ValueError(f"{kind}: {ignored} is not supported")
        kwargs.pop("ema_momentum", None), kwargs.pop("ema_overwrite_frequency", None)
        if kwargs:
            raise TypeError(f"{kind}: unexpected argument {next(iter(kwargs))!r}")
        if sum(c is not None for c in (clipnorm, clipvalue, global_clipnorm)) > 1:
            raise ValueError(f"{kind}: expected at most one of clipnorm, clipvalue, global_clipnorm")
        for label, bound in (("clipnorm", clipnorm), ("clipvalue", clipvalue), ("global_clipnorm", global_clipnorm)):
            if bound is not None and not bound > 0:
                raise ValueError(f"{kind}: expected {label} > 0, got {bound}")
        self.name = name or kind.lower()
        self.weight_decay, self.clipnorm = weight_decay, clipnorm
        self.clipvalue, self.global_clipnorm = clipvalue, global_clipnorm
        self.clips = (clipnorm, clipvalue, global_clipnorm) != (None, None, None)
        self.iterations = 0
        self.learning_rate = learning_rate
        self.store: Store | None = None
        self.state: dict[str, Array] = {}
        self._carried: dict[str, list[tuple[Parameter, Array]]] = {}  # of a copy, until it is built
        self.p = self.g = np.zeros(0, np.float32)

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the next update."""
        return self._rate if self.schedule is None else float(self.schedule(self.iterations))

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.schedule = value if callable(value) else None
        if self.schedule is None:
            if not isinstance(value, float | int | np.number | np.ndarray) or not float(value) >= 0:
                raise ValueError(f"{type(self).__name__}: expected a learning rate >= 0, got {value!r}")
            self._rate = float(value)

    lr = learning_rate

    def build(self, store: Store) -> None:
        """Take the trained part of `store`; what is known of a parameter stays."""
        if self.store is store:
            return
        before = self._parts()
        n = store.trained_size
        self.state = {name: aligned_zeros(n, store.dtype) for name in self.slots_in_use()}
        for name, parts in before.items():
            known = {id(p): part for p, part in parts}
            for p, part in store.views(self.state[name]):
                if id(p) in known:
                    part[...] = known[id(p)]
        self.store, self.p, self.g = store, store.values[:n], store.grads[:n]

    def _parts(self) -> dict[str, list[tuple[Parameter, Array]]]:
        """Per slot, the part of each parameter."""
        if self.store is None:
            return self._carried
        return {name: self.store.views(flat) for name, flat in self.state.items()}

    def __getstate__(self) -> dict[str, Any]:
        state = {k: v for k, v in self.__dict__.items() if k not in ("p", "g")}
        return {**state, "store": None, "state": {}, "_carried": self._parts()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.p = self.g = np.zeros(0, np.float32)

    def slots_in_use(self) -> tuple[str, ...]:
        return self.slots

    def apply(self) -> None:
        """One update of all parameters from all gradients."""
        rate = self._rate if self.schedule is None else float(self.schedule(self.iterations))
        if self.clips:
            self._clip()
        self.iterations += 1
        self.update(rate)

    def update(self, rate: float) -> None:
        raise NotImplementedError

    def _clip(self) -> None:
        g = self.g
        if self.clipvalue is not None:
            np.clip(g, -self.clipvalue, self.clipvalue, out=g)
        elif self.global_clipnorm is not None:
            _limit(g, self.global_clipnorm)
        elif self.store is not None:
            for p in self.store.trained:
                _limit(p.grad, self.clipnorm or 0.0)

    def get_config(self) -> dict[str, Any]:
        rate = schedules.serialize(self.schedule) if self.schedule is not None else self._rate
        names = ("weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "name", *self.defaults)
        return {"learning_rate": rate, **{n: getattr(self, n) for n in names}}

    @classmethod
    def from_config(cls, settings: dict[str, Any]) -> Optimizer:
        rate = settings.get("learning_rate", 0.001)
        return cls(**{**settings, "learning_rate": schedules.deserialize(rate) if isinstance(rate, dict) else rate})

    def tensors(self) -> list[tuple[str, Parameter, Array]]:
        """(slot, parameter, its part of the slot) for a file."""
        return [(name, p, part) for name, parts in self._parts().items() for p, part in parts]


def _limit(g: Array, bound: float) -> None:
    norm = float(np.sqrt(_core.norm2(g)))
    if norm > bound:
        g *= bound / norm
