"""The rules: SGD, Adam, AdamW, RMSprop, as in Keras 3."""

from __future__ import annotations

from typing import Any, ClassVar

from lstm_fast import _core
from lstm_fast.optimizers.base import Optimizer


class SGD(Optimizer):
    """v = momentum v - lr g; p += v, with nesterov p += momentum v - lr g.

    Example:
        >>> SGD(0.1, momentum=0.9).momentum
        0.9
    """

    defaults: ClassVar[dict[str, Any]] = {"momentum": 0.0, "nesterov": False}

    def __init__(
        self, learning_rate: Any = 0.01, momentum: float = 0.0, nesterov: bool = False, *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(learning_rate, *args, **kwargs)
        if not 0 <= momentum <= 1:
            raise ValueError(f"SGD: expected momentum in [0, 1], got {momentum}")
        self.momentum, self.nesterov = float(momentum), bool(nesterov)

    def slots_in_use(self) -> tuple[str, ...]:
        return ("momentum",) if self.momentum else ()

    def update(self, rate: float) -> None:
        _core.sgd(
            self.p, self.g, self.state.get("momentum"), rate, self.momentum, self.nesterov, self.weight_decay or 0.0
        )


class Adam(Optimizer):
    """m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2; p -= lr sqrt(1-b2^t)/(1-b1^t) m / (sqrt(v) + epsilon).

    Source:
        Kingma & Ba 2014; amsgrad: Reddi et al. 2018.

    Example:
        >>> Adam().learning_rate
        0.001
    """

    slots: ClassVar[tuple[str, ...]] = ("m", "v")
    defaults: ClassVar[dict[str, Any]] = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "amsgrad": False}

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        weight_decay: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, weight_decay, **kwargs)
        for name, beta in (("beta_1", beta_1), ("beta_2", beta_2)):
            if not 0 <= beta < 1:
                raise ValueError(f"{type(self).__name__}: expected {name} in [0, 1), got {beta}")
        self.beta_1, self.beta_2, self.epsilon, self.amsgrad = (
            float(beta_1),
            float(beta_2),
            float(epsilon),
            bool(amsgrad),
        )

    def slots_in_use(self) -> tuple[str, ...]:
        return ("m", "v", "vhat") if self.amsgrad else ("m", "v")

    def update(self, rate: float) -> None:
        s = self.state
        decay = self.weight_decay or 0.0
        _core.adam(
            self.p,
            self.g,
            s["m"],
            s["v"],
            rate,
            self.beta_1,
            self.beta_2,
            self.epsilon,
            self.iterations,
            decay,
            s.get("vhat"),
        )


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay, **kwargs)


class RMSprop(Optimizer):
    """v = rho v + (1-rho) g^2; p -= lr g / sqrt(v + epsilon), with momentum or centred if asked.

    Source:
        Tieleman & Hinton 2012.
    """

    defaults: ClassVar[dict[str, Any]] = {"rho": 0.9, "momentum": 0.0, "epsilon": 1e-7, "centered": False}

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, *args, **kwargs)
        self.rho, self.momentum, self.epsilon, self.centered = (
            float(rho),
            float(momentum),
            float(epsilon),
            bool(centered),
        )

    def slots_in_use(self) -> tuple[str, ...]:
        return ("v", *(("momentum",) if self.momentum else ()), *(("mean",) if self.centered else ()))

    def update(self, rate: float) -> None:
        s = self.state
        decay = self.weight_decay or 0.0
        _core.rmsprop(
            self.p, self.g, s["v"], s.get("momentum"), s.get("mean"), rate, self.rho, self.momentum, self.epsilon, decay
        )
