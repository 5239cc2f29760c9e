"""ULP errors of the kernels' tanh and sigmoid over the whole range of float32, and over samples of float64.

Truth: NumPy in float64 for float32, in long double for float64. Below the smallest normal number a result may be zero.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tolerances import ULP, assert_close

from lstm_fast import _core

Array = np.ndarray[Any, Any]
SLOW = _core.isa() == "generic"  # calls a function for each fma on x86: a thinner sample of the same text


def true_sigmoid(x: Array) -> Array:
    """Without cancellation or overflow on either side."""
    with np.errstate(under="ignore"):
        e = np.exp(-np.abs(x))
        s: Array = np.where(x < 0, e, np.ones_like(e)) / (1 + e)
    return s


TRUTH: dict[str, Callable[[Array], Array]] = {"tanh": np.tanh, "sigmoid": true_sigmoid}


def kernel(name: str, x: Array) -> Array:
    out = np.full_like(x, 7)
    getattr(_core, name)(x, out)
    return out


def ulp_errors(got: Array, truth: Array) -> Array:
    """|got - truth| in units in the last place of truth rounded to got's type; 0 where a subnormal was flushed."""
    info = np.finfo(got.dtype)
    tiny = truth.dtype.type(info.smallest_normal)
    exponent = np.frexp(np.maximum(np.abs(truth), tiny))[1]
    ulp = np.ldexp(truth.dtype.type(1), exponent - 1 - info.nmant)
    errors: Array = np.abs(got.astype(truth.dtype) - truth) / ulp
    errors[(np.abs(truth) < tiny * (1 + 4 * truth.dtype.type(info.eps))) & (got == 0)] = 0
    return errors


def check(name: str, x: Array, wide: Any) -> None:
    worst, where = 0.0, x[0]
    for part in np.array_split(x, max(1, x.size // 500_000)):
        got = kernel(name, part)
        assert not np.isnan(got).any(), f"{name} of a finite number is NaN"
        errors = ulp_errors(got, TRUTH[name](part.astype(wide)))
        k = int(np.argmax(errors))
        if errors[k] > worst:
            worst, where = float(errors[k]), part[k]
    limit = ULP[str(x.dtype)]
    print(f"{name} {x.dtype} on {x.size} numbers: {worst:.3f} ULP at {where!r} (limit {limit})")
    assert worst <= limit


def finite(bits: Array, dtype: Any) -> Array:
    x: Array = bits.view(dtype)
    x = x[np.isfinite(x)]
    return x


@pytest.mark.parametrize("name", TRUTH)
def test_float32_every_exponent(name: str) -> None:
    """Every 1021st of all 2**32 bit patterns: 4.2 million numbers, 8000 of each exponent and sign."""
    stride = 16411 if SLOW else 1021  # primes: every low bit of the mantissa varies
    bits = np.arange(5, 2**32, stride, dtype=np.int64).astype(np.uint32)
    assert SLOW or bits.size > 4_000_000
    check(name, finite(bits, np.float32), np.float64)


@pytest.mark.parametrize("name", TRUTH)
def test_float32_where_it_bends(name: str) -> None:
    """Dense between 2**-13 and 128, both signs, and every float near the ends of each power of two."""
    low, high = (int(np.float32(v).view(np.uint32)) for v in (2.0**-13, 128.0))
    bits = np.arange(low, high, 1033 if SLOW else 131, dtype=np.uint32)
    ends = (np.arange(1, 255, dtype=np.int64)[:, None] * 2**23 + np.arange(-40, 41)).ravel().astype(np.uint32)
    bits = np.concatenate([bits, ends])
    check(name, finite(np.concatenate([bits, bits | np.uint32(2**31)]), np.float32), np.float64)


@pytest.mark.parametrize("name", TRUTH)
def test_float64(name: str, rng: np.random.Generator) -> None:
    wide = np.longdouble
    if np.finfo(wide).nmant <= np.finfo(np.float64).nmant:
        pytest.skip("long double is no wider than double here")
    n = 20_000 if SLOW else 200_000
    bits = rng.integers(0, 2**64, n, dtype=np.uint64)
    bends = rng.uniform(-8, 8, n), rng.uniform(-750, 750, n), rng.choice([-1, 1], n) * np.exp2(rng.uniform(-60, 10, n))
    check(name, np.concatenate([finite(bits, np.float64), *bends]), wide)


@pytest.mark.parametrize("name", TRUTH)
def test_specials(name: str, dtype: Any) -> None:
    inf, nan, big = np.inf, np.nan, np.finfo(dtype).max
    low = {"tanh": -1.0, "sigmoid": 0.0}[name]
    middle = {"tanh": 0.0, "sigmoid": 0.5}[name]
    x = np.array([0.0, -0.0, inf, -inf, big, -big, nan, -nan], dtype)
    got = kernel(name, x)
    np.testing.assert_array_equal(got, np.array([middle, middle, 1, low, 1, low, nan, nan], dtype))
    if name == "tanh":
        assert np.signbit(got[:2]).tolist() == [False, True]


@pytest.mark.parametrize("name", TRUTH)
def test_subnormals(name: str, dtype: Any) -> None:
    """Subnormal inputs may be flushed: sigmoid is one half, tanh is x or a zero."""
    info = np.finfo(dtype)
    x = np.array([info.smallest_subnormal, info.smallest_normal / 2, info.smallest_normal], dtype)
    x = np.concatenate([x, -x])
    got = kernel(name, x)
    if name == "sigmoid":
        assert (got == 0.5).all()
    else:
        assert ((got == 0) | (got == x)).all()


@pytest.mark.parametrize("name", TRUTH)
@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 8, 15, 17, 31, 33, 67])
def test_bits_do_not_depend_on_the_place(name: str, n: int, dtype: Any, rng: np.random.Generator) -> None:
    """Vector body and tail run the same text; nothing is written beyond the end."""
    x = rng.uniform(-9, 9, n).astype(dtype)
    room = np.full(n + 9, 7, dtype)
    getattr(_core, name)(x, room[:n])
    alone = [kernel(name, x[k : k + 1])[0] for k in range(n)]
    assert np.array_equal(room[:n], np.array(alone, dtype))
    assert (room[n:] == 7).all()


