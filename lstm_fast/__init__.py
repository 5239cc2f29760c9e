"""lstm_fast: the fastest LSTM on a CPU, for training and inference.

Everything is reached from here (`import lstm_fast as lf`) and loaded at first use, so that the import is free:

    lf.lstm, lf.lstm_forward, lf.lstm_backward      functions on arrays; gru and rnn likewise
    lf.recurrent_stack                              several layers in one call
    lf.layers, lf.models, lf.optimizers, ...        Keras' words: Sequential, Model, LSTM, Dense, fit, predict
    lf.set_num_threads, lf.threads, lf.show_versions
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_MODULES = frozenset(
    {
        "activations",
        "bench",
        "callbacks",
        "config",
        "constraints",
        "datasets",
        "forecast",
        "functional",
        "initializers",
        "layers",
        "losses",
        "metrics",
        "models",
        "optimizers",
        "plots",
        "preprocessing",
        "reference",
        "regularizers",
        "sklearn",
        "utils",
    }
)
_NAMES = {
    name: module
    for module, names in {
        "lstm_fast.functional": "LSTMGates LSTMGrads LSTMOutput lstm lstm_backward lstm_forward lstm_gates "
        "GRUGrads GRUOutput gru gru_backward gru_forward RNNGrads RNNOutput rnn rnn_backward rnn_forward "
        "StackGrads StackOutput recurrent_stack recurrent_stack_backward recurrent_stack_forward",
        "lstm_fast._threads": "get_num_threads set_num_threads threads",
        "lstm_fast.streaming": "Stream",
        "lstm_fast.versions": "show_versions",
        "lstm_fast.models": "Model Sequential load_model",
        "lstm_fast.layers": "Input Layer",
    }.items()
    for name in names.split()
}

if TYPE_CHECKING:
    from lstm_fast import (
        activations,
        callbacks,
        config,
        functional,
        initializers,
        layers,
        losses,
        metrics,
        models,
        optimizers,
        reference,
        utils,
    )
    from lstm_fast._threads import get_num_threads, set_num_threads, threads
    from lstm_fast.functional import (
        GRUGrads,
        GRUOutput,
        LSTMGates,
        LSTMGrads,
        LSTMOutput,
        RNNGrads,
        RNNOutput,
        StackGrads,
        StackOutput,
        gru,
        gru_backward,
        gru_forward,
        lstm,
        lstm_backward,
        lstm_forward,
        lstm_gates,
        recurrent_stack,
        recurrent_stack_backward,
        recurrent_stack_forward,
        rnn,
        rnn_backward,
        rnn_forward,
    )
    from lstm_fast.layers import Input, Layer
    from lstm_fast.models import Model, Sequential, load_model
    from lstm_fast.streaming import Stream

__all__ = [
    "GRUGrads",
    "GRUOutput",
    "Input",
    "LSTMGates",
    "LSTMGrads",
    "LSTMOutput",
    "Layer",
    "Model",
    "RNNGrads",
    "RNNOutput",
    "Sequential",
    "StackGrads",
    "StackOutput",
    "Stream",
    "activations",
    "callbacks",
    "config",
    "functional",
    "get_num_threads",
    "gru",
    "gru_backward",
    "gru_forward",
    "initializers",
    "layers",
    "load_model",
    "losses",
    "lstm",
    "lstm_backward",
    "lstm_forward",
    "lstm_gates",
    "metrics",
    "models",
    "optimizers",
    "recurrent_stack",
    "recurrent_stack_backward",
    "recurrent_stack_forward",
    "reference",
    "rnn",
    "rnn_backward",
    "rnn_forward",
    "set_num_threads",
    "show_versions",
    "threads",
    "utils",
]


def __getattr__(name: str) -> Any:
    """Loads a part of the package at its first use (PEP 562)."""
    if name in _NAMES:
        value = getattr(importlib.import_module(_NAMES[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(f"lstm_fast.{name}")
    else:
        raise AttributeError(f"module 'lstm_fast' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_NAMES, *_MODULES})
