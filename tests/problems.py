"""Random problems of every cell: all dimensions different, data never zeros or ones."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lstm_fast import functional, reference

Array = np.ndarray[Any, Any]
INPUTS = ("x", "w_x", "w_h", "b", "h0", "c0")
GATES = {"lstm": 4, "gru": 3, "rnn": 1}


@dataclass
class Problem:
    """The inputs of one call in batch-major layout, and the gradients of its outputs; c0 and dc only for an LSTM."""

    x: Array
    w_x: Array
    w_h: Array
    b: Array
    h0: Array
    dy: Array
    dh: Array
    c0: Any = None
    dc: Any = None
    dc_sequence: Any = None  # with return_c
    options: dict[str, Any] = field(default_factory=dict)
    cell: str = "lstm"

    @property
    def inputs(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in INPUTS if getattr(self, name) is not None}

    def astype(self, dtype: Any) -> Problem:
        arrays = {n: a.astype(dtype) for n, a in vars(self).items() if isinstance(a, np.ndarray)}
        options = {
            n: a.astype(dtype) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a
            for n, a in self.options.items()
        }
        return Problem(**arrays, options=options, cell=self.cell)

    def rows(self, which: slice) -> Problem:
        """A part of the batch."""
        names = ("x", "h0", "c0", "dy", "dh", "dc", "dc_sequence")
        part = {n: getattr(self, n)[which] for n in names if getattr(self, n) is not None}
        options = dict(self.options)
        if "lengths" in options:
            options["lengths"] = np.asarray(options["lengths"])[which]
        return Problem(w_x=self.w_x, w_h=self.w_h, b=self.b, **part, options=options, cell=self.cell)


def make(
    B: int,
    T: int,
    I: int,
    H: int,
    dtype: Any = np.float64,
    seed: int = 0,
    *,
    cell: str = "lstm",
    projection: int | None = None,
    **options: Any,
) -> Problem:
    """projection: P. RandomState: its stream is frozen, so that stored hashes stay valid."""
    random = np.random.RandomState(seed + 1000 * B + 100 * T + 10 * I + H)

    def draw(*shape: int, scale: float = 1.0) -> Array:
        return (scale * (2 * random.random_sample(shape) - 1)).astype(dtype)

    s = 1.5 / np.sqrt(I + H)
    G, memory, P = GATES[cell], cell == "lstm", projection or H
    p = Problem(
        x=draw(B, T, I, scale=2.0),
        w_x=draw(I, G * H, scale=s),
        w_h=draw(P, G * H, scale=s),
        b=draw(2, G * H) if cell == "gru" else draw(G * H),
        h0=draw(B, P),
        c0=draw(B, H, scale=2.0) if memory else None,
        dy=draw(B, T, P),
        dh=draw(B, P),
        dc=draw(B, H) if memory else None,
        dc_sequence=draw(B, T, H) if options.get("return_c") else None,
        options=options,
        cell=cell,
    )
    if projection:
        p.options["projection"] = draw(H, P, scale=2 * s)
    return p


def run(p: Problem, module: Any = functional, gradients: bool = True, **more: Any) -> dict[str, Array]:
    """Outputs y h c and, with `gradients`, dx dw_x dw_h db dh0 dc0, by name."""
    options = {**p.options, **more}
    if not gradients:
        return dict(getattr(module, p.cell)(**p.inputs, **options)._asdict())
    output, tape = getattr(module, f"{p.cell}_forward")(**p.inputs, **options)
    given = {n: getattr(p, n) for n in ("dy", "dh", "dc", "dc_sequence") if getattr(p, n) is not None}
    grads = getattr(module, f"{p.cell}_backward")(tape, **given)
    results = {**output._asdict(), **{f"d{name}": g for name, g in grads._asdict().items()}}
    if getattr(output, "c_sequence", None) is not None:
        results["c_sequence"] = output.c_sequence
    for name in ("peephole", "projection", "layer_norm"):
        if getattr(grads, name, None) is not None:
            results[f"d{name}"] = getattr(grads, name)
    return results


def truth(p: Problem, **more: Any) -> dict[str, Array]:
    """The twin in float64 on the same values."""
    return run(p.astype(np.float64), reference, **more)


def central_difference(a: Array, loss: Callable[[], float], epsilon: float = 1e-5) -> Array:
    """The gradient of loss() with respect to every number of `a`, which loss reads and which ends as it began."""
    slopes = np.empty_like(a)
    for k in np.ndindex(a.shape):
        value = a[k]
        a[k] = value + epsilon
        up = loss()
        a[k] = value - epsilon
        slopes[k] = (up - loss()) / (2 * epsilon)
        a[k] = value
    return slopes


def digest(results: Iterable[dict[str, Array]]) -> str:
    """SHA-256 over names, shapes and little-endian bytes."""
    sha = hashlib.sha256()
    for result in results:
        for name, a in result.items():
            sha.update(f"{name} {a.shape} {a.dtype.name};".encode())
            sha.update(np.ascontiguousarray(a, dtype=a.dtype.newbyteorder("<")).tobytes())
    return sha.hexdigest()


def assert_same_bits(got: dict[str, Array], want: dict[str, Array], label: str) -> None:
    assert got.keys() == want.keys()
    for name, b in want.items():
        a = got[name]
        assert a.dtype == b.dtype
        assert a.shape == b.shape, f"{label}: shape of {name}"
        assert a.tobytes() == b.tobytes(), f"{label}: {name} differs, by {np.max(np.abs(a - b)):.1e} at most"
