"""Masks, resets, packed rows and dropout factors: the kernels against the twin, the twin against first principles."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from problems import Problem, assert_same_bits, make, run, truth
from tolerances import assert_close

from lstm_fast import functional, reference

PER_ROW = ("y", "h", "c", "dx", "dh0", "dc0")
SHAPES = [(3, 5, 7, 6), (1, 9, 4, 20), (13, 6, 2, 17), (2, 40, 3, 35), (29, 4, 5, 9)]


def draw(p: Problem, seed: int, *names: str) -> dict[str, Any]:
    """Random options of these names for a problem."""
    random = np.random.RandomState(seed)
    (B, T, I), H, dtype = p.x.shape, p.h0.shape[1], p.x.dtype
    make_option = {
        "mask": lambda: random.rand(B, T) < 0.7,
        "reset": lambda: random.rand(B, T) < 0.3,
        "lengths": lambda: random.randint(0, T + 1, size=B),
        "dropout": lambda: ((random.rand(B, I) < 0.6) / 0.6).astype(dtype),
        "recurrent_dropout": lambda: ((random.rand(B, H) < 0.6) / 0.6).astype(dtype),
        "reverse": lambda: True,
    }
    return {name: make_option[name]() for name in names}


def pack(p: Problem, lengths: Any) -> Problem:
    """The rows of a padded problem one after the other."""

    def flat(a: Any) -> Any:
        return np.concatenate([a[:0].reshape(0, *a.shape[2:]), *(row[:n] for row, n in zip(a, lengths, strict=True))])

    options = {k: flat(v) if k in ("mask", "reset") else v for k, v in p.options.items() if k != "lengths"}
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    dc_sequence = None if p.dc_sequence is None else flat(p.dc_sequence)
    return replace(p, x=flat(p.x), dy=flat(p.dy), dc_sequence=dc_sequence, options={**options, "offsets": offsets})


def unpack(result: dict[str, Any], p: Problem, lengths: Any) -> dict[str, Any]:
    """Packed y, c of all steps and dx as padded ones."""
    full = dict(result)
    for name in {"y", "c_sequence", "dx"} & set(result):
        full[name] = np.zeros((*p.x.shape[:2], result[name].shape[-1]), p.x.dtype)
        for row, part in zip(full[name], np.split(result[name], np.cumsum(lengths)[:-1]), strict=True):
            row[: len(part)] = part
    return full


def compare(p: Problem, label: str) -> None:
    got, want = run(p), truth(p)
    for name in want:
        assert_close("gradient" if name.startswith("d") else "forward", got[name], want[name], f"{label} {name}")


OPTIONS = [
    ("mask",),
    ("reset",),
    ("mask", "reset"),
    ("mask", "reset", "lengths", "reverse"),
    ("mask", "lengths"),
    ("dropout",),
    ("recurrent_dropout",),
    ("recurrent_dropout", "reset"),
    ("dropout", "recurrent_dropout", "mask", "reset", "lengths"),
]


@pytest.mark.parametrize("names", OPTIONS, ids="+".join)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_twin(shape: tuple[int, int, int, int], names: tuple[str, ...], dtype: Any) -> None:
    p = make(*shape, dtype, return_c=True)
    p.options |= draw(p, len(names), *names)
    compare(p, f"{shape} {names}")


@pytest.mark.parametrize(
    "names", [(), ("mask", "reset"), ("reverse",), ("recurrent_dropout", "dropout", "mask")], ids=str
)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_packed_rows(shape: tuple[int, int, int, int], names: tuple[str, ...], dtype: Any) -> None:
    """Packed rows have the bits of padded ones, and the twin's numbers."""
    p = make(*shape, dtype, return_c=True)
    lengths = np.random.RandomState(1).randint(0, shape[1] + 1, size=shape[0])
    p.options |= {**draw(p, 3, *names), "lengths": lengths}
    packed = pack(p, lengths)
    assert_same_bits(unpack(run(packed), p, lengths), run(p), "packed")
    compare(packed, f"{shape} packed")


@pytest.mark.parametrize("names", OPTIONS, ids="+".join)
def test_same_bits(names: tuple[str, ...], dtype: Any) -> None:
    """For every thread count, and for each row alone."""
    for shape in ((5, 7, 3, 17), (2, 5, 10, 131)):
        p = make(*shape, dtype)
        p.options = draw(p, 5, *names)
        whole = run(p)
        for threads in (2, 3):
            assert_same_bits(run(p, num_threads=threads), whole, f"{threads} threads")
        for row in range(shape[0]):
            part = slice(row, row + 1)
            options = {k: v if k == "reverse" else v[part] for k, v in p.options.items()}
            alone = replace(p, options=options, **{n: getattr(p, n)[part] for n in ("x", "h0", "c0", "dy", "dh", "dc")})
            got = run(alone)
            assert_same_bits({n: got[n] for n in PER_ROW}, {n: whole[n][part] for n in PER_ROW}, f"row {row}")


