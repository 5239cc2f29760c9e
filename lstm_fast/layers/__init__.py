"""Layers, with Keras' names, defaults and weight layouts.

Each is called on an array (it computes and returns an array) or on a symbolic tensor (it becomes part of a graph).
"""

from lstm_fast.layers.attention import AdditiveAttention, Attention
from lstm_fast.layers.base import Layer
from lstm_fast.layers.bidirectional import Bidirectional
from lstm_fast.layers.dense import Dense
from lstm_fast.layers.embedding import Embedding
from lstm_fast.layers.gru import GRU, GRUCell
from lstm_fast.layers.input import Input, InputLayer
from lstm_fast.layers.lstm import LSTM, LSTMCell
from lstm_fast.layers.masking import Masking
from lstm_fast.layers.merging import (
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    dot,
    maximum,
    minimum,
    multiply,
    subtract,
)
from lstm_fast.layers.multi_head_attention import MultiHeadAttention
from lstm_fast.layers.noise import GaussianDropout, GaussianNoise
from lstm_fast.layers.normalization import BatchNormalization, LayerNormalization
from lstm_fast.layers.pooling import GlobalAveragePooling1D, GlobalMaxPooling1D
from lstm_fast.layers.rectifiers import ELU, LeakyReLU, PReLU, ReLU, Softmax
from lstm_fast.layers.refused import Lambda
from lstm_fast.layers.rnn import RNN
from lstm_fast.layers.simple import Activation, Dropout, Flatten, Permute, RepeatVector, Reshape, SpatialDropout1D
from lstm_fast.layers.simple_rnn import SimpleRNN, SimpleRNNCell
from lstm_fast.layers.stacked_cells import StackedRNNCells
from lstm_fast.layers.time_distributed import TimeDistributed

__all__ = [
    "ELU",
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "Add",
    "AdditiveAttention",
    "Attention",
    "Average",
    "BatchNormalization",
    "Bidirectional",
    "Concatenate",
    "Dense",
    "Dot",
    "Dropout",
    "Embedding",
    "Flatten",
    "GRUCell",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalMaxPooling1D",
    "Input",
    "InputLayer",
    "LSTMCell",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Masking",
    "Maximum",
    "Minimum",
    "MultiHeadAttention",
    "Multiply",
    "PReLU",
    "Permute",
    "ReLU",
    "RepeatVector",
    "Reshape",
    "SimpleRNN",
    "SimpleRNNCell",
    "Softmax",
    "SpatialDropout1D",
    "StackedRNNCells",
    "Subtract",
    "TimeDistributed",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]
