"""Recurrent layers on arrays: LSTM, GRU and the plain RNN, for inference and for training.

Shapes: T time steps, B batch, I input features, H hidden units; x (B,T,I), y (B,T,H), h and c (B,H), w_x (I,GH),
w_h (H,GH). `<cell>` runs a layer, `<cell>_forward` also keeps a tape, which `<cell>_backward` turns into gradients.

    lstm  G 4, gates i f g o, b (4H)         c' = f*c + i*g         h' = o*tanh(c')
    gru   G 3, gates z r n, b (2,3H)         h' = z*h + (1-z)*n
    rnn   G 1, b (H)                         h' = tanh(x w_x + h w_h + b)

`recurrent_stack` runs several layers of one kind, each over the output of the one before, in one call.

`lstm_fast.reference` is the NumPy twin of this module.
"""

from lstm_fast._tape import Tape
from lstm_fast.functional._gates import LSTMGates, lstm_gates
from lstm_fast.functional._gru import GRUGrads, GRUOutput, gru, gru_backward, gru_forward
from lstm_fast.functional._lstm import LSTMGrads, LSTMOutput, lstm, lstm_backward, lstm_forward
from lstm_fast.functional._rnn import RNNGrads, RNNOutput, rnn, rnn_backward, rnn_forward
from lstm_fast.functional._stack import (
    StackGrads,
    StackOutput,
    StackTape,
    recurrent_stack,
    recurrent_stack_backward,
    recurrent_stack_forward,
)

__all__ = [
    "GRUGrads",
    "GRUOutput",
    "LSTMGates",
    "LSTMGrads",
    "LSTMOutput",
    "RNNGrads",
    "RNNOutput",
    "StackGrads",
    "StackOutput",
    "StackTape",
    "Tape",
    "gru",
    "gru_backward",
    "gru_forward",
    "lstm",
    "lstm_backward",
    "lstm_forward",
    "lstm_gates",
    "recurrent_stack",
    "recurrent_stack_backward",
    "recurrent_stack_forward",
    "rnn",
    "rnn_backward",
    "rnn_forward",
]
