"""PyTorch: `torch.nn.LSTM`, time-major (its native layout), inference under `inference_mode`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..cases import Case


def version() -> str:
    return str(torch.__version__)


def setup(case: Case, threads: int) -> Callable[[], Any]:
    torch.set_num_threads(threads)
    data = case.data()
    dtype = getattr(torch, case.dtype)
    x = torch.from_numpy(np.ascontiguousarray(data.x.swapaxes(0, 1)))  # (T,B,I)
    layer = torch.nn.LSTM(case.I, case.H, dtype=dtype)
    with torch.no_grad():
        layer.weight_ih_l0.copy_(torch.from_numpy(data.w_x.T.copy()))  # (4H,I)
        layer.weight_hh_l0.copy_(torch.from_numpy(data.w_h.T.copy()))  # (4H,H)
        layer.bias_ih_l0.copy_(torch.from_numpy(data.b))
        layer.bias_hh_l0.zero_()

    if case.mode == "inference":
        layer.eval()

        def infer() -> Any:
            with torch.inference_mode():
                return layer(x)[0]

        return infer

    layer.train()
    x.requires_grad_()
    dy = torch.from_numpy(np.ascontiguousarray(data.dy.swapaxes(0, 1)))
    wanted = [x, layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0]

    def train() -> Any:
        y = layer(x)[0]
        return y, torch.autograd.grad(y, wanted, dy)

    return train


def outputs(raw: Any) -> dict[str, NDArray[Any]]:
    if isinstance(raw, torch.Tensor):
        return {"y": raw.numpy().swapaxes(0, 1)}
    y, (dx, dw_x, dw_h, db, _) = raw
    return {
        "y": y.detach().numpy().swapaxes(0, 1),
        "dx": dx.numpy().swapaxes(0, 1),
        "dw_x": dw_x.numpy().T,
        "dw_h": dw_h.numpy().T,
        "db": db.numpy(),
    }
