"""Layers, with Keras' names, defaults and weight layouts.

Each is called on an array (it computes and returns an array) or on a symbolic tensor (it becomes part of a graph).
"""

from lstm_fast.layers.base import Layer
from lstm_fast.layers.dense import Dense
from lstm_fast.layers.input import Input, InputLayer
from lstm_fast.layers.lstm import LSTM
from lstm_fast.layers.masking import Masking
from lstm_fast.layers.merging import Add, Average, Concatenate, Multiply, Subtract, add, concatenate, multiply
from lstm_fast.layers.simple import (
    Activation,
    Dropout,
    Flatten,
    Permute,
    ReLU,
    RepeatVector,
    Reshape,
    Softmax,
    SpatialDropout1D,
)
from lstm_fast.layers.time_distributed import TimeDistributed

__all__ = [
    "LSTM",
    "Activation",
    "Add",
    "Average",
    "Concatenate",
    "Dense",
    "Dropout",
    "Flatten",
    "Input",
    "InputLayer",
    "Layer",
    "Masking",
    "Multiply",
    "Permute",
    "ReLU",
    "RepeatVector",
    "Reshape",
    "Softmax",
    "SpatialDropout1D",
    "Subtract",
    "TimeDistributed",
    "add",
    "concatenate",
    "multiply",
]
