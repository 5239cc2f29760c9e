"""Recurrent models for the parity with Keras 3, as in keras_models.py: masks, directions, cells, states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras_models import LR, Case, settings


def masked(recurrent: Callable[[Any], Any], per_step: bool) -> Callable[[Any], Any]:
    """Masking, a recurrent layer, and a dense one at each step or at the end."""

    def build(k: Any) -> Any:
        last = k.layers.TimeDistributed(k.layers.Dense(2)) if per_step else k.layers.Dense(2)
        return k.models.Sequential([k.layers.Input((6, 3)), k.layers.Masking(), recurrent(k), last])

    return build


def bidirectional(mode: str | None, sequences: bool) -> Callable[[Any], Any]:
    def build(k: Any) -> Any:
        x = k.layers.Input((5, 3))
        y = k.layers.Bidirectional(k.layers.LSTM(4, return_sequences=sequences), merge_mode=mode)(x)
        y = k.layers.Concatenate()(list(y)) if mode is None else y
        return k.models.Model(x, k.layers.Dense(2)(y))

    return build


def two_ways(k: Any) -> Any:
    """A bidirectional encoder whose states start a bidirectional decoder; an own backward layer."""
    x = k.layers.Input((5, 3))
    y, *states = k.layers.Bidirectional(k.layers.LSTM(4, return_state=True, return_sequences=True))(x)
    back = k.layers.LSTM(4, return_sequences=True, go_backwards=True, unit_forget_bias=False)
    layer = k.layers.Bidirectional(k.layers.LSTM(4, return_sequences=True), backward_layer=back, merge_mode="ave")
    return k.models.Model(x, k.layers.Dense(2)(layer(y, initial_state=states)))


def cells(k: Any) -> Any:
    stack = k.layers.StackedRNNCells([k.layers.LSTMCell(5), k.layers.LSTMCell(4)])
    return k.models.Sequential(
        [
            k.layers.Input((5, 3)),
            k.layers.RNN(k.layers.LSTMCell(6), return_sequences=True, go_backwards=True),
            k.layers.RNN(stack, return_sequences=True),
            k.layers.RNN([k.layers.LSTMCell(3), k.layers.LSTMCell(2, unit_forget_bias=False)]),
        ]
    )


def stateful(k: Any) -> Any:
    return k.models.Sequential(
        [
            k.layers.Input(batch_shape=(16, 4, 3)),
            k.layers.LSTM(6, stateful=True, return_sequences=True),
            k.layers.LSTM(5, stateful=True),
            k.layers.Dense(1),
        ]
    )


def units(*make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Recurrent layers one after the other, made from keras.layers, and a dense one."""

    def build(k: Any) -> Any:
        return k.models.Sequential([k.layers.Input((6, 3)), *(m(k.layers) for m in make), k.layers.Dense(2)])

    return build


def translation(k: Any) -> Any:
    """A GRU whose last state starts another one."""
    first, second = k.layers.Input((4, 3)), k.layers.Input((6, 2))
    _, h = k.layers.GRU(7, return_state=True)(first)
    y = k.layers.GRU(7, return_sequences=True)(second, initial_state=h)
    y, last = k.layers.SimpleRNN(5, return_sequences=True, return_state=True)(y)
    y = k.layers.SimpleRNN(5, return_sequences=True)(y, initial_state=[last])
    return k.models.Model([first, second], k.layers.Dense(2)(y))


def active(k: Any) -> Any:
    """Penalties on outputs, states included."""
    m, L2 = k.layers, k.regularizers.L2
    x = m.Input((5, 3))
    y, h, _ = m.LSTM(4, return_sequences=True, return_state=True, activity_regularizer=L2(0.02))(x)
    y = m.Bidirectional(m.LSTM(3, activity_regularizer="l1"))(y)
    return k.models.Model(x, m.Dense(2, activity_regularizer="l1")(m.Concatenate()([y, h])))


