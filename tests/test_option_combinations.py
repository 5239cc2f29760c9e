"""Hypothesis: any combination of options against the NumPy twin, outputs and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from problems import make, run, truth
from test_rows import draw, pack
from tolerances import assert_close

OPTIONS = ("lengths", "mask", "reset", "dropout", "recurrent_dropout", "reverse")


@st.composite
def problems(draws: Any) -> Any:
    shape = [draws(st.integers(1, most)) for most in (6, 8, 5, 20)]
    dtype, cell = draws(st.sampled_from(["float32", "float64"])), draws(st.sampled_from(["lstm", "gru", "rnn"]))
    P = draws(st.sampled_from([None, 5, 18])) if cell == "lstm" else None
    p = make(*shape, dtype, seed=draws(st.integers(0, 999)), cell=cell, projection=P)
    if cell == "lstm" and P is None and draws(st.booleans()):
        norm = np.random.RandomState(draws(st.integers(0, 999))).uniform(-1, 1, 10 * shape[3]).astype(dtype)
        p.options |= {"layer_norm": norm, "layer_norm_epsilon": 0.1}  # less would magnify roundings where H is small
    p.options |= draw(p, draws(st.integers(0, 999)), *draws(st.sets(st.sampled_from(OPTIONS))))
    if draws(st.booleans()):
        return pack(p, p.options.get("lengths", np.full(shape[0], shape[1])))
    if draws(st.booleans()):
        p.options["time_major"] = True
        p.x, p.dy = p.x.swapaxes(0, 1).copy(), p.dy.swapaxes(0, 1).copy()
    return p


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(p=problems(), threads=st.integers(1, 3), checkpoint_every=st.none() | st.integers(1, 9))
def test_any_options(p: Any, threads: int, checkpoint_every: int | None) -> None:
    got, want = run(p, num_threads=threads, checkpoint_every=checkpoint_every), truth(p)
    for name in want:
        assert_close("gradient" if name.startswith("d") else "forward", got[name], want[name], f"{p.options} {name}")
    inference = run(p, gradients=False)
    assert all(inference[name].tobytes() == got[name].tobytes() for name in inference)
