"""LSTM: the cell, and the layer around the fused kernels."""

from __future__ import annotations

from typing import Any, ClassVar

from lstm_fast.layers.cells import Cell
from lstm_fast.layers.rnn import Recurrent
from lstm_fast.training.parameters import Array


class LSTMCell(Cell):
    """One step of an LSTM: x (B,I), [h, c] (B,H) each -> h', [h', c'].

        i, f, o = sigmoid(x w_x + h w_h + b)    g = tanh(...)    c' = f*c + i*g    h' = o*tanh(c')

    Args: as `LSTM`.

    Raises:
        ValueError: shapes that do not fit, an unknown or unsupported option.

    Source:
        Hochreiter & Schmidhuber 1997; Gers et al. 2000.

    Example:
        >>> import numpy as np
        >>> y, (h, c) = LSTMCell(3)(np.ones((2, 4)), [np.zeros((2, 3)), np.zeros((2, 3))])
        >>> y.shape, c.shape
        ((2, 3), (2, 3))
    """

    kind: ClassVar[str] = "lstm"
    gates: ClassVar[int] = 4
    state_names: ClassVar[tuple[str, ...]] = ("h", "c")
    kernel_settings: ClassVar[tuple[str, ...]] = ("activation", "recurrent_activation")

    unit_forget_bias: bool

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        *,
        peepholes: bool = False,
        input_forget: bool = False,
        clip: float | None = None,
        cell_clip: float | None = None,
        zoneout: Any = None,
        projection: int | None = None,
        layer_norm: bool = False,
        layer_norm_epsilon: float = 1e-5,
        output_activation: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(locals(), **kwargs)

    def first_bias(self, shape: tuple[int, ...], dtype: Any) -> Array:
        b = super().first_bias(shape, dtype)
        if self.unit_forget_bias:
            b[self.units : 2 * self.units] = 1
        return b


class LSTM(Recurrent):
    """Long short-term memory: inputs (B,T,I) -> h_T (B,H), or y (B,T,H) with `return_sequences`.

        i, f, o = sigmoid(x w_x + h w_h + b)    g = tanh(...)    c' = f*c + i*g    h' = o*tanh(c')

    Args:
        units: H.
        return_sequences: y of all steps instead of the last.
        return_state: also return the last h and c, each (B,H).
        go_backwards: read the sequence from its end; y is in the order of reading.
        stateful: row k of a batch starts with the last state of row k of the batch before.
        unit_forget_bias: the bias of f starts at 1.
        dropout: while training, features of x are 0 with this probability, the same at all steps of a row.
        recurrent_dropout: the same for h in the product with w_h (one mask for all gates).
        others of Keras 3: as there. What is not implemented yet raises ValueError.
        peepholes: i and f also see p*c, o sees p*c', with a weight p that starts at 0.
        input_forget: f = 1 - i; the columns of f are without effect.
        clip, cell_clip: bounds of the gates' arguments, and of c'.
        zoneout: a rate in [0, 1), or those of h and of c: while training each unit keeps its old state with this
            probability; afterwards that part of it.
        projection: P: h' = (o*tanh(c')) w_p has P numbers, and so have the output and the state h. Not together with
            zoneout.
        layer_norm: x w_x, h w_h and, for the output, c' are normalised, as in `lstm_fast.lstm`: gains start at 1, the
            shift at 0. Not together with peepholes, projection, zoneout, cell_clip or input_forget.
        layer_norm_epsilon: added to each variance.
        output_activation: of c' alone; None: activation. An activation is a name, or (name, alpha, beta).
        checkpoint_every: as in `RNN`.

    Called as `layer(x, initial_state=[h0, c0], mask=mask)`. Weights, as `get_weights` orders them: kernel (I,4H),
    recurrent_kernel (H,4H), bias (4H), columns i f g o; with projection recurrent_kernel is (P,4H) and
    projection_kernel (H,P) follows; with peepholes peephole (3H), i f o; with layer_norm layer_norm_weight (10H), the
    gains of x w_x (4H), h w_h (4H) and c' (H), then the shift of c' (H).

    Raises:
        ValueError: inputs that are not (B,T,I), another I than at the first call, an unknown or unsupported option.

    Source:
        Hochreiter & Schmidhuber 1997; Gers et al. 2000. Peepholes: Gers & Schmidhuber 2000; coupled gates: Greff et al.
        2015; zoneout: Krueger et al. 2016; projection: Sak et al. 2014; layer normalisation: Ba, Kiros & Hinton 2016.

    Example:
        >>> import numpy as np
        >>> layer = LSTM(3, return_sequences=True)
        >>> layer(np.ones((2, 5, 4), np.float32)).shape
        (2, 5, 3)
    """

    cell_class: ClassVar[type[Cell]] = LSTMCell

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        use_cudnn: Any = "auto",
        *,
        peepholes: bool = False,
        input_forget: bool = False,
        clip: float | None = None,
        cell_clip: float | None = None,
        zoneout: Any = None,
        projection: int | None = None,
        layer_norm: bool = False,
        layer_norm_epsilon: float = 1e-5,
        output_activation: Any = None,
        checkpoint_every: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(locals(), kwargs)
