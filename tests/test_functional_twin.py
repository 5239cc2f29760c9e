"""The kernels against their NumPy twin in float64: dtype x odd shapes x random options, forward and all gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from problems import Problem, make, run, truth
from tolerances import assert_close

from lstm_fast import functional, reference

# (B, T, I, H): every residue of the register tile's rows and lanes is met.
SHAPES = [
    (3, 5, 7, 6),
    (1, 6, 3, 1),
    (2, 1, 4, 8),
    (1, 4, 1, 20),
    (5, 3, 2, 15),
    (7, 4, 5, 17),
    (6, 2, 9, 16),
    (4, 7, 1, 33),
    (13, 3, 11, 9),
]
LONG = [(70, 40, 2, 5), (2, 300, 3, 4)]  # more rows T*B than one block of the weight-gradient sums
WIDE = [(2, 3, 350, 384), (3, 2, 401, 371)]  # panels and weight gradients of MB, in whole vectors and not


def compare(p: Problem, label: str, **options: Any) -> None:
    got, want = run(p, **options), truth(p, **options)
    for name in want:
        assert got[name].dtype == p.x.dtype
        assert_close("gradient" if name.startswith("d") else "forward", got[name], want[name], f"{label} {name}")


@pytest.mark.parametrize("shape", SHAPES + LONG + WIDE, ids=str)
def test_shapes(shape: tuple[int, int, int, int], dtype: Any) -> None:
    compare(make(*shape, dtype), str(shape))


@pytest.mark.parametrize("seed", range(24))
def test_random_options(seed: int, dtype: Any) -> None:
    random = np.random.RandomState(seed)
    B, T, I, H = (int(random.randint(1, n)) for n in (9, 9, 12, 24))
    options: dict[str, Any] = {"reverse": bool(random.randint(2)), "num_threads": int(random.randint(1, 4))}
    if random.randint(3):
        options["lengths"] = random.randint(0, T + 1, size=B)
    p = make(B, T, I, H, dtype, seed, **options)
    if random.randint(2):
        p.options["time_major"] = True
        p.x, p.dy = p.x.swapaxes(0, 1).copy(), p.dy.swapaxes(0, 1).copy()
    compare(p, f"{(B, T, I, H)} {options}")


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [None, 0, 3, 5])
def test_unbatched(reverse: bool, length: int | None, dtype: Any) -> None:
    p = make(1, 5, 7, 6, dtype, reverse=reverse, lengths=None if length is None else [length])
    want = run(p)
    p.options["lengths"] = length
    for name in ("x", "h0", "c0", "dy", "dh", "dc"):
        setattr(p, name, getattr(p, name)[0])
    compare(p, f"unbatched {reverse} {length}")
    got = run(p)
    for name in want:
        assert np.array_equal(got[name], want[name] if name in ("dw_x", "dw_h", "db") else want[name][0]), name


def test_defaults(dtype: Any) -> None:
    """b, h0, c0 are zeros when not given, and still get their gradients."""
    p = make(3, 5, 7, 6, dtype)
    z: dict[str, Any] = {n: np.zeros_like(a) for n, a in (("b", p.b), ("h0", p.h0), ("c0", p.c0))}
    want, tape_want = functional.lstm_forward(p.x, p.w_x, p.w_h, **z)
    got, tape = functional.lstm_forward(p.x, p.w_x, p.w_h)
    for a, b in zip(got, want, strict=True):
        assert np.array_equal(a, b)
    for a, b in zip(functional.lstm_backward(tape, p.dy), functional.lstm_backward(tape_want, p.dy), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("given", [(), ("dy",), ("dh",), ("dc",), ("dy", "dc")], ids=str)
def test_partial_output_gradients(given: tuple[str, ...], dtype: Any) -> None:
    p = make(3, 5, 7, 6, dtype, lengths=[5, 0, 2])
    d = {name: getattr(p, name) for name in given}
    _, tape = functional.lstm_forward(**p.inputs, **p.options)
    _, twin = reference.lstm_forward(**p.astype(np.float64).inputs, **p.options)
    got = functional.lstm_backward(tape, **d)
    want = reference.lstm_backward(twin, **{n: a.astype(np.float64) for n, a in d.items()})
    for name, a, b in zip(got._fields, got, want, strict=True):
        assert_close("gradient", a, b, name)
        if not given:
            assert not a.any()


def test_padding_is_never_read(dtype: Any) -> None:
    """NaN beyond a row's length, in x and in dy, changes nothing."""
    p = make(4, 6, 3, 5, dtype, lengths=[6, 0, 4, 1])
    for reverse in (False, True):
        want = run(p, reverse=reverse)
        q = p.rows(slice(None))
        q.x, q.dy = p.x.copy(), p.dy.copy()
        for row, length in enumerate(p.options["lengths"]):
            q.x[row, length:] = np.nan
            q.dy[row, length:] = np.nan
        got = run(q, reverse=reverse)
        for name in want:
            assert np.array_equal(got[name], want[name]), name
        assert not got["y"][1].any()
        assert not got["dx"][2, 4:].any()
        assert np.array_equal(got["h"][1], p.h0[1])
        assert np.array_equal(got["c"][1], p.c0[1])


