"""Keras 3 on TensorFlow: a one-layer model called through `tf.function`; gradients by `GradientTape`."""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from numpy.typing import NDArray

from ..cases import Case


def version() -> str:
    return f"{keras.__version__} (tensorflow {tf.__version__})"


def setup(case: Case, threads: int) -> Callable[[], Any]:
    if tf.config.threading.get_intra_op_parallelism_threads() != threads:  # refused once TensorFlow runs
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    keras.backend.clear_session()
    data = case.data()
    layer = keras.layers.LSTM(case.H, return_sequences=True, dtype=case.dtype)
    model = keras.Sequential([keras.Input(batch_shape=(case.B, case.T, case.I), dtype=case.dtype), layer])
    layer.set_weights([data.w_x, data.w_h, data.b])
    x = tf.constant(data.x)

    if case.mode == "inference":
        predict = tf.function(lambda x: model(x, training=False))
        return lambda: predict(x)

    dy = tf.constant(data.dy)
    variables = [weight.value for weight in layer.trainable_weights]

    def step(x: Any, dy: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = model(x, training=True)
        return y, tape.gradient(y, [x, *variables], output_gradients=dy)

    train = tf.function(step)
    return lambda: train(x, dy)


def outputs(raw: Any) -> dict[str, NDArray[Any]]:
    if not isinstance(raw, tuple):
        return {"y": raw.numpy()}
    y, (dx, dw_x, dw_h, db) = raw
    return {"y": y.numpy(), "dx": dx.numpy(), "dw_x": dw_x.numpy(), "dw_h": dw_h.numpy(), "db": db.numpy()}
