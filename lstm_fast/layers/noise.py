"""Layers that add noise while training."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from lstm_fast.layers.base import Layer
from lstm_fast.training.plan import Op, Plan, Value
from lstm_fast.utils.random import new_generator


class GaussianNoise(Layer):
    """While training, x + normal noise of standard deviation `stddev`; otherwise x.

    Example:
        >>> import numpy as np
        >>> GaussianNoise(0.5)(np.ones((1, 2), np.float32)).tolist()
        [[1.0, 1.0]]
    """

    stepwise = True
    supports_masking: ClassVar[bool] = True

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(stddev, bool) or not 0 <= stddev <= 1:
            raise ValueError(f"{self.label}: expected stddev in [0, 1], got {stddev!r}")
        self.stddev, self.seed = float(stddev), seed
        self.rng = new_generator(seed)  # its state is part of a model file

    def add_ops(self, plan: Plan, inputs: list[Value], **arguments: Any) -> list[Value]:
        (x,) = inputs
        if not plan.training or self.stddev == 0:
            return [x]
        y = plan.value(x.shape, mask=x.mask)
        plan.add(NoiseOp(self.rng, self.stddev, False, x, y))
        return [y]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "stddev": self.stddev, "seed": self.seed}


class GaussianDropout(Layer):
    """While training, x times normal noise of mean 1 and standard deviation sqrt(rate / (1 - rate)); otherwise x.

    Source:
        Srivastava et al. 2014, section 10.

    Example:
        >>> import numpy as np
        >>> GaussianDropout(0.5)(np.ones((1, 2), np.float32)).tolist()
        [[1.0, 1.0]]
    """

    stepwise = True
    supports_masking: ClassVar[bool] = True

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(rate, bool) or not 0 <= rate < 1:
            raise ValueError(f"{self.label}: expected a rate in [0, 1), got {rate!r}")
        self.rate, self.seed = float(rate), seed
        self.rng = new_generator(seed)

    def add_ops(self, plan: Plan, inputs: list[Value], **arguments: Any) -> list[Value]:
        (x,) = inputs
        if not plan.training or self.rate == 0:
            return [x]
        y = plan.value(x.shape, mask=x.mask)
        plan.add(NoiseOp(self.rng, math.sqrt(self.rate / (1 - self.rate)), True, x, y))
        return [y]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


class NoiseOp(Op):
    """y = x + noise, or x * (1 + noise) with `factor`; noise is normal with this standard deviation."""

    def __init__(self, rng: np.random.Generator, stddev: float, factor: bool, x: Value, y: Value) -> None:
        super().__init__([x], [y])
        self.rng, self.stddev, self.factor = rng, stddev, factor
        self.noise = np.empty(x.shape, y.array.dtype)
        self.dtype: Any = self.noise.dtype

    def forward(self) -> None:
        x, y = self.inputs[0].array, self.outputs[0].array
        self.rng.standard_normal(dtype=self.dtype, out=self.noise)
        self.noise *= self.stddev
        if self.factor:
            self.noise += 1
            np.multiply(x, self.noise, out=y)
        else:
            np.add(x, self.noise, out=y)

    def backward(self) -> None:
        dy, dx = self.outputs[0].grad, self.dx[0]
        if self.factor:
            np.multiply(dy, self.noise, out=dx)
        else:
            np.copyto(dx, dy)
