"""Layers that give activations mean 0 and variance 1: over the batch, or over the features of each step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from lstm_fast import constraints, initializers, regularizers
from lstm_fast.layers.base import Layer
from lstm_fast.layers.symbolic import Shape
from lstm_fast.training.normalization import BatchNormOp, LayerNormOp
from lstm_fast.training.parameters import Parameter
from lstm_fast.training.plan import Plan, Value


class NormalizationBase(Layer):
    """Base: scale gamma and offset beta along `axis`, with their options."""

    supports_masking: ClassVar[bool] = True

    def __init__(
        self,
        axis: Any,
        epsilon: float,
        center: bool,
        scale: bool,
        beta_initializer: Any,
        gamma_initializer: Any,
        beta_regularizer: Any,
        gamma_regularizer: Any,
        beta_constraint: Any,
        gamma_constraint: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis = axis
        self.stepwise = axis in (-1, [-1])
        self.epsilon, self.center, self.scale = float(epsilon), bool(center), bool(scale)
        self.beta_initializer, self.gamma_initializer = map(initializers.get, (beta_initializer, gamma_initializer))
        self.beta_regularizer, self.gamma_regularizer = map(regularizers.get, (beta_regularizer, gamma_regularizer))
        self.beta_constraint, self.gamma_constraint = map(constraints.get, (beta_constraint, gamma_constraint))
        self.gamma: Parameter | None = None
        self.beta: Parameter | None = None

    def axes(self, rank: int) -> tuple[int, ...]:
        """`axis` as sorted numbers >= 0."""
        given = self.axis if isinstance(self.axis, list | tuple) else [self.axis]
        if any(not -rank <= a < rank for a in given):
            raise ValueError(f"{self.label}: axis {self.axis} is out of bounds for inputs with {rank} axes")
        return tuple(sorted(a % rank for a in given))

    def weight_shape(self, shape: Shape) -> tuple[int, ...]:
        sizes = [shape[a] for a in self.axes(len(shape))]
        if None in sizes:
            raise ValueError(f"{self.label}: expected known sizes along axis {self.axis}, got shape {shape}")
        return tuple(n or 0 for n in sizes)

    def build(self, *shapes: Shape) -> None:
        size = self.weight_shape(shapes[0])
        if self.scale:
            self.gamma = self.add_weight(
                "gamma", size, self.gamma_initializer, True, self.gamma_regularizer, self.gamma_constraint
            )
        if self.center:
            self.beta = self.add_weight(
                "beta", size, self.beta_initializer, True, self.beta_regularizer, self.beta_constraint
            )

    def output_shapes(self, *shapes: Shape) -> list[Shape]:
        size = self.weight_shape(shapes[0])
        if self.built and self.weights and size != self.weights[0].shape:
            raise ValueError(f"{self.label}: expected {self.weights[0].shape} along axis {self.axis}, got {shapes[0]}")
        return [shapes[0]]

    def get_config(self) -> dict[str, Any]:
        settings: dict[str, Any] = {"axis": self.axis, "epsilon": self.epsilon}
        settings |= {"center": self.center, "scale": self.scale}
        for name in ("beta", "gamma"):
            settings[f"{name}_initializer"] = initializers.serialize(getattr(self, f"{name}_initializer"))
            settings[f"{name}_regularizer"] = regularizers.serialize(getattr(self, f"{name}_regularizer"))
            settings[f"{name}_constraint"] = constraints.serialize(getattr(self, f"{name}_constraint"))
        return {**super().get_config(), **settings}


class BatchNormalization(NormalizationBase):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, per feature over all other axes.

    While training, mean and variance are those of the batch (of its unmasked steps), and moving means of both are kept;
    otherwise, and when `trainable` is False, the moving ones are used.

    Args:
        axis: of the features.
        momentum: moving = momentum * moving + (1 - momentum) * batch.
        epsilon: added to the variance.
        center, scale: whether there is a beta, a gamma.
        others: as in Keras 3. Weights: gamma, beta, moving_mean, moving_variance, each (C).

    Source:
        Ioffe & Szegedy 2015.

    Example:
        >>> import numpy as np
        >>> y = BatchNormalization()(np.array([[1.0], [3.0]], np.float32), training=True)
        >>> y.round(2).tolist()
        [[-1.0], [1.0]]
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("renorm_clipping", None), kwargs.pop("renorm_momentum", None)
        super().__init__(
            int(axis), epsilon, center, scale, beta_initializer, gamma_initializer, beta_regularizer,
            gamma_regularizer, beta_constraint, gamma_constraint, **kwargs,
        )  # fmt: skip
        if renorm:
            raise ValueError(f"{self.label}: renorm=True is not supported; supported is False")
        self.momentum = float(momentum)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)

    def build(self, *shapes: Shape) -> None:
        super().build(*shapes)
        size = self.weight_shape(shapes[0])
        self.moving_mean = self.add_weight("moving_mean", size, self.moving_mean_initializer, False)
        self.moving_variance = self.add_weight("moving_variance", size, self.moving_variance_initializer, False)

    def add_ops(self, plan: Plan, inputs: list[Value], **arguments: Any) -> list[Value]:
        (x,) = inputs
        if x.mask is not None and len(x.mask.shape) != len(x.shape) - 1:
            raise ValueError(f"{self.label}: expected a mask of shape {x.shape[:-1]}, got {x.mask.shape}")
        y = plan.value(x.shape, mask=x.mask)
        plan.add(BatchNormOp(self, x, y, plan.training))
        return [y]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": initializers.serialize(self.moving_variance_initializer),
        }


class LayerNormalization(NormalizationBase):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, mean and variance over `axis` of each row.

    Args:
        axis: the axis or axes over which is normalised.
        epsilon: added to the variance.
        center, scale: whether there is a beta, a gamma.
        others: as in Keras 3. Weights: gamma, beta, in the shape of the axes.

    Source:
        Ba, Kiros & Hinton 2016.

    Example:
        >>> import numpy as np
        >>> LayerNormalization()(np.array([[1.0, 3.0]], np.float32)).round(2).tolist()
        [[-1.0, 1.0]]
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        if kwargs.pop("rms_scaling", False):
            raise ValueError("LayerNormalization: rms_scaling=True is not supported; supported is False")
        axes = list(axis) if isinstance(axis, list | tuple) else axis
        super().__init__(
            axes, epsilon, center, scale, beta_initializer, gamma_initializer, beta_regularizer,
            gamma_regularizer, beta_constraint, gamma_constraint, **kwargs,
        )  # fmt: skip

    def add_ops(self, plan: Plan, inputs: list[Value], **arguments: Any) -> list[Value]:
        (x,) = inputs
        y = plan.value(x.shape, mask=x.mask)
        plan.add(LayerNormOp(self, x, y))
        return [y]
