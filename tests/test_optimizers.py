"""Optimizers against their rules written in NumPy, clipping, schedules, initialisers, regularisers, constraints."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lstm_fast as lf
from lstm_fast import constraints, initializers, optimizers, regularizers
from lstm_fast.layers import Dense, Input
from lstm_fast.optimizers import schedules
from lstm_fast.training.parameters import ALIGNMENT, Parameter, Store


class Owner:
    name, trainable = "owner", True


def parameters(rng: np.random.Generator, dtype: Any, *shapes: tuple[int, ...]) -> list[Parameter]:
    return [
        Parameter(f"w{k}", Owner, rng.standard_normal(s).astype(dtype), True, None, None) for k, s in enumerate(shapes)
    ]


def sgd(o: Any, p: Any, g: Any, s: dict[str, Any], t: int) -> Any:
    s["v"] = o.momentum * s.get("v", 0) - o.learning_rate * g
    return p + (o.momentum * s["v"] - o.learning_rate * g if o.nesterov else s["v"])


def adam(o: Any, p: Any, g: Any, s: dict[str, Any], t: int) -> Any:
    s["m"] = o.beta_1 * s.get("m", 0) + (1 - o.beta_1) * g
    s["v"] = o.beta_2 * s.get("v", 0) + (1 - o.beta_2) * g * g
    s["top"] = np.maximum(s.get("top", 0), s["v"])
    rate = o.learning_rate * np.sqrt(1 - o.beta_2**t) / (1 - o.beta_1**t)
    return p - rate * s["m"] / (np.sqrt(s["top"] if o.amsgrad else s["v"]) + o.epsilon)


def rmsprop(o: Any, p: Any, g: Any, s: dict[str, Any], t: int) -> Any:
    s["v"] = o.rho * s.get("v", 0) + (1 - o.rho) * g * g
    s["mean"] = o.rho * s.get("mean", 0) + (1 - o.rho) * g
    spread = s["v"] - s["mean"] ** 2 if o.centered else s["v"]
    step = o.learning_rate * g / np.sqrt(spread + o.epsilon)
    if o.momentum:
        step = s["momentum"] = o.momentum * s.get("momentum", 0) + step
    return p - step


RULES = {
    "sgd": (sgd, lambda: optimizers.SGD(0.1)),
    "momentum": (sgd, lambda: optimizers.SGD(0.1, momentum=0.7)),
    "nesterov": (sgd, lambda: optimizers.SGD(0.1, momentum=0.7, nesterov=True)),
    "adam": (adam, lambda: optimizers.Adam(0.02)),
    "amsgrad": (adam, lambda: optimizers.Adam(0.02, amsgrad=True, beta_2=0.6)),
    "adamw": (adam, lambda: optimizers.AdamW(0.02, weight_decay=0.3)),
    "rmsprop": (rmsprop, lambda: optimizers.RMSprop(0.03)),
    "rmsprop all": (rmsprop, lambda: optimizers.RMSprop(0.03, momentum=0.5, centered=True, weight_decay=0.2)),
}


@pytest.mark.parametrize("name", RULES)
def test_rule(name: str, rng: np.random.Generator, dtype: Any) -> None:
    rule, make = RULES[name]
    optimizer = make()
    own = parameters(rng, dtype, (3, 5), (7,), (2, 4))
    store = Store(own, np.dtype(dtype))
    optimizer.build(store)
    want = [p.numpy().astype(np.float64) for p in own]
    states: list[dict[str, Any]] = [{} for _ in own]
    for t in range(1, 8):
        for k, p in enumerate(own):
            p.grad[...] = g = rng.standard_normal(p.shape).astype(dtype)
            want[k] = want[k] - want[k] * (optimizer.weight_decay or 0) * optimizer.learning_rate
            want[k] = rule(optimizer, want[k], g.astype(np.float64), states[k], t)
        optimizer.apply()
    error = max(float(np.abs(p.numpy() - w).max()) for p, w in zip(own, want, strict=True))
    print(f"{name} {dtype}: {error:.1e}")
    assert error < (2e-5 if dtype == np.float32 else 1e-12)
    assert optimizer.iterations == 7


@pytest.mark.parametrize("name", RULES)
def test_threads_share_an_update(name: str, rng: np.random.Generator, dtype: Any) -> None:
    own = parameters(rng, dtype, (200_011,))[0]
    gradient, results, before = rng.standard_normal(own.shape).astype(dtype), [], lf.get_num_threads()
    for threads in (1, 2, 3):
        p = Parameter("p", own.owner, own.numpy(), True, None, None)
        optimizer = RULES[name][1]()
        optimizer.build(Store([p], np.dtype(dtype)))
        p.grad[...] = gradient
        try:
            lf.set_num_threads(threads)
            optimizer.apply()
        finally:
            lf.set_num_threads(before)
        results.append(p.numpy())
    assert np.mean(results[0] != own.numpy()) > 0.99
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


def test_parameters_live_on_cache_lines(rng: np.random.Generator, dtype: Any) -> None:
    own = parameters(rng, dtype, (3, 5), (7,), (2, 4), (1,))
    before = [p.numpy() for p in own]
    store = Store(own, np.dtype(dtype))
    for p, value in zip(own, before, strict=True):
        assert np.array_equal(p.numpy(), value)
        for view, flat in ((p.array, store.values), (p.grad, store.grads)):
            assert view.ctypes.data % ALIGNMENT == 0
            assert np.shares_memory(view, flat)


def trained(**options: Any) -> Any:
    lf.utils.set_random_seed(1)
    model = lf.Sequential([Input((4,)), Dense(3), Dense(2)])
    model.compile(optimizers.SGD(1.0, **options), "mse")
    before = model.get_weights()
    model.train_on_batch(np.full((5, 4), 3.0), np.full((5, 2), 9.0))
    return [a - b for a, b in zip(model.get_weights(), before, strict=True)]


def test_clipping() -> None:
    free = trained()
    by_norm, by_value, together = trained(clipnorm=0.5), trained(clipvalue=0.25), trained(global_clipnorm=0.5)
    for a, b in zip(by_norm, free, strict=True):
        norm = np.sqrt((b**2).sum())
        assert np.allclose(a, b * min(1.0, 0.5 / norm), atol=1e-6)
    for a, b in zip(by_value, free, strict=True):
        assert np.allclose(a, np.clip(b, -0.25, 0.25), atol=1e-6)
    norm = np.sqrt(sum((b**2).sum() for b in free))
    for a, b in zip(together, free, strict=True):
        assert np.allclose(a, b * 0.5 / norm, atol=1e-6)
    with pytest.raises(ValueError, match="at most one of clipnorm, clipvalue, global_clipnorm"):
        optimizers.SGD(clipnorm=1, clipvalue=1)


def test_schedules() -> None:
    s = schedules.ExponentialDecay(0.1, 10, 0.5)
    assert s(0) == 0.1
    assert s(20) == pytest.approx(0.025)
    assert schedules.ExponentialDecay(0.1, 10, 0.5, staircase=True)(19) == pytest.approx(0.05)
    assert schedules.PiecewiseConstantDecay([5, 10], [3.0, 2.0, 1.0])(5) == 3.0
    assert schedules.PiecewiseConstantDecay([5, 10], [3.0, 2.0, 1.0])(11) == 1.0
    assert schedules.InverseTimeDecay(1.0, 1, 1.0)(3) == 0.25
    assert schedules.PolynomialDecay(1.0, 10, 0.0)(5) == pytest.approx(0.5)
    assert schedules.CosineDecay(1.0, 10)(10) == pytest.approx(0.0)
    optimizer = optimizers.Adam(s)
    again = optimizers.get(optimizers.serialize(optimizer))
    assert again.learning_rate == 0.1
    assert optimizers.serialize(again) == optimizers.serialize(optimizer)


def test_learning_rate_can_be_set() -> None:
    optimizer = optimizers.get("adam")
    assert optimizer.learning_rate == 0.001
    optimizer.learning_rate = 0.5
    assert optimizer.lr == 0.5
    assert optimizers.Adam(lr=0.2).learning_rate == 0.2
    with pytest.raises(ValueError, match="learning rate >= 0, got -1"):
        optimizer.learning_rate = -1
    with pytest.raises(ValueError, match="unknown optimizer 'addam'; known are SGD, Adam"):
        optimizers.get("addam")


def test_initialisers() -> None:
    lf.utils.set_random_seed(0)
    for name in ("zeros", "ones", "glorot_normal", "he_uniform", "lecun_normal", "random_normal", "truncated_normal"):
        a = initializers.get(name)((200, 100), "float32")
        assert a.shape == (200, 100)
        assert a.dtype == np.float32
    he = initializers.HeNormal(seed=1)((400, 100), "float64")
    assert he.std() == pytest.approx(np.sqrt(2 / 400), rel=0.02)
    assert np.array_equal(he, initializers.HeNormal(seed=1)((400, 100), "float64"))
    wide, tall = initializers.Orthogonal()((5, 9), "float64"), initializers.Orthogonal(gain=2.0)((9, 5), "float64")
    assert np.allclose(wide @ wide.T, np.eye(5))
    assert np.allclose(tall.T @ tall, 4 * np.eye(5))
    assert np.abs(initializers.TruncatedNormal(stddev=1.0)((50, 50), "float64")).max() <= 2
    again = initializers.get(initializers.serialize(initializers.GlorotUniform(seed=3)))
    assert np.array_equal(again((3, 4), "float32"), initializers.GlorotUniform(seed=3)((3, 4), "float32"))


def test_regularisers_and_constraints(rng: np.random.Generator) -> None:
    w = rng.standard_normal((4, 3))
    for made in (regularizers.L1(0.1), regularizers.L2(0.2), regularizers.L1L2(0.1, 0.2)):
        g = np.zeros_like(w)
        made.add_gradient(w, g)
        e = 1e-6
        for at in np.ndindex(w.shape):
            up, down = w.copy(), w.copy()
            up[at] += e
            down[at] -= e
            assert g[at] == pytest.approx((made(up) - made(down)) / (2 * e), abs=1e-6)
    a = w * 10
    constraints.MaxNorm(2.0)(a)
    assert np.sqrt((a**2).sum(axis=0)).max() == pytest.approx(2.0, abs=1e-5)
    a = w.copy()
    constraints.UnitNorm()(a)
    assert np.allclose(np.sqrt((a**2).sum(axis=0)), 1)
    constraints.get("non_neg")(a)
    assert a.min() >= 0
    model = lf.Sequential([Input((3,)), Dense(2, kernel_constraint="non_neg")])
    model.compile("sgd", "mse")
    model.fit(rng.standard_normal((8, 3)), -np.ones((8, 2)), verbose=0)
    assert model.get_weights()[0].min() >= 0
