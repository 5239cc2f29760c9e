"""The cells: one step of R rows, and its inverse with each forward line quoted beside the line that inverts it.

A cell holds the weights, sums their gradients, and knows nothing of time. `h` of a step is the state as the product
with w_h meets it (times a dropout mask); `past` is the state itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lstm_fast.reference._activations import bind
from lstm_fast.reference._norm import standard, standard_backward

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

    def place(self, rows: Array, steps: Array, T: int) -> None:
        """Which rows of the batch come next, and the number of the step for each, of at most T."""

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
    """i f g o: c' = f*c + i*g, m = o*tanh(c'), h' = m or m w_p, and its options."""

    gates = 4

    def setup(
        self,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        output_activation: Any = None,
        peephole: Any = None,
        input_forget: bool = False,
        clip: float | None = None,
        cell_clip: float | None = None,
        zoneout: Any = None,
        zoneout_seed: int | None = None,
        projection: Any = None,
        layer_norm: Any = None,
        layer_norm_epsilon: float = 1e-5,
    ) -> None:
        self.zoneout = zoneout if isinstance(zoneout, tuple) else (zoneout or 0.0, zoneout or 0.0)
        self.seed = zoneout_seed
        H, dtype = self.units, self.w_x.dtype
        self.gate, self.candidate = bind(recurrent_activation, clip), bind(activation, clip)
        self.output = bind(activation if output_activation is None else output_activation)
        self.p = np.zeros(3 * H, dtype) if peephole is None else np.asarray(peephole)
        self.coupled, self.bound = input_forget, np.inf if cell_clip is None else cell_clip
        self.dp = np.zeros_like(self.p)
        self.has_peephole, self.projects = peephole is not None, projection is not None
        self.w_p = np.eye(H, dtype=dtype) if projection is None else np.asarray(projection)
        self.dw_p = np.zeros_like(self.w_p)
        self.norm = None if layer_norm is None else np.split(np.asarray(layer_norm), [4 * H, 8 * H, 9 * H])
        self.dnorm = np.zeros(10 * H, dtype)  # gain_x (4H), gain_h (4H), gain_c (H), shift (H)
        self.epsilon = dtype.type(layer_norm_epsilon)

    def forward(self, x: Array, h: Array, past: Array, c: Array) -> tuple[Array, Array, Any]:
        p_i, p_f, p_o = np.split(self.p, 3)
        zi, zf, zg, zo = np.split(self.product(x, self.w_x, 0) + self.product(h, self.w_h, 1) + self.b[0], 4, axis=1)
        zi, zf = zi + p_i * c, zf + p_f * c
        i, g = self.gate(zi), self.candidate(zg)
        f = 1 - i if self.coupled else self.gate(zf)
        c_new = np.clip(f * c + i * g, -self.bound, self.bound)
        zo = zo + p_o * c_new
        o = self.gate(zo)
        m = o * self.output(self.read(c_new))
        h_new = m @ self.w_p if self.projects else m
        keep_h, keep_c = self.kept(0), self.kept(1)
        saved = (x, h, c, (zi, zf, zg, zo), (i, f, g, o), c_new, m, keep_h, keep_c)
        return h_new + keep_h * (past - h_new), c_new + keep_c * (c - c_new), saved

    @staticmethod
    def gates_of(saved: Any) -> tuple[Array, Array, Array, Array]:
        """i, f, g, o of a step, (R,H) each, from what forward saved."""
        gates: tuple[Array, Array, Array, Array] = saved[4]
        return gates

    def product(self, a: Array, w: Array, which: int) -> Array:
        """a w, normalised over its 4H numbers where the cell is: of x (0) or of h (1)."""
        z: Array = a @ w
        return z if self.norm is None else self.norm[which] * standard(z, self.epsilon)[0]

    def read(self, c: Array) -> Array:
        """c as the output sees it."""
        return c if self.norm is None else self.norm[2] * standard(c, self.epsilon)[0] + self.norm[3]

    def product_backward(self, a: Array, w: Array, which: int, dz: Array) -> Array:
        """The gradient of a @ w."""
        if self.norm is None:
            return dz
        H = self.units
        n, scale = standard(a @ w, self.epsilon)
        self.dnorm[which * 4 * H : (which + 1) * 4 * H] += (dz * n).sum(axis=0)  # norm[which] * standard(a @ w)
        return standard_backward(n, scale, dz * self.norm[which])

    def read_backward(self, c: Array, dread: Array) -> Array:
        """The gradient of c."""
        if self.norm is None:
            return dread
        n, scale = standard(c, self.epsilon)
        self.dnorm[8 * self.units :] += np.concatenate([dread * n, dread], axis=1).sum(axis=0)
        return standard_backward(n, scale, dread * self.norm[2])  # norm[2] * standard(c) + norm[3]

    def place(self, rows: Array, steps: Array, T: int) -> None:
        self.draws = (rows * T + steps) * 2 * self.units  # the number of the first draw of each row

    def kept(self, which: int) -> Any:
        """How much each unit keeps of h (0) or c (1): its rate, or all or nothing, drawn by splitmix64."""
        rate = self.zoneout[which]
        if self.seed is None or rate == 0:
            return self.w_x.dtype.type(rate)
        number = self.draws[:, None] + which * self.units + np.arange(self.units) + 1
        with np.errstate(over="ignore"):
            u = np.uint64(self.seed) + number.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
            u = (u ^ (u >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            u = (u ^ (u >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        drawn: Array = ((u ^ (u >> np.uint64(31))) >> np.uint64(11)) < np.uint64(int(rate * 2.0**53))
        return drawn.astype(self.w_x.dtype)

    def backward(self, saved: Any, dh_new: Array, dc_new: Array) -> tuple[Array, Array, Array, Array]:
        x, h, c, (zi, zf, zg, zo), (i, f, g, o), c_new, m, keep_h, keep_c = saved
        dpast, dc_past = dh_new * keep_h, dc_new * keep_c  # h_new + keep_h * (past - h_new)
        dh_new, dc_new = dh_new - dpast, dc_new - dc_past
        p_i, p_f, p_o = np.split(self.p, 3)
        if self.projects:
            self.dw_p += m.T @ dh_new  # h_new = m @ w_p
        dm = dh_new @ self.w_p.T if self.projects else dh_new
        read = self.read(c_new)
        dzo = dm * self.output(read) * self.gate.slope(zo)  # m = o * output(read(c_new))
        dc_new = dc_new + self.read_backward(c_new, dm * o * self.output.slope(read)) + dzo * p_o  # zo + p_o * c_new
        dc_new = np.where(np.abs(c_new) < self.bound, dc_new, 0)  # clip(f * c + i * g)
        di, df, dg = dc_new * g, dc_new * c, dc_new * i  # c_new = f * c + i * g
        if self.coupled:
            di, df = di - df, np.zeros_like(df)  # f = 1 - i
        dzi, dzf, dzg = di * self.gate.slope(zi), df * self.gate.slope(zf), dg * self.candidate.slope(zg)
        dc = dc_past + dc_new * f + dzi * p_i + dzf * p_f  # zi + p_i * c, zf + p_f * c
        self.dp += np.concatenate([dzi * c, dzf * c, dzo * c_new], axis=1).sum(axis=0)
        dz = np.concatenate([dzi, dzf, dzg, dzo], axis=1)
        dz_x = self.product_backward(x, self.w_x, 0, dz)  # z = product(x) + product(h) + b
        dz_h = self.product_backward(h, self.w_h, 1, dz)
        self.dw_x += x.T @ dz_x
        self.dw_h += h.T @ dz_h
        self.db += dz.sum(axis=0)
        return dz_x @ self.w_x.T, dz_h @ self.w_h.T, dpast, dc


class GRU(Cell):
    """z r n: h' = n + z*(h - n), the reset gate behind the product with w_h."""

    gates = 3
    biases = 2

    def setup(
        self,
        reset_after: bool = True,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        clip: float | None = None,
    ) -> None:
        self.reset_after = reset_after
        self.gate, self.candidate = bind(recurrent_activation, clip), bind(activation, clip)

    def forward(self, x: Array, h: Array, past: Array, c: Array) -> tuple[Array, Array, Any]:
        xz, xr, xn = np.split(x @ self.w_x + self.b[0], 3, axis=1)
        hz, hr, hn = np.split(h @ self.w_h + self.b[1], 3, axis=1)
        z, r = self.gate(xz + hz), self.gate(xr + hr)
        if not self.reset_after:
            H = self.units
            hn = (r * h) @ self.w_h[:, 2 * H :] + self.b[1, 2 * H :]
            n = self.candidate(xn + hn)
            return n + z * (past - n), c, (x, h, past, (xz + hz, xr + hr, xn + hn), z, r, n, hn)
        n = self.candidate(xn + r * hn)
        return n + z * (past - n), c, (x, h, past, (xz + hz, xr + hr, xn + r * hn), z, r, n, hn)

    def backward(self, saved: Any, dh_new: Array, dc_new: Array) -> tuple[Array, Array, Array, Array]:
        x, h, past, (sz, sr, sn), z, r, n, hn = saved
        dn, dz, dpast = dh_new * (1 - z), dh_new * (past - n), dh_new * z  # h_new = n + z * (past - n)
        dxn = dn * self.candidate.slope(sn)  # n = candidate(xn + r * hn)
        if not self.reset_after:
            return self.backward_before(saved, dz, dxn, dpast, dc_new)
        dr, dhn = dxn * hn, dxn * r
        dxz, dxr = dz * self.gate.slope(sz), dr * self.gate.slope(sr)
        dx_sums = np.concatenate([dxz, dxr, dxn], axis=1)  # [xz, xr, xn] = x @ w_x + b_x
        dh_sums = np.concatenate([dxz, dxr, dhn], axis=1)  # [hz, hr, hn] = h @ w_h + b_h
        self.dw_x += x.T @ dx_sums
        self.dw_h += h.T @ dh_sums
        self.db += np.stack([dx_sums.sum(axis=0), dh_sums.sum(axis=0)])
        return dx_sums @ self.w_x.T, dh_sums @ self.w_h.T, dpast, dc_new

    def backward_before(
        self, saved: Any, dz: Array, dn: Array, dpast: Array, dc_new: Array
    ) -> tuple[Array, Array, Array, Array]:
        x, h, _, (sz, sr, _), _, r, _, _ = saved
        H = self.units
        q = dn @ self.w_h[:, 2 * H :].T  # (r * h) @ w_hn
        dh, dr = q * r, q * h
        dzr = np.concatenate([dz * self.gate.slope(sz), dr * self.gate.slope(sr)], axis=1)
        dh = dh + dzr @ self.w_h[:, : 2 * H].T  # [hz, hr] = h @ w_h + b_h
        sums = np.concatenate([dzr, dn], axis=1)
        self.dw_x += x.T @ sums
        self.dw_h[:, : 2 * H] += h.T @ dzr
        self.dw_h[:, 2 * H :] += (r * h).T @ dn
        self.db += sums.sum(axis=0)
        return sums @ self.w_x.T, dh, dpast, dc_new


class RNN(Cell):
    """h' = activation(x w_x + h w_h + b)."""

    gates = 1

    def setup(self, activation: Any = "tanh", clip: float | None = None) -> None:
        self.activation = bind(activation, clip)

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