CASES = {
    "masked": Case(
        masked(lambda k: k.layers.LSTM(7), False), settings("mse", **LR), ((6, 3),), ("real", (2,)), masked=True
    ),
    "masked sequences": Case(
        masked(lambda k: k.layers.LSTM(7, return_sequences=True), True),
        settings("mse", metrics=("mae",), **LR),
        ((6, 3),),
        ("real", (6, 2)),
        masked=True,
    ),
    "masked backwards": Case(
        masked(lambda k: k.layers.LSTM(7, return_sequences=True, go_backwards=True), True),
        settings("mae", **LR),
        ((6, 3),),
        ("real", (6, 2)),
        masked=True,
    ),
    "masked zero output": Case(
        masked(lambda k: k.layers.RNN(k.layers.LSTMCell(5), return_sequences=True, zero_output_for_mask=True), True),
        settings("mse", **LR),
        ((6, 3),),
        ("real", (6, 2)),
        masked=True,
    ),
    "masked bidirectional": Case(
        masked(lambda k: k.layers.Bidirectional(k.layers.LSTM(4, return_sequences=True)), True),
        settings("binary_crossentropy", metrics=("accuracy",)),
        ((6, 3),),
        ("binary", (6, 2)),
        masked=True,
    ),
    "masked bidirectional last": Case(
        masked(lambda k: k.layers.Bidirectional(k.layers.LSTM(4)), False),
        settings("mse", **LR),
        ((6, 3),),
        ("real", (2,)),
        masked=True,
    ),
    **{
        f"bidirectional {mode}{' sequences' if sequences else ''}": Case(
            bidirectional(mode, sequences),
            settings("mse", **LR),
            ((5, 3),),
            ("real", (5, 2) if sequences else (2,)),
            epochs=100 if mode == "concat" else 10,
        )
        for mode in ("concat", "sum", "mul", "ave", None)
        for sequences in (False, True)
    },
    "two ways": Case(two_ways, settings("mse", **LR), ((5, 3),), ("real", (5, 2))),
    "cells": Case(cells, settings("mse", **LR), ((5, 3),), ("real", (2,))),
    **{
        name: Case(units(*make), settings("mse", learning_rate=0.003), ((6, 3),), ("real", shape))
        for name, make, shape in (
            ("gru", [lambda m: m.GRU(7)], (2,)),
            ("gru stacked", [lambda m: m.GRU(5, return_sequences=True), lambda m: m.GRU(6, use_bias=False)], (2,)),
            ("lstm relu", [lambda m: m.LSTM(7, activation="relu")], (2,)),
            (
                "lstm activations",
                [
                    lambda m: m.LSTM(5, activation="softsign", recurrent_activation="hard_sigmoid", go_backwards=True),
                    lambda m: m.RepeatVector(3),
                    lambda m: m.LSTM(4, activation="elu", return_sequences=True),
                    lambda m: m.LSTM(4, activation="softplus", recurrent_activation="tanh"),
                ],
                (2,),
            ),
            (
                "gru before",
                [
                    lambda m: m.GRU(5, reset_after=False, return_sequences=True),
                    lambda m: m.GRU(4, reset_after=False, use_bias=False, go_backwards=True),
                ],
                (2,),
            ),
            (
                "gru activations",
                [
                    lambda m: m.GRU(5, activation="relu", recurrent_activation="hard_sigmoid", return_sequences=True),
                    lambda m: m.Bidirectional(m.GRU(4, reset_after=False, activation="swish")),
                ],
                (2,),
            ),
            (
                "simple rnn activations",
                [
                    lambda m: m.SimpleRNN(5, activation="selu", return_sequences=True),
                    lambda m: m.SimpleRNN(5, activation=None, return_sequences=True),
                    lambda m: m.SimpleRNN(6, activation="sigmoid"),
                ],
                (2,),
            ),
            ("gru backwards", [lambda m: m.GRU(7, return_sequences=True, go_backwards=True)], (6, 2)),
            ("simple rnn", [lambda m: m.SimpleRNN(7)], (2,)),
            (
                "simple rnn relu",
                [
                    lambda m: m.SimpleRNN(5, activation="relu", return_sequences=True),
                    lambda m: m.SimpleRNN(6, use_bias=False, go_backwards=True),
                ],
                (2,),
            ),
            (
                "bidirectional kinds",
                [
                    lambda m: m.Bidirectional(m.GRU(4, return_sequences=True)),
                    lambda m: m.Bidirectional(m.SimpleRNN(3, return_sequences=True), merge_mode="sum"),
                    lambda m: m.RNN([m.GRUCell(4), m.SimpleRNNCell(5), m.LSTMCell(3)]),
                ],
                (2,),
            ),
        )
    },
    **{
        f"masked {name}": Case(
            masked(make, True), settings("mse", metrics=("mae",), **LR), ((6, 3),), ("real", (6, 2)), masked=True
        )
        for name, make in (
            ("gru", lambda k: k.layers.GRU(7, return_sequences=True)),
            ("simple rnn", lambda k: k.layers.SimpleRNN(7, return_sequences=True, go_backwards=True)),
            ("gru bidirectional", lambda k: k.layers.Bidirectional(k.layers.GRU(4, return_sequences=True))),
        )
    },
    "translation": Case(translation, settings("mse", **LR), ((4, 3), (6, 2)), ("real", (6, 2))),
    "activity": Case(active, settings("mse", **LR), ((5, 3),), ("real", (2,))),
    "stateful": Case(stateful, settings("mse", **LR), ((4, 3),), ("real", (1,))),
}
