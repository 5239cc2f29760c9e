"""Layers without weights that act on one input: dropout, activation, shapes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, ClassVar

import numpy as np

from lstm_fast import activations
from lstm_fast.layers.base import Layer
from lstm_fast.layers.symbolic import Shape, known
from lstm_fast.training.ops import ActivationOp, DropoutOp, RepeatOp, ReshapeOp, TransposeOp
from lstm_fast.training.plan import Plan, Value
from lstm_fast.utils.random import new_generator


class Dropout(Layer):
    """While training, each number is 0 with probability `rate`, else divided by 1-rate; otherwise nothing.

    Args:
        rate: 0 <= rate < 1.
        noise_shape: shape of the mask, an axis of 1 shares it along that axis; None: that of the inputs.
        seed: None: from `utils.set_random_seed`.

    Source:
        Srivastava et al. 2014.

    Example:
        >>> import numpy as np
        >>> Dropout(0.5)(np.ones((1, 3), np.float32)).tolist()
        [[1.0, 1.0, 1.0]]
    """

    supports_masking: ClassVar[bool] = True
    stepwise = True

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(rate, bool) or not 0 <= rate <= 1:
            raise ValueError(f"{self.label}: expected a rate in [0, 1], got {rate!r}")
        self.rate, self.seed = float(rate), seed
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        self.rng = new_generator(seed)  # its state is part of a model file

    def mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if self.noise_shape is None:
            return shape
        return tuple(n if m is None else m for n, m in zip(shape, self.noise_shape, strict=True))

    def add_ops(self, plan: Plan, inputs: list[Value], **arguments: Any) -> list[Value]:
        (x,) = inputs
        if not plan.training or self.rate == 0:
            return [x]
        y = plan.value(x.shape, mask=x.mask)
        plan.add(DropoutOp(self.rate, self.rng, x, y, self.mask_shape(x.shape)))
        return [y]

    def get_config(self) -> dict[str, Any]:
        noise = None if self.noise_shape is None else list(self.noise_shape)
        return {**super().get_config(), "rate": self.rate, "noise_shape": noise, "seed": self.seed}


class SpatialDropout1D(Dropout):
    """Dropout of whole features: the mask (B,1,F) is shared by all steps of (B,T,F)."""

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        kwargs.pop("noise_shape", None)
        super().__init__(rate, (None, 1, None), seed, **kwargs)


class Activation(Layer):
    """An activation function by itself.

    Args:
        activation: a name of `activations`, or one of its functions.

    Example:
        >>> import numpy as np
        >>> Activation("relu")(np.array([[-1.0, 2.0]], np.float32)).tolist()
        [[0.0, 2.0]]
    """

    supports_masking: ClassVar[bool] = True
    stepwise = True

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def add_ops(self, plan: Plan, inputs: list[Value], **arguments: Any) -> list[Value]:
        (x,) = inputs
        y = plan.value(x.shape, mask=x.mask)
        plan.add(ActivationOp(self.activation, x, y))
        return [y]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": self.activation}


class Reshape(Layer):
    """Another shape for each row.

    Args:
        target_shape: without the batch; one axis may be -1.

    Example:
        >>> import numpy as np
        >>> Reshape((3, -1))(np.ones((2, 6), np.float32)).shape
        (2, 3, 2)
    """

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_shape = tuple(target_shape)

    def output_shapes(self, *shapes: Shape) -> list[Shape]:
        inner = shapes[0][1:]
        if None in inner:
            return [(shapes[0][0], *(None if n == -1 else n for n in self.target_shape))]
        size, given = prod(n or 0 for n in inner), prod(n for n in self.target_shape if n != -1)
        free = self.target_shape.count(-1)
        if free > 1 or (given != size if not free else given == 0 or size % given):
            raise ValueError(f"{self.label}: cannot reshape {inner} into {self.target_shape}")
        return [(shapes[0][0], *(size // given if n == -1 else n for n in self.target_shape))]

    def add_ops(self, plan: Plan, inputs: list[Value], **arguments: Any) -> list[Value]:
        op = ReshapeOp(inputs[0], known(self.output_shapes(inputs[0].shape)[0]))
        plan.add(op)
        return list(op.outputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "target_shape": list(self.target_shape)}


class Flatten(Layer):
    """Each row as one vector: (B,...) -> (B,n)."""

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if data_format not in (None, "channels_last"):
            raise ValueError(
                f"{self.label}: data_format={data_format!r} is not supported; supported is 'channels_last'"
            )

    def output_shapes(self, *shapes: Shape) -> list[Shape]:
        inner = shapes[0][1:]
        return [(shapes[0][0], None if None in inner else prod(n or 0 for n in inner))]

    def add_ops(self, plan: Plan, inputs: list[Value], **arguments: Any) -> list[Value]:
        op = ReshapeOp(inputs[0], known(self.output_shapes(inputs[0].shape)[0]))
        plan.add(op)
        return list(op.outputs)


class Permute(Layer):
    """The axes of each row in another order; `dims` counts from 1.

    Example:
        >>> import numpy as np
        >>> Permute((2, 1))(np.ones((4, 3, 5), np.float32)).shape
        (4, 5, 3)
    """

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(f"{self.label}: expected a permutation of 1..{len(self.dims)}, got {self.dims}")

    def output_shapes(self, *shapes: Shape) -> list[Shape]:
        x = shapes[0]
        if len(x) != len(self.dims) + 1:
            raise ValueError(f"{self.label}: expected {len(self.dims)} axes after the batch, got {x}")
        return [(x[0], *(x[d] for d in self.dims))]

    def add_ops(self, plan: Plan, inputs: list[Value], **arguments: Any) -> list[Value]:
        op = TransposeOp(plan, inputs[0], (0, *self.dims))
        plan.add(op)
        return list(op.outputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dims": list(self.dims)}


class RepeatVector(Layer):
    """(B,F) -> (B,n,F): n equal steps.

    Example:
        >>> import numpy as np
        >>> RepeatVector(3)(np.ones((2, 4), np.float32)).shape
        (2, 3, 4)
    """

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            raise ValueError(f"{self.label}: expected n as an integer >= 1, got {n!r}")
        self.n = int(n)

    def output_shapes(self, *shapes: Shape) -> list[Shape]:
        x = shapes[0]
        if len(x) != 2:
            raise ValueError(f"{self.label}: expected inputs of shape (batch, features), got {x}; "
                             "a recurrent layer in front needs return_sequences=False")  # fmt: skip
        return [(x[0], self.n, x[1])]

    def add_ops(self, plan: Plan, inputs: list[Value], **arguments: Any) -> list[Value]:
        op = RepeatOp(plan, inputs[0], self.n)
        plan.add(op)
        return list(op.outputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "n": self.n}
