"""The arguments of an LSTM whose units are projected."""

from __future__ import annotations

from numpy.typing import ArrayLike

from lstm_fast import _check
from lstm_fast._check import Array, Dtype
from lstm_fast.functional._settings import Settings


def weights(
    op: str, I: int, w_x: ArrayLike, w_h: ArrayLike, b: ArrayLike | None, projection: ArrayLike, dtype: Dtype
) -> tuple[Array, Array, Array | None, Array]:
    """w_x (I,4H), w_h (P,4H), b (4H) or None and projection (H,P), C-contiguous."""
    w_p = _check.packed(op, "projection", projection, dtype)
    w_x, w_h = _check.packed(op, "w_x", w_x, dtype), _check.packed(op, "w_h", w_h, dtype)
    b = None if b is None else _check.packed(op, "b", b, dtype)
    if w_p.ndim != 2 or not w_p.size:
        raise ValueError(f"{op}: expected projection of shape (H, P) with H, P >= 1, got {w_p.shape}")
    H, P = w_p.shape
    if H != P and w_h.shape in ((H, 4 * P), (4 * P, H)):  # (P,H), as PyTorch stores it
        raise ValueError(f"{op}: expected projection of shape (H, P) = {(P, H)}, got {w_p.shape}; transpose it")
    wanted: list[tuple[str, Array | None, str, tuple[int, ...]]] = [
        ("w_h", w_h, "(P, 4H)", (P, 4 * H)),
        ("w_x", w_x, "(I, 4H)", (I, 4 * H)),
        ("b", b, "(4H,)", (4 * H,)),
    ]
    for name, a, letters, want in wanted:
        if a is not None and a.shape != want:
            fix = "; transpose it if it comes from PyTorch" if name != "b" and a.shape == want[::-1] else ""
            expected = f"{name} of shape {letters} = {want} beside projection (H, P) = {(H, P)}"
            raise ValueError(f"{op}: expected {expected}, got {a.shape}{fix}")
    return w_x, w_h, b, w_p


def check(op: str, settings: Settings) -> None:
    """ValueError for options that do not go with a projection."""
    if settings.zoneout is not None:
        raise ValueError(f"{op}: projection and zoneout contradict each other; pass one of them")
