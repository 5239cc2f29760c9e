"""Normalisation over the batch, or over the features of each step, in NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lstm_fast.training.parameters import Array, Parameter
from lstm_fast.training.plan import Op, Value

if TYPE_CHECKING:
    from lstm_fast.layers.normalization import BatchNormalization, NormalizationBase


class NormalizationOp(Op):
    """Base: y = gamma xhat + beta; a kind fills xhat and says how its gradient becomes that of x."""

    def __init__(self, layer: NormalizationBase, x: Value, y: Value) -> None:
        super().__init__([x], [y], layer.weights)
        self.layer, self.epsilon = layer, layer.epsilon
        axes = layer.axes(len(x.shape))
        self.shape = [n if a in axes else 1 for a, n in enumerate(x.shape)]  # weights against x
        self.others = tuple(a for a in range(len(x.shape)) if a not in axes)
        self.axes = axes
        self.xhat = np.empty(x.shape, x.array.dtype if x.array.dtype.kind == "f" else y.array.dtype)
        self.inverse = np.ones(1, y.array.dtype)  # 1 / sqrt(variance + epsilon)

    def normalise(self, x: Array, y: Array) -> None:
        raise NotImplementedError

    def input_gradient(self, dxhat: Array, dx: Array) -> None:
        raise NotImplementedError

    def forward(self) -> None:
        x, y, layer = self.inputs[0].array, self.outputs[0].array, self.layer
        self.normalise(x, y)
        if layer.gamma is not None:
            np.multiply(self.xhat, layer.gamma.array.reshape(self.shape), out=y)
        else:
            np.copyto(y, self.xhat)
        if layer.beta is not None:
            y += layer.beta.array.reshape(self.shape)

    def backward(self) -> None:
        dy, dx, layer = self.outputs[0].grad, self.dx[0], self.layer
        self.dgamma, self.dbeta = (a.sum(axis=self.others, dtype=np.float64) for a in (dy * self.xhat, dy))
        for p, total in ((layer.gamma, self.dgamma), (layer.beta, self.dbeta)):
            if p is not None:
                self._add(p, total)
        if dx is not None:
            self.input_gradient(dy if layer.gamma is None else dy * layer.gamma.array.reshape(self.shape), dx)

    def _add(self, p: Parameter, total: Array) -> None:
        if self.accumulate:
            p.grad += total
        else:
            p.grad[...] = total


class BatchNormOp(NormalizationOp):
    """With mean and variance of the batch, moving the averages of both; or (`by_batch` False) with these averages.

    Sums run in float64: they are over many rows.
    """

    layer: BatchNormalization

    def __init__(self, layer: BatchNormalization, x: Value, y: Value, training: bool) -> None:
        super().__init__(layer, x, y)
        self.training = training

    def normalise(self, x: Array, y: Array) -> None:
        layer = self.layer
        self.by_batch = self.training and layer.trainable
        if self.by_batch:
            self._statistics(x)
        else:
            self.mean = layer.moving_mean.array.reshape(self.shape)
            self.variance = layer.moving_variance.array.reshape(self.shape)
            np.subtract(x, self.mean, out=self.xhat)
        self.inverse = 1 / np.sqrt(self.variance + self.xhat.dtype.type(self.epsilon))
        self.xhat *= self.inverse

    def _statistics(self, x: Array) -> None:
        """Mean and variance of the unmasked rows; leaves x - mean in xhat."""
        layer, mask = self.layer, self.inputs[0].mask
        self.count = float(x.size // max(1, int(np.prod(self.shape))))
        self.valid: Array | None = None
        if mask is not None:
            self.valid = mask.array[..., None].astype(self.xhat.dtype)
            self.count = float(self.valid.sum(dtype=np.float64)) + self.epsilon  # epsilon: as Keras
        self.mean = self._sum(x if self.valid is None else x * self.valid, self.count)
        np.subtract(x, self.mean, out=self.xhat)
        squares = np.square(self.xhat)
        self.variance = self._sum(squares if self.valid is None else squares * self.valid, self.count)
        number = self.xhat.dtype.type
        for p, value in ((layer.moving_mean, self.mean), (layer.moving_variance, self.variance)):
            p.array[...] = p.array * number(layer.momentum) + value.reshape(p.shape) * number(1 - layer.momentum)

    def _sum(self, a: Array, divisor: float = 1.0) -> Array:
        return np.asarray(a.sum(axis=self.others, keepdims=True, dtype=np.float64) / divisor, self.xhat.dtype)

    def input_gradient(self, dxhat: Array, dx: Array) -> None:
        np.multiply(dxhat, self.inverse, out=dx)
        if not self.by_batch:
            return
        # xhat = (x - mean) inverse, inverse = (variance + epsilon)^-1/2, variance = mean of (x - mean)^2
        dvariance = self._through_gamma(self.dgamma) * (-0.5 * np.square(self.inverse))
        dmean = -self.inverse * self._through_gamma(self.dbeta)
        if self.valid is not None:  # epsilon in the count leaves the mean of x - mean at epsilon / count * mean
            dmean += dvariance * self.mean * self.xhat.dtype.type(-2 * self.epsilon / self.count)
        number = self.xhat.dtype.type(1 / self.count)
        through = (2 * number * dvariance / self.inverse) * self.xhat
        through += dmean * number
        dx += through if self.valid is None else through * self.valid

    def _through_gamma(self, total: Array) -> Array:
        """A sum over rows of dy, or of dy xhat, as that of dxhat = gamma dy."""
        gamma = self.layer.gamma
        total = total if gamma is None else total * gamma.array
        return np.asarray(total.reshape(self.shape), self.xhat.dtype)


class LayerNormOp(NormalizationOp):
    """With mean and variance of each row over the axes of the weights."""

    def normalise(self, x: Array, y: Array) -> None:
        np.subtract(x, x.mean(axis=self.axes, keepdims=True), out=self.xhat)
        variance = np.square(self.xhat).mean(axis=self.axes, keepdims=True)
        self.inverse = 1 / np.sqrt(variance + self.xhat.dtype.type(self.epsilon))
        self.xhat *= self.inverse

    def input_gradient(self, dxhat: Array, dx: Array) -> None:
        # dx = inverse (dxhat - mean dxhat - xhat mean(dxhat xhat))
        np.subtract(dxhat, dxhat.mean(axis=self.axes, keepdims=True), out=dx)
        dx -= self.xhat * (dxhat * self.xhat).mean(axis=self.axes, keepdims=True)
        dx *= self.inverse
