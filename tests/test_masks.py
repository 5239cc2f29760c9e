"""Masks: from Masking and from callers, through layers, merges and graphs, to the loss and the metrics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lstm_fast as lf
from lstm_fast import layers
from lstm_fast.layers import Dense, Input, Masking
from lstm_fast.training.plan import Plan, Value


def mask_of(layer: Any, *inputs: Any, masks: Any = ()) -> Any:
    """The mask that a layer gives its output, in a plan of its own."""
    plan = Plan(np.dtype("float32"))
    values = [Value(np.asarray(x, np.float32)) for x in inputs]
    for v, m in zip(values, masks, strict=False):
        v.mask = None if m is None else Value(np.asarray(m, bool))
    layer.ensure_built([v.shape for v in values])
    (y,) = layer.add_ops(plan, values)
    plan.forward()
    return None if y.mask is None else y.mask.array


@pytest.fixture
def masks(rng: np.random.Generator) -> Any:
    return rng.random((2, 3, 5)) < 0.6


def test_masking(rng: np.random.Generator) -> None:
    x = rng.standard_normal((3, 5, 2)).astype("float32")
    x[1, 2] = x[2, 4] = 0.5
    x[0, 1, 0] = 0.5  # one feature alone is a number like any other
    want = np.ones((3, 5), bool)
    want[1, 2] = want[2, 4] = False
    layer = Masking(0.5)
    assert np.array_equal(layer.compute_mask(x), want)
    assert np.array_equal(mask_of(layer, x), want)
    assert np.array_equal(layer(x), np.where(want[..., None], x, 0))


@pytest.mark.parametrize(
    ("make", "keeps"),
    [
        (lambda: Dense(4, activation="elu"), True),
        (lambda: layers.Dropout(0.5), True),
        (lambda: layers.Activation("relu"), True),
        (lambda: layers.TimeDistributed(Dense(3)), True),
        (lambda: layers.Flatten(), False),
        (lambda: layers.Permute((2, 1)), False),
    ],
)
def test_layers_keep_or_drop_a_mask(rng: np.random.Generator, masks: Any, make: Any, keeps: bool) -> None:
    x = rng.standard_normal((3, 5, 2))
    got = mask_of(make(), x, masks=[masks[0]])
    assert np.array_equal(got, masks[0]) if keeps else got is None
    assert make().supports_masking == keeps


def test_merged_masks(rng: np.random.Generator, masks: Any) -> None:
    a, b = rng.standard_normal((2, 3, 5, 2))
    either = masks[0] | masks[1]
    assert np.array_equal(mask_of(layers.Add(), a, b, masks=masks), either)
    assert np.array_equal(layers.Add().compute_mask([a, b], list(masks)), either)
    assert np.array_equal(mask_of(layers.Concatenate(), a, b, masks=masks), either)
    assert mask_of(layers.Multiply(), a, b, masks=[masks[0], None]) is None
    in_time = layers.Concatenate(axis=1)
    assert np.array_equal(mask_of(in_time, a, b, masks=masks), np.concatenate(masks, axis=1))
    ones = np.ones((3, 5), bool)
    assert np.array_equal(mask_of(in_time, a, b, masks=[None, masks[1]]), np.concatenate([ones, masks[1]], axis=1))


def test_loss_and_metrics_count_valid_steps_only(rng: np.random.Generator) -> None:
    x = rng.standard_normal((6, 5, 2))
    x[2, 3:] = x[4, 1:] = x[5, 0] = 0
    y = rng.standard_normal((6, 5, 1))
    model = lf.Sequential([Input((5, 2)), Masking(), Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    loss, mae = model.evaluate(x, y)
    error = (model.predict(x) - y)[(x != 0).any(-1)]
    assert abs(loss - np.mean(error**2)) < 1e-6
    assert abs(mae - np.mean(np.abs(error))) < 1e-6
    model.compile("sgd", lf.losses.MeanSquaredError(reduction="sum"))
    assert abs(model.evaluate(x, y) - np.sum(error**2)) < 1e-5
    weight = rng.random((6, 5))
    model.compile("sgd", "mse")
    w = weight[(x != 0).any(-1)][:, None]
    assert abs(model.evaluate(x, y, sample_weight=weight) - np.mean(error**2 * w)) < 1e-6


def test_a_step_without_weight_does_not_teach(rng: np.random.Generator) -> None:
    """What stands at masked steps changes neither the loss nor an update."""
    results = []
    for noise in (0.0, 100.0):
        lf.utils.set_random_seed(2)
        mask = np.arange(5) < np.array([[5], [3], [1]])
        x = np.random.default_rng(1).standard_normal((3, 5, 2)) + np.where(mask[..., None], 0, noise)
        t, m = Input((5, 2)), Input((5,), dtype="bool")
        model = lf.Model([t, m], Dense(1)(Dense(3)(t, mask=m)))
        model.compile("sgd", "mse")
        history = model.fit([x, mask], np.ones((3, 5, 1)), epochs=3, verbose=0)
        results.append([*history.history["loss"], *np.concatenate([w.ravel() for w in model.get_weights()])])
    assert np.array_equal(*results)


def test_a_symbolic_mask_survives_a_file(rng: np.random.Generator, tmp_path: Any) -> None:
    t, m = Input((5, 2), name="x"), Input((5,), dtype="bool", name="m")
    model = lf.Model([t, m], Dense(1)(t, mask=m))
    model.compile("sgd", "mse")
    data = [rng.standard_normal((3, 5, 2)), rng.random((3, 5)) < 0.5], rng.standard_normal((3, 5, 1))
    model.save(tmp_path / "m.safetensors")
    assert lf.load_model(tmp_path / "m.safetensors").evaluate(*data) == model.evaluate(*data)


@pytest.mark.parametrize(
    ("mask", "error", "message"),
    [
        (np.ones((3, 4), bool), ValueError, r'layer "d" \(Dense\): expected mask of shape \(3, 5\).*got \(3, 4\)'),
        (np.ones((3, 5)), TypeError, r"expected mask as booleans.*got dtype float64.*astype\(bool\)"),
        ([np.ones((3, 5), bool)] * 2, ValueError, "mask"),
        (Input((5,)), TypeError, "has no values yet"),
    ],
)
def test_bad_masks(mask: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Dense(2, name="d")(np.ones((3, 5, 2)), mask=mask)