@pytest.mark.parametrize("name", TRUTH)
def test_range_and_symmetry(name: str, dtype: Any, rng: np.random.Generator) -> None:
    x = np.concatenate([rng.uniform(0, 30, 3000), rng.uniform(0, 0.01, 500)]).astype(dtype)
    up, down = kernel(name, x), kernel(name, -x)
    assert (np.abs(up) <= 1).all()
    assert (np.abs(down) <= 1).all()
    if name == "tanh":
        assert np.array_equal(down, -up)
    else:
        assert (down >= 0).all()


def test_nan_stays_in_its_lane(dtype: Any, rng: np.random.Generator) -> None:
    x = rng.uniform(-3, 3, 37).astype(dtype)
    for name in TRUTH:
        want = kernel(name, x)
        y = x.copy()
        y[::5] = np.nan
        got = kernel(name, y)
        assert np.isnan(got[::5]).all()
        keep = np.arange(37) % 5 != 0
        assert np.array_equal(got[keep], want[keep])


def true_softmax(x: Array) -> Array:
    e = np.exp(x.astype(np.longdouble) - x.max(-1, keepdims=True))
    return np.asarray((e / e.sum(-1, keepdims=True)).astype(np.float64))


@pytest.mark.parametrize("C", [1, 2, 7, 16, 33, 100, 1003])
def test_softmax(C: int, dtype: Any, rng: np.random.Generator) -> None:
    """A row alone has the same bits; x may be out; nothing is written beyond the end; NaN and Inf stay in their row."""
    x = (rng.standard_normal((5, 3, C)) * 9).astype(dtype)
    room = np.full((5 * 3 + 1) * C, 7, dtype)
    got = room[: x.size].reshape(x.shape)
    _core.softmax(x, got)
    assert_close("forward", got, true_softmax(x), f"softmax of {C}")
    assert (room[x.size :] == 7).all()
    alone = x[2, 1].copy()
    _core.softmax(alone, alone)
    assert np.array_equal(alone, got[2, 1])
    low, bad = x.copy(), x.copy()
    low[0, 0, 1:] = -np.inf
    bad[3, 2, C // 2] = np.nan
    for given in (low, bad):
        _core.softmax(given, given)
    assert np.array_equal(low[0, 0], np.eye(C)[0])
    assert np.isnan(bad[3, 2]).all()
    assert np.array_equal(bad[:3], got[:3])


def test_class_gradient(dtype: Any, rng: np.random.Generator) -> None:
    x, labels, weight = (
        rng.standard_normal((5, 3, 7)).astype(dtype),
        rng.integers(0, 7, (5, 3)),
        rng.random(5).astype(dtype),
    )
    p, chosen, dlogits = np.empty_like(x), np.empty((5, 3), dtype), np.empty_like(x)
    _core.softmax(x, p)
    _core.class_gradient(p, labels, weight, 0.25, chosen, dlogits)
    assert_close("forward", dlogits, (p - np.eye(7)[labels]) * 0.25 * weight[:, None, None], "dlogits")
    assert np.array_equal(chosen, np.take_along_axis(p, labels[..., None], -1)[..., 0])
    labels[4, 2] = 7
    with pytest.raises(IndexError, match="label 7 is out of range for 7 classes"):
        _core.class_gradient(p, labels, weight, 0.25, chosen, dlogits)
