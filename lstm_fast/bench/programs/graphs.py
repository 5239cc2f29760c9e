"""Programs that are graphs: an encoder whose states, or outputs, a decoder reads. `k` is `lstm_fast` or `keras`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .catalog import Program


def translation(k: Any, program: Program) -> Any:
    """The last states of the encoder start the decoder."""
    m, V = k.layers, program.words
    source, target = (m.Input(shape, dtype="int32") for shape in (program.shape, *program.more))
    _, h, c = m.LSTM(128, return_state=True)(m.Embedding(V, 64)(source))
    y = m.LSTM(128, return_sequences=True)(m.Embedding(V, 64)(target), initial_state=[h, c])
    return k.models.Model([source, target], m.Dense(V, activation="softmax")(y))


def attention(k: Any, program: Program) -> Any:
    """The decoder looks at all outputs of a bidirectional encoder."""
    m, V = k.layers, program.words
    source, target = (m.Input(shape, dtype="int32") for shape in (program.shape, *program.more))
    encoded = m.Bidirectional(m.LSTM(48, return_sequences=True))(m.Embedding(V, 16)(source))
    decoded = m.LSTM(96, return_sequences=True)(m.Embedding(V, 16)(target))
    both = m.Concatenate()([m.Attention()([decoded, encoded]), decoded])
    return k.models.Model([source, target], m.Dense(V, activation="softmax")(both))
