"""GRU: the cell, and the layer around the fused kernels."""

from __future__ import annotations

from typing import Any, ClassVar

from lstm_fast.layers.cells import Cell
from lstm_fast.layers.rnn import Recurrent


class GRUCell(Cell):
    """One step of a gated recurrent unit: x (B,I), h (B,H) -> h', h'.

        z, r = sigmoid(x w_x + h w_h + b)    n = tanh(x w_xn + b_n + r*(h w_hn + b_hn))    h' = z*h + (1-z)*n

    Args: as `GRU`.

    Raises:
        ValueError: shapes that do not fit, an unknown or unsupported option.

    Source:
        Cho et al. 2014.

    Example:
        >>> import numpy as np
        >>> y, h = GRUCell(3)(np.ones((2, 4)), np.zeros((2, 3)))
        >>> y.shape, h.shape
        ((2, 3), (2, 3))
    """

    kind: ClassVar[str] = "gru"
    gates: ClassVar[int] = 3
    kernel_settings: ClassVar[tuple[str, ...]] = ("activation", "recurrent_activation", "reset_after")

    reset_after: bool

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        seed: int | None = None,
        *,
        clip: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(locals(), **kwargs)

    def bias_shape(self) -> tuple[int, ...]:
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)


class GRU(Recurrent):
    """Gated recurrent unit: inputs (B,T,I) -> h_T (B,H), or y (B,T,H) with `return_sequences`.

        z, r = sigmoid(x w_x + h w_h + b)    n = tanh(x w_xn + b_n + r*(h w_hn + b_hn))    h' = z*h + (1-z)*n

    Args:
        units: H.
        return_sequences: y of all steps instead of the last.
        return_state: also return the last h (B,H).
        go_backwards: read the sequence from its end; y is in the order of reading.
        stateful: row k of a batch starts with the last state of row k of the batch before.
        dropout: while training, features of x are 0 with this probability, the same at all steps of a row.
        recurrent_dropout: the same for h in the product with w_h (one mask for all gates).
        reset_after: r after the product with w_h, as above; False: n = tanh(x w_xn + b_n + (r*h) w_hn).
        others of Keras 3: as there. What is not implemented yet raises ValueError.
        clip: bound of the arguments of the activations. An activation is a name, or (name, alpha, beta).
        checkpoint_every: as in `RNN`.

    Called as `layer(x, initial_state=h0, mask=mask)`. Weights, as `get_weights` orders them: kernel (I,3H),
    recurrent_kernel (H,3H), bias (2,3H), of x and of h; (3H) without `reset_after`. Columns z r n.

    Raises:
        ValueError: inputs that are not (B,T,I), another I than at the first call, an unknown or unsupported option.

    Source:
        Cho et al. 2014.

    Example:
        >>> import numpy as np
        >>> layer = GRU(3, return_sequences=True)
        >>> layer(np.ones((2, 5, 4), np.float32)).shape
        (2, 5, 3)
    """

    cell_class: ClassVar[type[Cell]] = GRUCell

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
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
        reset_after: bool = True,
        use_cudnn: Any = "auto",
        *,
        clip: float | None = None,
        checkpoint_every: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(locals(), kwargs)
