"""The cells: one step of R rows, and its inverse with each forward line quoted beside the line that inverts it.

A cell holds the weights, sums their gradients, and knows nothing of time. `h` of a step is the state as the product
with w_h meets it (times a dropout mask); `past` is the state itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lstm_fast.reference._activations import bind

Array = np.ndarray[Any, Any]


class Cell:
    """Weights and their gradients. units: size of c; outputs: size of h."""

    gates: int
    biases = 1  # rows of b

    def __init__(self, w_x: Any, w_h: Any, b: Any, **options: Any) -> None:
        self.w_x, self.w_h = np.asarray(w_x), np.asarray(w_h)
        self.outputs = len(self.w_h)
        self.units = self.w_h.shape[1] // self.gates
        dtype = self.w_x.dtype
        wanted = np.zeros((self.biases, self.gates * self.units), dtype)
        wanted[: 1 if np.ndim(b) == 1 else None] = 0 if b is None else b  # one row: the others are zero
        self.b = wanted
        self.b_shape = np.shape(b) if b is not None else wanted.shape if self.biases > 1 else wanted.shape[1:]
        self.dw_x, self.dw_h, self.db = np.zeros_like(self.w_x), np.zeros_like(self.w_h), np.zeros_like(wanted)
        self.setup(**options)

    def setup(self) -> None:
        """Options of the cell."""

    def bias_gradient(self) -> Array:
        """db in the shape of b."""
        return self.db if len(self.b_shape) == 2 else self.db[0]

    def forward(self, x: Array, h: Array, past: Array, c: Array) -> tuple[Array, Array, Any]:
        """(R,I), (R,H), (R,H), (R,H) -> h_new, c_new, and what backward needs."""
        raise NotImplementedError

    def backward(self, saved: Any, dh_new: Array, dc_new: Array) -> tuple[Array, Array, Array, Array]:
        """Gradients of h_new and c_new -> those of x, h, past, c."""
        raise NotImplementedError


class LSTM(Cell):
    """i f g o: c' = f*c + i*g, h' = o*tanh(c')."""

    gates = 4

    def forward(self, x: Array, h: Array, past: Array, c: Array) -> tuple[Array, Array, Any]:
        z = x @ self.w_x + h @ self.w_h + self.b[0]
        zi, zf, zg, zo = np.split(z, 4, axis=1)
        i, f, g, o = bind("sigmoid")(zi), bind("sigmoid")(zf), np.tanh(zg), bind("sigmoid")(zo)
        c_new = f * c + i * g
        h_new = o * np.tanh(c_new)
        return h_new, c_new, (x, h, c, i, f, g, o, c_new)

    def backward(self, saved: Any, dh_new: Array, dc_new: Array) -> tuple[Array, Array, Array, Array]:
        x, h, c, i, f, g, o, c_new = saved
        u = np.tanh(c_new)
        do_ = dh_new * u  # h_new = o * tanh(c_new)
        dc_new = dc_new + dh_new * o * (1 - u * u)
        di, df, dg = dc_new * g, dc_new * c, dc_new * i  # c_new = f * c + i * g
        dc = dc_new * f
        dz = np.concatenate([di * i * (1 - i), df * f * (1 - f), dg * (1 - g * g), do_ * o * (1 - o)], axis=1)
        self.dw_x += x.T @ dz  # z = x @ w_x + h @ w_h + b
        self.dw_h += h.T @ dz
        self.db += dz.sum(axis=0)
        return dz @ self.w_x.T, dz @ self.w_h.T, np.zeros_like(h), dc


class GRU(Cell):
    """z r n: h' = n + z*(h - n), the reset gate behind the product with w_h."""

    gates = 3
    biases = 2

    def forward(self, x: Array, h: Array, past: Array, c: Array) -> tuple[Array, Array, Any]:
        xz, xr, xn = np.split(x @ self.w_x + self.b[0], 3, axis=1)
        hz, hr, hn = np.split(h @ self.w_h + self.b[1], 3, axis=1)
        z, r = bind("sigmoid")(xz + hz), bind("sigmoid")(xr + hr)
        n = np.tanh(xn + r * hn)
        return n + z * (past - n), c, (x, h, past, z, r, n, hn)

    def backward(self, saved: Any, dh_new: Array, dc_new: Array) -> tuple[Array, Array, Array, Array]:
        x, h, past, z, r, n, hn = saved
        dn, dz, dpast = dh_new * (1 - z), dh_new * (past - n), dh_new * z  # h_new = n + z * (past - n)
        dxn = dn * (1 - n * n)  # n = tanh(xn + r * hn)
        dr, dhn = dxn * hn, dxn * r
        dxz, dxr = dz * z * (1 - z), dr * r * (1 - r)
        dx_sums = np.concatenate([dxz, dxr, dxn], axis=1)  # [xz, xr, xn] = x @ w_x + b_x
        dh_sums = np.concatenate([dxz, dxr, dhn], axis=1)  # [hz, hr, hn] = h @ w_h + b_h
        self.dw_x += x.T @ dx_sums
        self.dw_h += h.T @ dh_sums
        self.db += np.stack([dx_sums.sum(axis=0), dh_sums.sum(axis=0)])
        return dx_sums @ self.w_x.T, dh_sums @ self.w_h.T, dpast, dc_new


class RNN(Cell):
    """h' = activation(x w_x + h w_h + b)."""

    gates = 1

    def setup(self, activation: Any = "tanh") -> None:
        self.activation = bind(activation)

    def forward(self, x: Array, h: Array, past: Array, c: Array) -> tuple[Array, Array, Any]:
        z = x @ self.w_x + h @ self.w_h + self.b[0]
        return self.activation(z), c, (x, h, z)

    def backward(self, saved: Any, dh_new: Array, dc_new: Array) -> tuple[Array, Array, Array, Array]:
        x, h, z = saved
        dz = dh_new * self.activation.slope(z)  # h_new = activation(z)
        self.dw_x += x.T @ dz  # z = x @ w_x + h @ w_h + b
        self.dw_h += h.T @ dz
        self.db += dz.sum(axis=0)
        return dz @ self.w_x.T, dz @ self.w_h.T, np.zeros_like(h), dc_new
