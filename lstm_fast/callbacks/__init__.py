"""Callbacks of `fit`, by Keras' names."""

from lstm_fast.callbacks.base import Callback, CallbackList, LambdaCallback
from lstm_fast.callbacks.history import History
from lstm_fast.callbacks.monitor import EarlyStopping, ModelCheckpoint, ReduceLROnPlateau
from lstm_fast.callbacks.others import CSVLogger, LearningRateScheduler, TerminateOnNaN

__all__ = [
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
]
