"""Attention layers: gradients, masks, causality, scores, messages; test_keras_goldens.py has the parity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from test_training import check_gradient

import lstm_fast as lf
from lstm_fast import layers
from lstm_fast.layers import AdditiveAttention, Attention, Dense, Flatten, Input, MultiHeadAttention
from lstm_fast.models import Model

D = {"dtype": "float64"}
KINDS: dict[str, Callable[[], Any]] = {
    "dot": lambda: Attention(**D),
    "dot scaled": lambda: Attention(use_scale=True, **D),
    "concat": lambda: Attention(use_scale=True, score_mode="concat", **D),
    "concat unscaled": lambda: Attention(score_mode="concat", **D),
    "additive": lambda: AdditiveAttention(**D),
    "additive unscaled": lambda: AdditiveAttention(use_scale=False, **D),
}


def learns(build: Callable[[], Model], rng: np.random.Generator) -> None:
    lf.utils.set_random_seed(1)
    model = build()
    model.compile("sgd", "mse")
    x = [rng.standard_normal((4, *t.shape[1:])) for t in model.inputs]
    x[0][1, -1] = 0  # a masked query
    x[1][2, 3:] = 0  # and two masked values
    check_gradient(model, x, rng.standard_normal((4, 2)), rng)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("name", KINDS)
def test_gradients(name: str, causal: bool, rng: np.random.Generator) -> None:
    """Queries, keys and values from three layers, masks on queries and values, scores used as well."""

    def build() -> Model:
        a, b = Input((3, 2), **D), Input((5, 2), **D)
        masked = [layers.Masking(**D)(t) for t in (a, b)]
        q, v, k = Dense(4, **D)(masked[0]), Dense(6, **D)(masked[1]), Dense(4, **D)(masked[1])
        y, scores = KINDS[name]()([q, v, k], use_causal_mask=causal, return_attention_scores=True)
        return Model([a, b], Dense(2, **D)(Flatten(**D)(layers.Concatenate(**D)([y, scores]))))

    learns(build, rng)


@pytest.mark.parametrize("how", ["plain", "scores", "self"])
def test_gradients_of_heads(how: str, rng: np.random.Generator) -> None:
    def build() -> Model:
        a, b = Input((3, 2), **D), Input((5, 4), **D)
        q, v = layers.Masking(**D)(a), layers.Masking(**D)(b)
        if how == "self":
            layer = MultiHeadAttention(2, 3, use_bias=False, output_shape=3, **D)
            y = layers.Concatenate(axis=1, **D)([layer(v, v), Dense(3, **D)(q)])
        else:
            layer = MultiHeadAttention(2, 3, value_dim=5, **D)
            y = layer(q, v, Dense(3, **D)(v), return_attention_scores=how == "scores", use_causal_mask=True)
            if how == "scores":
                y = layers.Concatenate(axis=1, **D)([Flatten(**D)(part) for part in y])
        return Model([a, b], Dense(2, **D)(Flatten(**D)(y)))

    learns(build, rng)


def softmax(s: Any) -> Any:
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def test_values(rng: np.random.Generator, dtype: Any) -> None:
    q, v, k = (rng.standard_normal(s).astype(dtype) for s in ((2, 3, 4), (2, 5, 6), (2, 5, 4)))
    weights = softmax(np.einsum("btk,bsk->bts", q, k))
    y, scores = Attention(dtype=dtype)([q, v, k], return_attention_scores=True)
    assert np.allclose(scores, weights, atol=1e-6)
    assert np.allclose(y, weights @ v, atol=1e-5)
    assert np.array_equal(Attention(dtype=dtype)([q, k]), Attention(dtype=dtype)([q, k, k]))
    sums = np.tanh(q[:, :, None] + k[:, None]).sum(axis=-1)
    assert np.allclose(AdditiveAttention(use_scale=False, dtype=dtype)([q, v, k]), softmax(sums) @ v, atol=1e-5)
    assert np.allclose(Attention(score_mode="concat", dtype=dtype)([q, v, k]), softmax(sums) @ v, atol=1e-5)


def test_masks_hide(rng: np.random.Generator) -> None:
    """What is masked has no influence; masked queries give zeros; causal queries see no later value."""
    q, v = rng.standard_normal((2, 3, 4)).astype("float32"), rng.standard_normal((2, 5, 4)).astype("float32")
    allowed = np.array([[1, 1, 0, 1, 0], [1, 1, 1, 1, 1]], bool)
    queries = np.array([[1, 1, 0], [1, 1, 1]], bool)
    other = np.where(allowed[..., None], v, 99).astype("float32")
    for layer in (Attention(), AdditiveAttention()):
        y = layer([q, v], mask=[queries, allowed])
        assert np.array_equal(y, layer([q, other], mask=[queries, allowed]))
        assert not y[0, 2].any()
        assert y[0, :2].all()
        causal = layer([q, v], use_causal_mask=True)
        assert np.allclose(causal[:, 0], v[:, 0], atol=1e-6)
    heads = MultiHeadAttention(2, 3)
    y = heads(q, v, value_mask=allowed)
    assert np.array_equal(y, heads(q, other, value_mask=allowed))
    assert np.array_equal(y, heads(q, v, attention_mask=np.repeat(allowed[:, None], 3, axis=1)))
    assert np.allclose(heads(q, v, use_causal_mask=True)[:, 0], heads(q[:, :1], v[:, :1])[:, 0], atol=1e-6)


def test_rows_do_not_depend_on_batch_mates(rng: np.random.Generator) -> None:
    q, v = rng.standard_normal((7, 9, 16)).astype("float32"), rng.standard_normal((7, 11, 16)).astype("float32")
    for layer in (Attention(), AdditiveAttention()):
        whole = layer([q, v])
        assert all(np.array_equal(layer([q[k : k + 1], v[k : k + 1]])[0], whole[k]) for k in range(7))
    heads = MultiHeadAttention(4, 8)
    whole = heads(q, v)
    assert all(np.array_equal(heads(q[k : k + 1], v[k : k + 1])[0], whole[k]) for k in range(7))


def test_dropout(rng: np.random.Generator) -> None:
    x = rng.standard_normal((3, 6, 4)).astype("float32")
    layer = Attention(dropout=0.5, seed=3)
    assert np.array_equal(layer([x, x]), Attention()([x, x]))
    _, scores = layer([x, x], training=True, return_attention_scores=True)
    assert 0.2 < (scores == 0).mean() < 0.8
    assert np.array_equal(
        Attention(dropout=0.5, seed=3)([x, x], training=True, return_attention_scores=True)[1], scores
    )
    heads = MultiHeadAttention(2, 3, dropout=0.5, seed=3)
    assert np.array_equal(heads(x, x), heads(x, x))
    assert not np.array_equal(heads(x, x, training=True), heads(x, x, training=True))


def test_initial_weights() -> None:
    layer = MultiHeadAttention(2, 8, value_dim=6)
    layer(np.ones((1, 2, 5)), np.ones((1, 3, 7)))
    assert [w.shape for w in layer.get_weights()] == [
        (5, 2, 8), (2, 8), (7, 2, 8), (2, 8), (7, 2, 6), (2, 6), (2, 6, 5), (5,),
    ]  # fmt: skip
    limit = np.sqrt(6 / (5 * 2 + 5 * 8))  # glorot: the first axis counts as a field, as in Keras
    assert 0.8 * limit < np.abs(layer.get_weights()[0]).max() <= limit


def test_files(tmp_path: Any, rng: np.random.Generator) -> None:
    tokens = Input((6,), dtype="int64")
    x = layers.Embedding(9, 8, mask_zero=True)(tokens)
    y, scores = MultiHeadAttention(2, 4, dropout=0.1)(x, x, use_causal_mask=True, return_attention_scores=True)
    y = layers.LayerNormalization()(layers.Add()([x, y]))
    y = layers.Concatenate()([AdditiveAttention()([y, y]), Attention(use_scale=True)([y, y, x])])
    model = Model(tokens, [Dense(3, activation="softmax")(y), scores])
    model.compile("adam", ["sparse_categorical_crossentropy", None])
    data, labels = np.where(np.arange(6) < rng.integers(2, 6, (8, 1)), rng.integers(1, 9, (8, 6)), 0), None
    labels = rng.integers(0, 3, (8, 6))
    model.fit(data, [labels, None], epochs=2, verbose=0)
    model.save(tmp_path / "m.safetensors")
    again = lf.load_model(tmp_path / "m.safetensors")
    for m in (model, again):
        m.fit(data, [labels, None], epochs=2, verbose=0)
    for a, b in zip(model.predict(data), again.predict(data), strict=True):
        assert np.array_equal(a, b)
    assert model.predict(data)[1].shape == (8, 2, 6, 6)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Attention()(np.ones((2, 3, 4))), TypeError, r"expected \[query, value\]"),
        (lambda: Attention()([np.ones((2, 3, 4)), np.ones((2, 3, 5))]), ValueError, r"expected query \(B,Tq,K\)"),
        (lambda: Attention(score_mode="x"), ValueError, "score_mode 'dot' or 'concat', got 'x'"),
        (lambda: AdditiveAttention(dropout=1.0), ValueError, r"dropout in \[0, 1\), got 1.0"),
        (lambda: MultiHeadAttention(0, 3), ValueError, "num_heads as an integer >= 1, got 0"),
        (lambda: MultiHeadAttention(2, 3, use_gate=True), ValueError, "use_gate=True is not supported"),
        (lambda: MultiHeadAttention(2, 3)(np.ones((2, 3)), np.ones((2, 3))), ValueError, r"expected query \(B,T,E\)"),
    ],
)
def test_messages(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
