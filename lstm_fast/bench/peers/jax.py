"""JAX: `lax.scan` under `jit`, weights as arguments, x projected for all steps before the scan.

JAX has no thread setting that it obeys: the process is confined to `threads` CPUs before JAX is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from ..cases import Case


def version() -> str:
    return str(jax.__version__)


def _lstm(x: Any, w_x: Any, w_h: Any, b: Any) -> Any:
    """y (T,B,H) of x (T,B,I)."""
    H = w_h.shape[0]
    z_x = x @ w_x + b  # (T,B,4H)
    zero = jnp.zeros((x.shape[1], H), x.dtype)

    def step(state: Any, z_t: Any) -> Any:
        h, c = state
        i, f, g, o = jnp.split(z_t + h @ w_h, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    return jax.lax.scan(step, (zero, zero), z_x)[1]


def _lstm_and_gradients(x: Any, w_x: Any, w_h: Any, b: Any, dy: Any) -> Any:
    y, backward = jax.vjp(_lstm, x, w_x, w_h, b)
    return y, backward(dy)


def setup(case: Case, threads: int) -> Callable[[], Any]:
    if case.dtype == "float64":
        jax.config.update("jax_enable_x64", True)
    data = case.data()
    arguments = [jnp.asarray(np.ascontiguousarray(data.x.swapaxes(0, 1)))]  # (T,B,I)
    arguments += [jnp.asarray(a) for a in (data.w_x, data.w_h, data.b)]
    if case.mode == "training":
        arguments.append(jnp.asarray(np.ascontiguousarray(data.dy.swapaxes(0, 1))))
    compiled = jax.jit(_lstm if case.mode == "inference" else _lstm_and_gradients)
    return lambda: jax.block_until_ready(compiled(*arguments))


def outputs(raw: Any) -> dict[str, NDArray[Any]]:
    if not isinstance(raw, tuple):
        return {"y": np.asarray(raw).swapaxes(0, 1)}
    y, (dx, dw_x, dw_h, db) = raw
    return {
        "y": np.asarray(y).swapaxes(0, 1),
        "dx": np.asarray(dx).swapaxes(0, 1),
        "dw_x": np.asarray(dw_x),
        "dw_h": np.asarray(dw_h),
        "db": np.asarray(db),
    }
