"""More models for the parity with Keras 3, as in keras_models.py: layers that are not recurrent, losses, metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from keras_models import LR, Case, classifier, settings, tutorial

V = 9  # words


def sequential(*layers: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A Sequential model; each entry makes its layer from keras.layers."""

    def build(k: Any) -> Any:
        return k.models.Sequential([make(k.layers) for make in layers])

    return build


def words(mask_zero: bool, *rest: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return sequential(lambda m: m.Input((7,)), lambda m: m.Embedding(V, 5, mask_zero=mask_zero), *rest)


def normalised(k: Any) -> Any:
    """Batch statistics over steps and rows, then over rows; layer statistics between.

    No bias in front of batch statistics: its gradient would be rounding alone, which Adam makes as large as any other.
    """
    m = k.layers
    return k.models.Sequential(
        [
            m.Input((4, 3)),
            m.Dense(6, use_bias=False),
            m.BatchNormalization(momentum=0.9),
            m.Activation("relu"),
            m.LayerNormalization(center=False),
            m.Flatten(),
            m.BatchNormalization(scale=False, epsilon=0.01),
            m.Dense(2),
        ]
    )


def merged(k: Any) -> Any:
    m = k.layers
    x, z = m.Input((4, 3)), m.Input((5, 3))
    a, b = m.Dense(6, activation="tanh")(x), m.Dense(6)(z)
    scores = m.Softmax(axis=1)(m.Dot(axes=2)([a, b]))  # (B,4,5)
    context = m.Dot(axes=1)([scores, a])  # (B,5,6)
    largest = m.Maximum()([context, b])
    smallest = m.Minimum()([m.LeakyReLU()(context), m.PReLU(shared_axes=[1])(b)])
    pooled = m.Concatenate()([m.GlobalMaxPooling1D()(largest), m.GlobalAveragePooling1D()(smallest)])
    return k.models.Model([x, z], m.Dense(2)(m.ELU()(m.ReLU(max_value=1.5, negative_slope=0.1)(pooled))))


def attention(kind: str, **options: Any) -> Callable[[Any], Any]:
    """Queries over masked words: a decoder that looks at its source."""

    def build(k: Any) -> Any:
        m = k.layers
        source, target = m.Input((7,)), m.Input((4,))
        words = m.Embedding(V, 6, mask_zero=True, embeddings_initializer="glorot_uniform")
        values, queries = m.Dense(6, activation="tanh")(words(source)), words(target)
        y = getattr(m, kind)(**options)([queries, values])
        return k.models.Model([source, target], m.Dense(2)(m.GlobalAveragePooling1D()(y)))

    return build


def heads(**call: Any) -> Callable[[Any], Any]:
    """Heads over masked words, then over themselves without a look ahead. Keras on JAX refuses such masks."""

    def build(k: Any) -> Any:
        m = k.layers
        source, target = m.Input((7,)), m.Input((4, 6))
        words = m.Embedding(V, 5, mask_zero=True, embeddings_initializer="glorot_uniform", trainable=False)
        y = m.MultiHeadAttention(2, 3, value_dim=4)(target, words(source), **call)
        y = m.LayerNormalization()(m.Add()([target, y[0] if call.get("return_attention_scores") else y]))
        y = m.MultiHeadAttention(3, 2, use_bias=False)(y, y, use_causal_mask=True)
        return k.models.Model([source, target], m.Dense(2)(m.Flatten()(y)))

    return build


def own(loss: Callable[[Any], Any], *metrics: Callable[[Any], Any], **options: Any) -> Any:
    def arguments(k: Any) -> dict[str, Any]:
        made = [m if isinstance(m, str) else m(k.metrics) for m in metrics]
        return {"loss": loss(k.losses), "optimizer": k.optimizers.Adam(**(options or LR)), "metrics": made}

    return arguments


def rearranged(k: Any) -> Any:
    m = k.layers
    x = m.Input((4, 6))
    a = m.Permute((2, 1))(m.Dense(5, activation="tanh")(x))  # (B,5,4)
    b = m.Reshape((5, 4))(m.Dense(5)(m.LSTM(4, return_sequences=True)(x)))
    y = m.Concatenate(axis=1)([m.Average()([a, b]), m.Subtract()([a, b])])
    return k.models.Model(x, m.Dense(2)(m.Flatten()(y)))


def dropped(k: Any) -> Any:
    """What is random while training does nothing afterwards."""
    m = k.layers
    return k.models.Sequential(
        [
            m.Input((5, 3)),
            m.GaussianNoise(0.4),
            m.LSTM(6, return_sequences=True, dropout=0.3, recurrent_dropout=0.2),
            m.SpatialDropout1D(0.5),
            m.GRU(4, dropout=0.5),
            m.GaussianDropout(0.3),
            m.Dropout(0.4),
            m.Dense(2),
        ]
    )


def constrained(k: Any) -> Any:
    m, c = k.layers, k.constraints
    return k.models.Sequential(
        [
            m.Input((4, 3)),
            m.LSTM(5, kernel_constraint=c.MaxNorm(0.6), recurrent_constraint="unit_norm", bias_constraint="non_neg"),
            m.Dense(4, kernel_constraint=c.MinMaxNorm(0.5, 0.8, rate=0.3, axis=1), kernel_regularizer="l1"),
            m.Dense(1, kernel_constraint="non_neg"),
        ]
    )


def scheduled(kind: str, optimizer: str = "Adam", **options: Any) -> Any:
    def arguments(k: Any) -> dict[str, Any]:
        rate = getattr(k.optimizers.schedules, kind)(**options)
        return {"loss": "mse", "optimizer": getattr(k.optimizers, optimizer)(learning_rate=rate)}

    return arguments


WORDS: Any = (("tokens", V, 7),)
PAIR: Any = (("tokens", V, 7), ("tokens", V, 4))

CASES = {
    "embedding": Case(
        words(False, lambda m: m.GlobalAveragePooling1D(), lambda m: m.Dense(2)),
        settings("mse", **LR),
        WORDS,
        ("real", (2,)),
    ),
    "embedding masked": Case(
        words(True, lambda m: m.BatchNormalization(), lambda m: m.GlobalAveragePooling1D(), lambda m: m.Dense(2)),
        settings("mse", **LR),
        WORDS,
        ("real", (2,)),
    ),
    "embedding masked per step": Case(
        words(True, lambda m: m.Dense(4, activation="softmax")),
        settings("sparse_categorical_crossentropy", **LR),  # in Keras on JAX, metrics of fit forget the mask
        WORDS,
        ("labels", (7, 4)),
    ),
    "embedding regularised": Case(
        sequential(
            lambda m: m.Input((7,)),
            lambda m: m.Embedding(V, 5, embeddings_regularizer="l2", embeddings_constraint="unit_norm"),
            lambda m: m.Flatten(),
            lambda m: m.Dense(1),
        ),
        settings("mae", "RMSprop", learning_rate=0.001),
        WORDS,
        ("real", (1,)),
    ),
    "normalised": Case(normalised, settings("mse", **LR), ((4, 3),), ("real", (2,)), rows=22, batch_size=8, epochs=20),
    "normalised axes": Case(
        sequential(
            lambda m: m.Input((4, 3)),
            lambda m: m.BatchNormalization(axis=1, center=False),
            lambda m: m.LayerNormalization(axis=[1, 2], scale=False),
            lambda m: m.Flatten(),
            lambda m: m.Dense(2),
        ),
        settings("mse", **LR),
        ((4, 3),),
        ("real", (2,)),
    ),
    "merged": Case(merged, settings("mse", **LR), ((4, 3), (5, 3)), ("real", (2,))),
    "attention": Case(attention("Attention"), settings("mse", **LR), PAIR, ("real", (2,))),
    "attention scaled": Case(attention("Attention", use_scale=True), settings("mse", **LR), PAIR, ("real", (2,))),
    "attention concat": Case(
        attention("Attention", use_scale=True, score_mode="concat"), settings("mse", **LR), PAIR, ("real", (2,))
    ),
    "additive attention": Case(attention("AdditiveAttention"), settings("mse", **LR), PAIR, ("real", (2,))),
    "heads": Case(heads(), settings("mse", **LR), (("tokens", V, 7), (4, 6)), ("real", (2,))),
    "heads scores": Case(
        heads(return_attention_scores=True), settings("mse", **LR), (("tokens", V, 7), (4, 6)), ("real", (2,))
    ),
    "binary logits": Case(
        classifier("linear", 1),
        own(lambda m: m.BinaryCrossentropy(from_logits=True, label_smoothing=0.1)),
        ((6, 3),),
        ("binary", (1,)),
    ),
    "categorical logits": Case(
        classifier("linear", 4),
        own(
            lambda m: m.CategoricalCrossentropy(from_logits=True), "accuracy", lambda m: m.TopKCategoricalAccuracy(k=2)
        ),
        ((6, 3),),
        ("one-hot", (4,)),
    ),
    "sparse logits": Case(
        classifier("linear", 4),
        own(
            lambda m: m.SparseCategoricalCrossentropy(from_logits=True),
            "accuracy",
            lambda m: m.SparseTopKCategoricalAccuracy(k=2),
        ),
        ((6, 3),),
        ("labels", (4,)),
    ),
    "huber delta": Case(
        tutorial,
        own(lambda m: m.Huber(delta=0.3), "mae", "mse", lambda m: m.RootMeanSquaredError()),
        ((7, 2),),
        ("real", (3,)),
    ),
    "summed": Case(
        tutorial, own(lambda m: m.MeanSquaredError(reduction="sum"), learning_rate=0.001), ((7, 2),), ("real", (3,))
    ),
    "percentage": Case(tutorial, settings("mape", learning_rate=0.001), ((7, 2),), ("real", (3,))),
    "logarithmic": Case(tutorial, settings("msle", **LR), ((7, 2),), ("binary", (3,))),
    "log cosh": Case(tutorial, settings("log_cosh", **LR), ((7, 2),), ("real", (3,))),
    "hinge": Case(classifier("tanh", 2), settings("hinge", **LR), ((6, 3),), ("binary", (2,))),
    "divergence": Case(classifier("softmax", 4), settings("kl_divergence", **LR), ((6, 3),), ("one-hot", (4,))),
    "categorical smoothed": Case(
        classifier("softmax", 4),
        own(lambda m: m.CategoricalCrossentropy(label_smoothing=0.2)),
        ((6, 3),),
        ("one-hot", (4,)),
    ),
    "precision recall": Case(
        classifier("sigmoid", 2),
        own(
            lambda m: m.BinaryCrossentropy(),
            lambda m: m.Precision(),
            lambda m: m.Recall(),
            lambda m: m.BinaryAccuracy(threshold=0.4),
        ),
        ((6, 3),),
        ("binary", (2,)),
    ),
    "rearranged": Case(rearranged, settings("mse", **LR), ((4, 6),), ("real", (2,))),
    "dropped": Case(dropped, settings("mse", **LR), ((5, 3),), ("real", (2,)), epochs=0),
    "constrained": Case(constrained, settings("mse", **LR), ((4, 3),), ("real", (1,))),
    "decay exponential": Case(
        tutorial,
        scheduled("ExponentialDecay", initial_learning_rate=0.02, decay_steps=30, decay_rate=0.5, staircase=True),
        ((7, 2),),
        ("real", (3,)),
    ),
    "decay cosine": Case(
        tutorial,
        scheduled(
            "CosineDecay",
            "SGD",
            initial_learning_rate=0.0,
            decay_steps=60,
            alpha=0.1,
            warmup_target=0.1,
            warmup_steps=20,
        ),
        ((7, 2),),
        ("real", (3,)),
    ),
    "decay polynomial": Case(
        tutorial,
        scheduled("PolynomialDecay", initial_learning_rate=0.02, decay_steps=32, power=2.0, cycle=True),
        ((7, 2),),
        ("real", (3,)),
    ),
    "decay inverse": Case(
        tutorial,
        scheduled("InverseTimeDecay", "RMSprop", initial_learning_rate=0.005, decay_steps=20, decay_rate=0.7),
        ((7, 2),),
        ("real", (3,)),
    ),
    "decay piecewise": Case(
        tutorial,
        scheduled("PiecewiseConstantDecay", boundaries=[25, 60], values=[0.01, 0.003, 0.001]),
        ((7, 2),),
        ("real", (3,)),
    ),
    "weights of classes": Case(
        classifier("softmax", 4),
        settings("sparse_categorical_crossentropy", metrics=("accuracy",), **LR),
        ((6, 3),),
        ("labels", (4,)),
        fit={"class_weight": {0: 0.3, 1: 2.0, 3: 1.5}},
    ),
    "weights of rows": Case(
        tutorial,
        settings("mse", metrics=("mae",), **LR),
        ((7, 2),),
        ("real", (3,)),
        rows=19,
        epochs=25,
        fit={"sample_weight": np.linspace(0.1, 2.3, 19), "batch_size": 5, "validation_split": 0.2},
    ),
    "weights of steps": Case(
        sequential(lambda m: m.Input((5, 3)), lambda m: m.GRU(6, return_sequences=True), lambda m: m.Dense(2)),
        settings("mae", **LR),
        ((5, 3),),
        ("real", (5, 2)),
        fit={"sample_weight": np.linspace(0, 1, 80).reshape(16, 5)},
    ),
}
