"""PyTorch: `nn.LSTM`, `nn.GRU` or `nn.RNN` with layers, directions and packed rows, time-major.

Padded x in, padded y out, as for us: rows of different lengths are packed and unpacked inside the timed call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ..cases import Case
from ..stacks import named, output_gradient, projection, weights

_MODULES = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}


def _gates(cell: str, w: NDArray[Any]) -> NDArray[Any]:
    """Columns in PyTorch's order: GRU z r n <-> r z n; its own inverse."""
    if cell != "gru":
        return w
    z, r, n = np.split(w, 3, axis=-1)
    return np.concatenate([r, z, n], axis=-1)


def _parameters(layer: Any, k: int, d: int) -> list[Any]:
    """weight_ih (GH,I), weight_hh (GH,P), bias_ih (GH), bias_hh (GH), and with a projection weight_hr (P,H)."""
    suffix = f"_l{k}" + ("_reverse" if d else "")
    names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh", *(["weight_hr"] if layer.proj_size else [])]
    return [getattr(layer, name + suffix) for name in names]


def setup(case: Case, threads: int) -> Callable[[], Any]:
    torch.set_num_threads(threads)
    stack = case.stack
    layer = _MODULES[stack.cell](
        case.I, case.H, stack.layers, bidirectional=stack.directions == 2, dtype=getattr(torch, case.dtype),
        **({"proj_size": case.P} if stack.projected else {}),
    )  # fmt: skip
    w_p = projection(case)
    places = [(k, d) for k in range(stack.layers) for d in range(stack.directions)]
    wanted: list[Any] = []
    with torch.no_grad():
        for k, d in places:
            w_x, w_h, b = weights(case)[k][d]
            b_x, b_h = b if b.ndim == 2 else (b, np.zeros_like(b))
            parameters = _parameters(layer, k, d)
            for parameter, a in zip(parameters, (w_x, w_h, b_x, b_h), strict=w_p is None):
                parameter.copy_(torch.from_numpy(np.ascontiguousarray(_gates(stack.cell, a).T)))
            if w_p is not None:
                parameters[4].copy_(torch.from_numpy(np.ascontiguousarray(w_p.T)))
            wanted += parameters
    x = torch.from_numpy(np.ascontiguousarray(case.data().x.swapaxes(0, 1)))  # (T,B,I)
    valid = case.lengths()
    counts = None if valid is None else torch.from_numpy(valid)

    def forward() -> Any:
        if counts is None:
            return layer(x)[0]
        packed = layer(pack_padded_sequence(x, counts, enforce_sorted=False))[0]
        return pad_packed_sequence(packed, total_length=case.T)[0]

    if case.mode == "inference":
        layer.eval()

        def infer() -> Any:
            with torch.inference_mode():
                return forward()

        return infer

    layer.train()
    x.requires_grad_()
    dy = torch.from_numpy(np.ascontiguousarray(output_gradient(case).swapaxes(0, 1)))

    def train() -> Any:
        y = forward()
        return y, stack, places, torch.autograd.grad(y, [x, *wanted], dy)

    return train


def outputs(raw: Any) -> dict[str, NDArray[Any]]:
    if isinstance(raw, torch.Tensor):
        return {"y": raw.numpy().swapaxes(0, 1)}
    y, stack, places, (dx, *gradients) = raw
    found = {"y": y.detach().numpy().swapaxes(0, 1), "dx": dx.numpy().swapaxes(0, 1)}
    for place, (k, d) in enumerate(places):
        count = len(gradients) // len(places)
        own = gradients[count * place : count * (place + 1)]
        dw_x, dw_h, db_x, db_h = (_gates(stack.cell, g.numpy().T) for g in own[:4])
        db = np.stack([db_x, db_h]) if stack.cell == "gru" else db_x
        found |= {named("dw_x", k, d): dw_x, named("dw_h", k, d): dw_h, named("db", k, d): db}
        found |= {named("dw_p", k, d): g.numpy().T for g in own[4:]}
    return found
