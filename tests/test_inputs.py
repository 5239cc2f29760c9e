# ruff: noqa: E501 (one wrong call and its exact message per line)
"""Any layout gives the right answer; anything wrong gives one exact message."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from problems import Problem, make, run

from lstm_fast import functional, get_num_threads, set_num_threads, threads

Array = np.ndarray[Any, Any]


def negative(a: Array) -> Array:
    flip = tuple(slice(None, None, -1) for _ in a.shape)
    return a[flip].copy()[flip]


def strided(a: Array) -> Array:
    wide = np.full(tuple(2 * n for n in a.shape), np.nan, a.dtype)
    every_other = tuple(slice(None, None, 2) for _ in a.shape)
    wide[every_other] = a
    return wide[every_other]


def outer_strided(a: Array) -> Array:
    wide = np.full((*a.shape[:-1], a.shape[-1] + 3), np.nan, a.dtype)
    wide[..., 1:-2] = a
    return wide[..., 1:-2]


def read_only(a: Array) -> Array:
    a = a.copy()
    a.setflags(write=False)
    return a


def misaligned(a: Array) -> Array:
    raw = np.zeros(a.nbytes + 1, np.uint8)
    b = np.frombuffer(raw.data, a.dtype, a.size, offset=1).reshape(a.shape)
    b[...] = a
    assert not b.flags.aligned
    return b


def field_of_a_record(a: Array) -> Array:
    """Strides that are no multiple of the item size."""
    records = np.zeros(a.shape, np.dtype([("pad", "u1"), ("value", a.dtype)]))
    records["value"] = a
    return records["value"]


def swapped(a: Array) -> Array:
    return a.astype(a.dtype.newbyteorder())


LAYOUTS: list[Callable[[Array], Any]] = [
    negative, strided, outer_strided, read_only, misaligned, field_of_a_record, swapped, np.asfortranarray,
    lambda a: a.view(np.recarray), lambda a: a.data,
]  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda f: f.__name__.strip("<>"))
def test_layouts(layout: Callable[[Array], Any], dtype: Any) -> None:
    p = make(3, 5, 7, 6, dtype)
    want = run(p)
    q = Problem(**{n: layout(a) for n, a in vars(p).items() if isinstance(a, np.ndarray)})
    got = run(q)
    for name, a in want.items():
        assert np.array_equal(got[name], a), name
        assert got[name].dtype == dtype
        assert type(got[name]) is np.ndarray


def test_lists_are_float64() -> None:
    p = make(2, 3, 2, 3)
    want = functional.lstm(**p.inputs)
    got = functional.lstm(**{n: a.tolist() for n, a in p.inputs.items()})
    assert np.array_equal(got.y, want.y)


def test_windows_of_one_series(dtype: Any) -> None:
    """The usual univariate view: overlapping rows, one feature, no memory of its own."""
    series = np.linspace(-1, 1, 30).astype(dtype)
    x = np.lib.stride_tricks.sliding_window_view(series, 8)[::3, :, None]
    p = make(x.shape[0], 8, 1, 5, dtype)
    want = functional.lstm(x.copy(), p.w_x, p.w_h)
    assert np.array_equal(functional.lstm(x, p.w_x, p.w_h).y, want.y)
    one = functional.lstm(np.broadcast_to(x[:1], x.shape), p.w_x, p.w_h).y
    assert np.array_equal(one, np.broadcast_to(want.y[:1], one.shape))


@pytest.mark.parametrize("time_major", [False, True])
def test_out(time_major: bool, dtype: Any) -> None:
    p = make(3, 5, 7, 6, dtype)
    x = p.x.swapaxes(0, 1).copy() if time_major else p.x
    args = (x, p.w_x, p.w_h, p.b, p.h0, p.c0)
    want = functional.lstm(*args, time_major=time_major).y
    for layout in (np.array, negative, strided, outer_strided, misaligned, np.asfortranarray):
        out = layout(np.full(want.shape, np.nan, dtype))
        got = functional.lstm(*args, time_major=time_major, out=out)
        assert got.y is out
        assert np.array_equal(out, want)
        (y, _, _), tape = functional.lstm_forward(*args, time_major=time_major, out=out)
        assert y is out
        assert functional.lstm_backward(tape, p.dy.swapaxes(0, 1) if time_major else p.dy).x.shape == x.shape


def test_out_half_of_a_wider_array(dtype: Any) -> None:
    """One direction writes its half and leaves the other alone."""
    p = make(3, 5, 7, 6, dtype)
    both = np.full((3, 5, 12), 7, dtype)
    functional.lstm(**p.inputs, out=both[..., 6:])
    assert (both[..., :6] == 7).all()
    assert np.array_equal(both[..., 6:], functional.lstm(**p.inputs).y)


def test_out_interleaved_with_the_input_is_apart(dtype: Any) -> None:
    p = make(3, 5, 6, 6, dtype)
    want = functional.lstm(**p.inputs).y
    both = np.concatenate([p.x, np.zeros_like(want)], axis=2)
    p.x = both[..., :6]
    assert np.array_equal(functional.lstm(**p.inputs, out=both[..., 6:]).y, want)


T, B, I, H = 5, 3, 7, 6
GOOD = make(B, T, I, H, np.float32)
f32 = np.float32

# (changed arguments, exception, exact message after "lstm: ")
WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"x": np.ones(5, f32)}, ValueError, "expected x of shape (B, T, I) or (T, I), got (5,); add axes with x[None, :, None] for one univariate series"),
    ({"x": np.ones((1, 2, 3, 4), f32)}, ValueError, "expected x of shape (B, T, I) or (T, I), got (1, 2, 3, 4)"),
    ({"x": np.ones((1, 2, 3, 4), f32), "time_major": True}, ValueError, "expected x of shape (T, B, I) or (T, I), got (1, 2, 3, 4)"),
    ({"x": np.float32(1)}, ValueError, "expected x of shape (B, T, I) or (T, I), got ()"),
    ({"x": None}, TypeError, "expected x as an array of float32 or float64, got None"),
    ({"x": np.ones((B, T, I), np.int64)}, TypeError, "expected x of dtype float32 or float64, got int64; convert it with x.astype('float32')"),
    ({"x": np.ones((B, T, I), bool)}, TypeError, "expected x of dtype float32 or float64, got bool; convert it with x.astype('float32')"),
    ({"x": np.ones((B, T, I), np.float16)}, TypeError, "expected x of dtype float32 or float64, got float16; convert it with x.astype('float32')"),
    ({"x": np.ones((B, T, I), complex)}, TypeError, "expected x of dtype float32 or float64, got complex128"),
    ({"x": np.ones((B, T, I), object)}, TypeError, "expected x of dtype float32 or float64, got object"),
    ({"x": "text"}, TypeError, "expected x of dtype float32 or float64, got <U4"),
    ({"x": np.ma.masked_array(GOOD.x)}, TypeError, "expected x as an array of float32 or float64, got a masked array; fill it with x.filled()"),
    ({"w_x": GOOD.w_x.astype(np.float64)}, TypeError, "expected w_x of dtype float32 (the dtype of x), got float64; convert it with w_x.astype('float32')"),
    ({"w_h": GOOD.w_h.astype(np.float64)}, TypeError, "expected w_h of dtype float32 (the dtype of x), got float64; convert it with w_h.astype('float32')"),
    ({"b": GOOD.b.tolist()}, TypeError, "expected b of dtype float32 (the dtype of x), got float64; convert it with b.astype('float32')"),
    ({"h0": GOOD.h0.astype(np.int32)}, TypeError, "expected h0 of dtype float32 (the dtype of x), got int32; convert it with h0.astype('float32')"),
    ({"c0": GOOD.c0.astype(np.float64)}, TypeError, "expected c0 of dtype float32 (the dtype of x), got float64; convert it with c0.astype('float32')"),
    ({"w_h": None}, TypeError, "expected w_h as an array of float32 (the dtype of x), got None"),
    ({"w_x": GOOD.w_x.T}, ValueError, "expected w_x of shape (I, 4H) = (7, 24), got (24, 7); transpose it if it comes from PyTorch"),
    ({"w_h": GOOD.w_h.T}, ValueError, "expected w_h of shape (H, 4H) = (6, 24), got (24, 6); transpose it if it comes from PyTorch"),
    ({"w_x": GOOD.w_x[1:]}, ValueError, "expected w_x of shape (I, 4H) = (7, 24), got (6, 24)"),
    ({"w_x": GOOD.w_x[:, :20]}, ValueError, "expected w_x of shape (I, 4H) = (7, 24), got (7, 20)"),
    ({"w_h": GOOD.w_h[:5]}, ValueError, "expected w_h of shape (H, 4H) = (6, 24), got (5, 24)"),
    ({"w_h": GOOD.w_h[0]}, ValueError, "expected w_h of shape (H, 4H) = (6, 24), got (24,)"),
    ({"w_h": GOOD.w_h[0], "w_x": GOOD.w_x[0]}, ValueError, "expected w_h of shape (H, 4H), got (24,)"),
    ({"b": GOOD.b[:23]}, ValueError, "expected b of shape (4H,) = (24,), got (23,)"),
    ({"b": np.ones((2, 24), f32)}, ValueError, "expected b of shape (4H,) = (24,), got (2, 24); PyTorch keeps two biases: pass b_ih + b_hh"),
    ({"h0": GOOD.h0[:2]}, ValueError, "expected h0 of shape (B, H) = (3, 6), got (2, 6)"),
    ({"h0": GOOD.h0[None]}, ValueError, "expected h0 of shape (B, H) = (3, 6), got (1, 3, 6); use h0[0] if it comes from PyTorch"),
    ({"c0": GOOD.c0[0]}, ValueError, "expected c0 of shape (B, H) = (3, 6), got (6,)"),
    ({"x": GOOD.x[0], "h0": GOOD.h0, "c0": None}, ValueError, "expected h0 of shape (H,) = (6,), got (3, 6)"),
    ({"lengths": [5, 3]}, ValueError, "expected lengths of shape (B,) = (3,), got (2,)"),
    ({"lengths": 5}, ValueError, "expected lengths of shape (B,) = (3,), got ()"),
    ({"lengths": [5, 6, 1]}, ValueError, "expected lengths between 0 and T = 5, got 6 at index 1"),
    ({"lengths": [5, 3, -1]}, ValueError, "expected lengths between 0 and T = 5, got -1 at index 2"),
    ({"lengths": np.array([5, 3, 2**63], np.uint64)}, ValueError, "expected lengths between 0 and T = 5, got 9223372036854775808 at index 2"),
    ({"lengths": [5.0, 3, 1]}, TypeError, "expected lengths as B = 3 integers, got dtype float64; convert with lengths.astype('int64')"),
    ({"lengths": [5, np.nan, 1]}, TypeError, "expected lengths as B = 3 integers, got NaN at index 1"),
    ({"lengths": [True, True, False]}, TypeError, "expected lengths as B = 3 integers, got dtype bool"),
    ({"lengths": ["5", "3", "1"]}, TypeError, "expected lengths as B = 3 integers, got dtype <U1"),
    ({"num_threads": 0}, ValueError, "expected num_threads >= 1, got 0; use None for the global setting"),
    ({"num_threads": 1.5}, TypeError, "expected num_threads as an integer >= 1, got float"),
    ({"num_threads": True}, TypeError, "expected num_threads as an integer >= 1, got True"),
    ({"out": [1.0]}, TypeError, "expected out as a numpy array, got list"),
    ({"out": np.ones((B, T, H))}, TypeError, "expected out of dtype float32 (the dtype of x), got float64"),
    ({"out": np.ones((T, B, H), f32)}, ValueError, "expected out of the shape of y = (3, 5, 6), got (5, 3, 6)"),
    ({"out": read_only(np.ones((B, T, H), f32))}, ValueError, "expected out to be writeable, got a read-only array"),
    ({"out": GOOD.x[..., 1:]}, ValueError, "expected out in memory of its own, got one that overlaps an input; pass a new array"),
]  # fmt: skip


@pytest.mark.parametrize("k", range(len(WRONG)), ids=lambda k: f"{WRONG[k][2].split(', got')[0][9:39]}-{k}")
@pytest.mark.parametrize("op", ["lstm", "lstm_forward"])
def test_exact_message(op: str, k: int) -> None:
    changed, kind, message = WRONG[k]
    with pytest.raises(kind) as caught:
        getattr(functional, op)(**{**GOOD.inputs, **changed})
    assert str(caught.value) == f"{op}: {message}"


def test_ragged_nested_lists() -> None:
    with pytest.raises(ValueError, match=r"^lstm: expected x as an array of float32 or float64, got list: "):
        functional.lstm([[1.0], [1.0, 2.0]], GOOD.w_x, GOOD.w_h)
    with pytest.raises(ValueError, match=r"^lstm: expected lengths as B = 3 integers, got list: "):
        functional.lstm(GOOD.x, GOOD.w_x, GOOD.w_h, lengths=[[1], [1, 2]])


def test_long_double_is_refused() -> None:
    with pytest.raises(TypeError, match=r"^lstm: expected x of dtype float32 or float64, got "):
        functional.lstm(GOOD.x.astype(np.longdouble), GOOD.w_x, GOOD.w_h)


@pytest.mark.parametrize(
    ("changed", "kind", "message"),
    [
        ({"dy": GOOD.dy[:2]}, ValueError, "expected dy of the shape of y = (3, 5, 6), got (2, 5, 6)"),
        ({"dh": GOOD.dh[:, :5]}, ValueError, "expected dh of shape (B, H) = (3, 6), got (3, 5)"),
        ({"dc": GOOD.dc[None]}, ValueError, "expected dc of shape (B, H) = (3, 6), got (1, 3, 6); use dc[0] if it comes from PyTorch"),
        ({"dy": GOOD.dy.astype(float)}, TypeError, "expected dy of dtype float32 (the dtype of x), got float64; convert it with dy.astype('float32')"),
    ],
    ids=lambda v: next(iter(v)) if isinstance(v, dict) else "",
)  # fmt: skip
def test_exact_message_of_backward(changed: dict[str, Any], kind: type[Exception], message: str) -> None:
    _, tape = functional.lstm_forward(**GOOD.inputs)
    with pytest.raises(kind, match=f"^lstm_backward: {re.escape(message)}$"):
        functional.lstm_backward(tape, **changed)


def test_threads() -> None:
    set_num_threads(2)
    with threads(1):
        assert get_num_threads() == 1
        with threads(3):
            assert get_num_threads() == 3
        assert get_num_threads() == 1
    assert get_num_threads() == 2
    with pytest.raises(ZeroDivisionError), threads(1):
        _ = 1 / 0
    assert get_num_threads() == 2
    set_num_threads(np.int64(1))  # type: ignore[arg-type]
    assert get_num_threads() == 1
    for wrong, kind in ((0, ValueError), (-1, ValueError), (1.0, TypeError), (None, TypeError), ("2", TypeError)):
        with pytest.raises(kind, match=r"^set_num_threads: expected num_threads"):
            set_num_threads(wrong)  # type: ignore[arg-type]


def test_absurd_thread_counts_do_not_crash(python: Any) -> None:
    code = "import problems; problems.run(problems.make(200, 2, 2, 3), num_threads=10**12); print('alive')"
    done = python(code)
    assert done.stdout == "alive\n", done.stderr