def test_reset_is_a_new_sequence(dtype: Any) -> None:
    """A reset before step 3 gives the bits of two calls, the second from zeros; no gradient crosses it."""
    p = make(4, 8, 3, 19, dtype)
    p.options["reset"] = np.broadcast_to(np.arange(8) == 3, (4, 8))
    got = run(p)
    zero = np.zeros_like(p.h0)
    first = run(replace(p, x=p.x[:, :3], dy=p.dy[:, :3], dh=zero, dc=zero, options={}))
    second = run(replace(p, x=p.x[:, 3:], dy=p.dy[:, 3:], h0=zero, c0=zero, options={}))
    for name in ("y", "dx"):
        assert np.array_equal(got[name], np.concatenate([first[name], second[name]], axis=1)), name
    assert np.array_equal(got["h"], second["h"])
    assert np.array_equal(got["dh0"], first["dh0"])
    assert np.array_equal(got["dc0"], first["dc0"])
    assert_close("gradient", got["dw_h"], first["dw_h"].astype(np.float64) + second["dw_h"], "dw_h")


@pytest.mark.parametrize("reverse", [False, True])
def test_mask_is_the_sequence_without_its_holes(dtype: Any, reverse: bool) -> None:
    p = make(1, 9, 3, 19, dtype, reverse=reverse)
    mask = np.array([[False, True, True, False, False, True, False, True, False]])
    kept = np.flatnonzero(mask[0])
    got = run(p, mask=mask)
    want = functional.lstm(p.x[:, kept], p.w_x, p.w_h, p.b, p.h0, p.c0, reverse=reverse)
    expected, output = np.zeros_like(got["y"]), np.zeros_like(got["h"])
    for t in range(8, -1, -1) if reverse else range(9):
        if mask[0, t]:
            output = want.y[:, np.searchsorted(kept, t)]
        expected[:, t] = output
    assert np.array_equal(got["y"], expected)
    assert np.array_equal(got["h"], want.h)
    assert np.array_equal(got["c"], want.c)
    assert not got["dx"][~mask].any()


def test_the_whole_mask_changes_nothing(dtype: Any) -> None:
    p = make(5, 6, 3, 17, dtype)
    assert_same_bits(run(p, mask=np.ones((5, 6), bool)), run(p), "all True")
    assert_same_bits(run(p, reset=np.zeros((5, 6), bool)), run(p), "no reset")
    lengths = np.array([6, 2, 0, 5, 1])
    valid = np.arange(6) < lengths[:, None]
    padded, ragged = run(p, gradients=False, mask=valid), run(p, gradients=False, lengths=lengths)
    padded["y"][~valid] = 0  # there a mask repeats the output, lengths give zeros
    assert_same_bits(padded, ragged, "right padding")


def test_rows_that_are_masked_altogether(dtype: Any) -> None:
    p = make(3, 4, 2, 5, dtype)
    mask = np.array([[True] * 4, [False] * 4, [True, False, False, True]])
    got = run(p, mask=mask)
    assert not got["y"][1].any()
    assert np.array_equal(got["h"][1], p.h0[1])
    assert np.array_equal(got["c"][1], p.c0[1])
    assert np.array_equal(got["dh0"][1], p.dh[1])
    assert np.array_equal(got["dc0"][1], p.dc[1])
    assert not got["dx"][1].any()


def test_reset_at_every_step(dtype: Any) -> None:
    p = make(3, 4, 2, 5, dtype)
    got = run(p, reset=np.ones((3, 4), bool))
    alone = functional.lstm(p.x.reshape(12, 1, 2), p.w_x, p.w_h, p.b)
    assert np.array_equal(got["y"], alone.y.reshape(3, 4, 5))
    for name in ("dh0", "dc0", "dw_h"):
        assert not got[name].any(), name
    compare(replace(p, options={"reset": np.ones((3, 4), bool)}), "all resets")


@pytest.mark.parametrize("name", ["mask", "reset", "lengths", "offsets"])
def test_nothing_to_do(name: str, dtype: Any) -> None:
    for B, T in ((0, 3), (2, 0)):
        p = make(B, T, 3, 5, dtype)
        if name == "offsets":
            p = pack(p, np.zeros(B, int))
            value = p.options.pop("offsets")
        else:
            value = np.zeros(B, int) if name == "lengths" else np.ones((B, T), bool)
        got = run(p, **{name: value})
        assert np.array_equal(got["h"], p.h0)
        assert np.array_equal(got["dh0"], p.dh)
        assert not got["dw_x"].any()


def test_unbatched(dtype: Any) -> None:
    p = make(1, 6, 3, 5, dtype)
    options = draw(p, 2, "mask", "reset", "dropout", "recurrent_dropout")
    want = run(p, **options)
    for name in ("x", "h0", "c0", "dy", "dh", "dc"):
        setattr(p, name, getattr(p, name)[0])
    got = run(p, **{k: v[0] for k, v in options.items()})
    assert_same_bits(got, {n: a[0] if n in PER_ROW else a for n, a in want.items()}, "unbatched")


