"""A program in PyTorch, as its users write it: nn.LSTM, Adam, a loop over shuffled batches."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from .catalog import CURVE_EPOCHS, LayerSpec, Program
from .data import Array

EPSILON = 1e-7
_LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "mse": F.mse_loss,
    "binary_crossentropy": F.binary_cross_entropy_with_logits,
    "sparse_categorical_crossentropy": lambda logits, y: F.cross_entropy(logits.flatten(0, -2), y.flatten()),
}


def refuses(program: Program) -> str:
    """Why a program has no simple form in torch; '' when it has one."""
    if program.graph is not None:
        return "a graph"
    for name, options in program.layers:
        inner, given = options.get("layer", (name, options))
        if inner == "BatchNormalization" or (inner != "Dense" and "activation" in given) or given.get("mask_zero"):
            return f"{inner} with what nn.{inner} lacks" if inner in ("LSTM", "Embedding") else inner
    return ""


class Net(nn.Module):  # type: ignore[misc]
    """The layers one after the other; the last activation is part of the loss."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.specs = program.layers
        self.gives_shares = program.predicts and program.layers[-1][1].get("activation") == "softmax"
        width = program.shape[-1]
        modules: list[Any] = []
        for name, options in program.layers:
            inner, given = options.get("layer", (name, options))
            if inner in ("LSTM", "GRU"):
                both = name == "Bidirectional"
                modules.append(getattr(nn, inner)(width, given["units"], batch_first=True, bidirectional=both))
                width = given["units"] * (2 if both else 1)
            elif inner == "Dense":
                modules.append(nn.Linear(width, given["units"]))
                width = given["units"]
            elif inner == "Embedding":
                modules.append(nn.Embedding(given["input_dim"], given["output_dim"]))
                width = given["output_dim"]
            else:
                modules.append(nn.Identity())
        self.parts = nn.ModuleList(modules)

    def forward(self, x: Any) -> Any:
        for (name, options), part in zip(self.specs, self.parts, strict=True):
            inner, given = options.get("layer", (name, options))
            if name == "RepeatVector":
                x = x[:, None].expand(-1, options["n"], -1)
            elif inner in ("LSTM", "GRU"):
                y, last = part(x)
                h = last[0] if inner == "LSTM" else last
                x = y if given["return_sequences"] else torch.cat(list(h), dim=1)
            else:
                x = part(x)
        return x.softmax(-1) if self.gives_shares else x


class Runner:
    """The model of a program with optimizer and data."""

    def __init__(self, program: Program, x: Sequence[Array], y: Array) -> None:
        why = refuses(program)
        if why:
            raise ValueError(f"not simple in torch: {why}")
        self.program = program
        self.x = torch.from_numpy(x[0].astype("int64") if program.words else x[0])
        self.y = torch.from_numpy(y.astype("int64") if program.classes > 1 else y)
        self.net = Net(program)
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=0.001, eps=EPSILON)
        self.updates = 0
        self.loss = _LOSSES[program.loss]

    def set_weights(self, weights: Sequence[Array]) -> None:
        """From Keras' list: gates i f g o as in PyTorch; GRU z r n becomes r z n; kernels are transposed."""
        rest = [torch.from_numpy(np.ascontiguousarray(w)) for w in weights]
        with torch.no_grad():
            for spec, part in zip(self.program.layers, self.net.parts, strict=True):
                if isinstance(part, nn.Embedding):
                    part.weight.copy_(rest.pop(0))
                elif isinstance(part, nn.Linear):
                    part.weight.copy_(rest.pop(0).T)
                    part.bias.copy_(rest.pop(0))
                elif isinstance(part, nn.LSTM | nn.GRU):
                    for suffix in ("", "_reverse") if part.bidirectional else ("",):
                        _recurrent(spec, part, suffix, rest.pop(0), rest.pop(0), rest.pop(0))

    def _update_as_keras(self, x: Any, y: Any) -> float:
        """Keras adds epsilon before it corrects the bias of v, PyTorch after: the same with an epsilon per update."""
        self.updates += 1
        self.optimizer.param_groups[0]["eps"] = EPSILON / math.sqrt(1 - 0.999**self.updates)
        loss: float = self.update(x, y).item()
        return loss

    def update(self, x: Any, y: Any) -> Any:
        self.optimizer.zero_grad()
        loss = self.loss(self.net(x), y)
        loss.backward()
        self.optimizer.step()
        return loss

    def curve(self) -> list[float]:
        """As `keras_way.Runner.curve`."""
        batch = self.program.batch
        if self.program.predicts:
            with torch.inference_mode():
                return [float(v) for v in self.net(self.x).ravel()]
        parts = [slice(k * batch, (k + 1) * batch) for k in range(4)]
        return [
            float(np.mean([self._update_as_keras(self.x[p], self.y[p]) for p in parts])) for _ in range(CURVE_EPOCHS)
        ]

    def run(self, epochs: int) -> int:
        """As `keras_way.Runner.run`."""
        if self.program.predicts:
            with torch.inference_mode():
                for _ in range(epochs):
                    self.net(self.x).numpy()
            return epochs
        batch, updates = self.program.batch, 0
        for _ in range(epochs):
            for index in torch.randperm(self.program.rows).split(batch):
                self.update(self.x[index], self.y[index])
                updates += 1
        return updates


def _recurrent(spec: LayerSpec, part: Any, suffix: str, kernel: Any, recurrent: Any, bias: Any) -> None:
    H = part.hidden_size
    order = slice(None)
    if isinstance(part, nn.GRU):
        order = torch.cat([torch.arange(H, 2 * H), torch.arange(H), torch.arange(2 * H, 3 * H)])
    inputs = bias if bias.ndim == 1 else bias[0]  # Keras' GRU has two biases, as PyTorch's
    getattr(part, f"weight_ih_l0{suffix}").copy_(kernel.T[order])
    getattr(part, f"weight_hh_l0{suffix}").copy_(recurrent.T[order])
    getattr(part, f"bias_ih_l0{suffix}").copy_(inputs[order])
    second = getattr(part, f"bias_hh_l0{suffix}")
    second.copy_(bias[1][order] if bias.ndim == 2 else torch.zeros_like(inputs))
    second.requires_grad_(bias.ndim == 2)  # Keras' LSTM has one bias: two would learn twice as fast
