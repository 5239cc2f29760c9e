"""What is measured: a case is one LSTM layer of shape (B,T,I,H), its data, its work and its limit."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MODES = ("inference", "training")

SHAPES: tuple[tuple[int, int, int, int], ...] = (
    (1, 1, 1, 20),
    (1, 10, 1, 50),
    (1, 100, 13, 128),
    (1, 50, 256, 256),
    (1, 50, 1024, 1024),
    (32, 50, 1, 50),
    (32, 20, 13, 128),
    (32, 30, 2048, 256),
    (64, 100, 128, 256),
    (64, 50, 512, 512),
    (64, 25, 1024, 1024),
    (512, 32, 64, 128),
    (256, 128, 32, 64),
)
QUICK_SHAPES = tuple(SHAPES[i] for i in (0, 1, 2, 5, 6))


@dataclass(frozen=True)
class Data:
    """Inputs of one case: x (B,T,I), w_x (I,4H), w_h (H,4H), b (4H), dy (B,T,H); gates i f g o."""

    x: NDArray[Any]
    w_x: NDArray[Any]
    w_h: NDArray[Any]
    b: NDArray[Any]
    dy: NDArray[Any]


GATES = {"lstm": 4, "gru": 3, "rnn": 1}


@dataclass(frozen=True)
class Stack:
    """`layers` layers of `cell`, each in `directions` directions.

    ragged: rows of different lengths, padded to T. projected: h is projected from H to half as many numbers.
    """

    cell: str = "lstm"
    directions: int = 1
    layers: int = 1
    ragged: bool = False
    projected: bool = False


STACKS = {
    "": Stack(),
    "lengths": Stack(ragged=True),
    "gru": Stack(cell="gru"),
    "rnn": Stack(cell="rnn"),
    "bidirectional": Stack(directions=2),
    "two layers": Stack(layers=2),
    "projection": Stack(projected=True),
}


@dataclass(frozen=True)
class Case:
    """One measurement: shape, mode, dtype and, beyond one LSTM layer, the stack.

    Args:
        B, T, I, H: batch, time steps, input features, hidden units; all >= 1.
        mode: 'inference' (y of the whole sequence) or 'training' (forward, then backward to x, w_x, w_h and b).
        dtype: 'float32' or 'float64'.
        option: a name in STACKS; '' is one LSTM layer.

    Example:
        >>> Case(2, 5, 7, 3, "inference").flop()
        2400
    """

    B: int
    T: int
    I: int
    H: int
    mode: str
    dtype: str = "float32"
    option: str = ""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return (self.B, self.T, self.I, self.H)

    @property
    def itemsize(self) -> int:
        """Bytes per number."""
        return 4 if self.dtype == "float32" else 8

    @property
    def stack(self) -> Stack:
        return STACKS[self.option]

    @property
    def P(self) -> int:
        """Numbers of h."""
        return max(1, self.H // 2) if self.stack.projected else self.H

    @property
    def layer_inputs(self) -> list[int]:
        """Input features of each layer."""
        return [self.I, *[self.P * self.stack.directions] * (self.stack.layers - 1)]

    def flop(self) -> int:
        """Multiplications and additions of the matrix products: 8 B T H (I+H) forward, three times that in training.

        In a stack 2 G instead of 8 for G gates, valid steps instead of B T, summed over layers and directions; a
        projection to P adds 2 B T H P.
        """
        valid = self.lengths()
        steps = self.B * self.T if valid is None else int(valid.sum())
        gates, projection = GATES[self.stack.cell], self.P if self.stack.projected else 0
        columns = sum(gates * (I + self.P) + projection for I in self.layer_inputs) * self.stack.directions
        return 2 * steps * self.H * columns * (3 if self.mode == "training" else 1)

    def lengths(self) -> NDArray[np.int64] | None:
        """Valid steps of each row, evenly spread over 1..T in no order (53 % of B*T at T=100); None: T in every row."""
        if not self.stack.ragged:
            return None
        spread = np.rint(np.linspace(max(1, self.T // 17), self.T, self.B)).astype(np.int64)
        return np.random.default_rng(self.B).permutation(spread)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def data(self) -> Data:
        """Random inputs, the same in every process: x and dy standard normal, weights uniform in +-1/sqrt(H)."""
        rng = np.random.default_rng([20, self.B, self.T, self.I, self.H])
        B, T, I, H = self.shape
        bound = H**-0.5

        def uniform(*shape: int) -> NDArray[Any]:
            return rng.uniform(-bound, bound, shape).astype(self.dtype)

        return Data(
            x=rng.standard_normal((B, T, I)).astype(self.dtype),
            w_x=uniform(I, 4 * H),
            w_h=uniform(H, 4 * H),
            b=uniform(4 * H),
            dy=rng.standard_normal((B, T, H)).astype(self.dtype),
        )


def parse_shapes(text: str) -> list[tuple[int, int, int, int]]:
    """Read 'B,T,I,H;B,T,I,H;...'.

    Raises:
        ValueError: a shape is not four positive integers.

    Example:
        >>> parse_shapes("1,10,1,50; 32,20,13,128")
        [(1, 10, 1, 50), (32, 20, 13, 128)]
    """
    shapes: list[tuple[int, int, int, int]] = []
    for item in filter(None, (part.strip() for part in text.split(";"))):
        try:
            B, T, I, H = (int(number) for number in item.split(","))
        except ValueError:
            raise ValueError(f"bench: expected --shapes as 'B,T,I,H;B,T,I,H', received {item!r}") from None
        if min(B, T, I, H) < 1:
            raise ValueError(f"bench: expected B, T, I, H >= 1 in --shapes, received {item!r}")
        shapes.append((B, T, I, H))
    if not shapes:
        raise ValueError(f"bench: expected --shapes as 'B,T,I,H;B,T,I,H', received {text!r}")
    return shapes