def test_time_major(dtype: Any) -> None:
    p = make(4, 6, 3, 5, dtype)
    options = draw(p, 2, "mask", "reset", "lengths", "dropout", "recurrent_dropout")
    want = run(p, **options)
    p.x, p.dy = p.x.swapaxes(0, 1).copy(), p.dy.swapaxes(0, 1).copy()
    got = run(p, time_major=True, **options)
    assert_same_bits({n: a.swapaxes(0, 1) if n in ("y", "dx") else a for n, a in got.items()}, want, "time-major")


@pytest.mark.parametrize("name", ["mask", "lengths", "offsets"])
def test_the_tape_counts_steps_that_count(name: str) -> None:
    """Steps that do not count take no room, as they take no time: 20 bytes per (t,b,h) of the others."""
    p = make(13, 40, 2, 16, "float32")
    lengths = np.arange(13) * 3
    if name == "offsets":
        p = pack(p, lengths)
        value = p.options.pop("offsets")
    else:
        value = (
            lengths
            if name == "lengths"
            else np.random.default_rng(0).permuted(np.arange(40) < lengths[:, None], axis=1)
        )
    tape = functional.lstm_forward(**p.inputs, **{name: value})[1]
    assert tape.nbytes == lengths.sum() * 16 * 20


@pytest.mark.parametrize("names", OPTIONS, ids="+".join)
def test_twin_gradients(names: tuple[str, ...]) -> None:
    """The twin's gradients against central differences of the twin's outputs."""
    p = make(2, 4, 2, 3)
    p.options = draw(p, 7, *names)
    grads = run(p, reference)

    def loss() -> float:
        y, h, c = reference.lstm(**p.inputs, **p.options)
        return float((y * p.dy).sum() + (h * p.dh).sum() + (c * p.dc).sum())

    for name in ("x", "w_x", "w_h", "b", "h0", "c0"):
        a, want = getattr(p, name), np.empty_like(getattr(p, name))
        for k in np.ndindex(a.shape):
            kept, e = a[k], 1e-5
            a[k] = kept + e
            up = loss()
            a[k] = kept - e
            want[k] = (up - loss()) / (2 * e)
            a[k] = kept
        assert_close("central difference", grads[f"d{name}"], want, name)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"mask": np.ones((3, 5))}, TypeError, r"lstm: expected mask as booleans, True where a step counts, got dtype"),
        ({"reset": np.ones((3, 5), int)}, TypeError, r"expected reset as booleans, .*reset.astype\(bool\)"),
        ({"mask": np.ones((5, 3), bool)}, ValueError, r"expected mask of shape \(B, T\) = \(3, 5\), got \(5, 3\)$"),
        ({"reset": np.ones(3, bool)}, ValueError, r"expected reset of shape \(B, T\) = \(3, 5\), got \(3,\)"),
        ({"offsets": [0, 5], "lengths": [3]}, ValueError, "offsets and lengths contradict each other"),
        ({"offsets": [0, 5], "time_major": True}, ValueError, "offsets and time_major contradict each other"),
        ({"offsets": [0, 5]}, ValueError, r"expected x of shape \(R, I\) beside offsets, got \(3, 5, 7\)"),
        ({"dropout": np.ones((3, 6))}, ValueError, r"expected dropout of shape \(B, I\) = \(3, 7\), got \(3, 6\)"),
        ({"recurrent_dropout": np.ones((3, 5))}, ValueError, r"recurrent_dropout of shape \(B, H\) = \(3, 6\), got"),
        ({"dropout": np.ones((3, 7), np.float32)}, TypeError, "expected dropout of dtype float64"),
    ],
)
def test_messages(options: dict[str, Any], error: type[Exception], message: str) -> None:
    p = make(3, 5, 7, 6)
    with pytest.raises(error, match=message):
        functional.lstm(**p.inputs, **options)


@pytest.mark.parametrize(
    ("offsets", "error", "message"),
    [
        ([0, 3, 2, 5], ValueError, "offsets ascending from 0 to R = 5, got 2 after 3"),
        ([0, 3], ValueError, "offsets ascending from 0 to R = 5, got 0 to 3"),
        ([1, 5], ValueError, "offsets ascending from 0 to R = 5, got 1 to 5"),
        ([], ValueError, r"offsets of shape \(B \+ 1,\), got \(0,\)"),
        ([0.0, 5.0], TypeError, r"offsets as B \+ 1 integers, got dtype float64"),
    ],
)
def test_messages_of_offsets(offsets: Any, error: type[Exception], message: str) -> None:
    p = make(1, 5, 3, 4)
    with pytest.raises(error, match=message):
        functional.lstm(p.x[0], p.w_x, p.w_h, offsets=offsets)
