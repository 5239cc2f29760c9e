"""Cases beyond one LSTM layer: other cells, rows of different lengths, two directions, two layers, a projection."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cases import GATES, Case
from .machine import Limits

Weights = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]  # w_x (I,GH), w_h (P,GH), b of `functional`


def weights(case: Case) -> list[list[Weights]]:
    """[layer][direction], uniform in +-1/sqrt(H), the same in every process.

    Example:
        >>> w_x, w_h, b = weights(Case(2, 5, 7, 3, "inference", option="gru"))[0][0]
        >>> w_x.shape, w_h.shape, b.shape
        ((7, 9), (3, 9), (2, 9))
    """
    stack, H = case.stack, case.H
    columns = GATES[stack.cell] * H
    rng = np.random.default_rng([21, *case.shape])

    def uniform(*shape: int) -> NDArray[Any]:
        return rng.uniform(-(H**-0.5), H**-0.5, shape).astype(case.dtype)

    bias = (2, columns) if stack.cell == "gru" else (columns,)
    return [
        [(uniform(inputs, columns), uniform(case.P, columns), uniform(*bias)) for _ in range(stack.directions)]
        for inputs in case.layer_inputs
    ]


def projection(case: Case) -> NDArray[Any] | None:
    """w_p (H,P) of all layers, uniform in +-1/sqrt(H); None without."""
    if not case.stack.projected:
        return None
    rng, bound = np.random.default_rng([23, *case.shape]), case.H**-0.5
    return rng.uniform(-bound, bound, (case.H, case.P)).astype(case.dtype)


def output_gradient(case: Case) -> NDArray[Any]:
    """dy (B,T,P directions), standard normal; zero beyond a row's length."""
    width = case.P * case.stack.directions
    dy = np.random.default_rng([22, *case.shape]).standard_normal((case.B, case.T, width)).astype(case.dtype)
    valid = case.lengths()
    if valid is not None:
        dy[np.arange(case.T) >= valid[:, None]] = 0
    return dy


def limit_seconds(case: Case, limits: Limits) -> float:
    """The machine's lower bound: that of LSTM layers of these sizes, times gates / 4 and the valid share of steps."""
    layers = [replace(case, I=inputs, option="") for inputs in case.layer_inputs]
    share = case.flop() / (case.stack.directions * sum(layer.flop() for layer in layers))
    return share * case.stack.directions * sum(map(limits.seconds, layers))


def named(kind: str, layer: int, direction: int) -> str:
    """Name of a weight gradient in `outputs`: 'dw_x', or 'dw_x.1.0' behind the first layer and direction."""
    return kind if (layer, direction) == (0, 0) else f"{kind}.{layer}.{direction}"