def test_reverse_stays_aligned(dtype: Any) -> None:
    """reverse equals flip, run, flip."""
    p = make(3, 5, 7, 6, dtype)
    got = functional.lstm(**p.inputs, reverse=True)
    want = functional.lstm(p.x[:, ::-1].copy(), p.w_x, p.w_h, p.b, p.h0, p.c0)
    assert np.array_equal(got.y, want.y[:, ::-1])
    assert np.array_equal(got.h, got.y[:, 0])
    assert np.array_equal(got.c, want.c)


def test_training_forward_equals_inference(dtype: Any) -> None:
    p = make(5, 6, 3, 9, dtype, lengths=[6, 1, 0, 4, 6])
    want = functional.lstm(**p.inputs, **p.options)
    got, _ = functional.lstm_forward(**p.inputs, **p.options)
    for a, b in zip(got, want, strict=True):
        assert np.array_equal(a, b)


def test_tape_serves_once() -> None:
    p = make(3, 5, 7, 6)
    _, tape = functional.lstm_forward(**p.inputs)
    assert tape.nbytes > 0
    with pytest.raises(ValueError, match="expected dh of shape"):
        functional.lstm_backward(tape, dh=p.dh[:2])
    first = functional.lstm_backward(tape, p.dy)  # a refused call has not used it up
    assert first.x.any()
    assert tape.used
    assert tape.nbytes == 0
    with pytest.raises(ValueError, match=r"^lstm_backward: expected a fresh tape, got one that was used already"):
        functional.lstm_backward(tape, p.dy)
    with pytest.raises(TypeError, match=r"^lstm_backward: expected a tape from lstm_forward, got ndarray$"):
        functional.lstm_backward(p.x, p.dy)  # type: ignore[arg-type]


def test_weights_may_change_after_forward(dtype: Any) -> None:
    p = make(3, 5, 7, 6, dtype)
    want = run(p)
    _, tape = functional.lstm_forward(**p.inputs)
    p.w_x[...] = p.w_h[...] = 0.5
    got = functional.lstm_backward(tape, p.dy, p.dh, p.dc)
    assert np.array_equal(got.x, want["dx"])
    assert np.array_equal(got.h0, want["dh0"])


def test_inputs_are_not_modified(dtype: Any) -> None:
    p = make(4, 5, 7, 6, dtype, lengths=[5, 3, 0, 1])
    before = {n: a.copy() for n, a in vars(p).items() if isinstance(a, np.ndarray)}
    run(p)
    for name, a in before.items():
        assert np.array_equal(getattr(p, name), a), name
