"""The operation of an LSTM layer in a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lstm_fast import _core
from lstm_fast.training.parameters import Array
from lstm_fast.training.plan import Op, Plan, Value

if TYPE_CHECKING:
    from lstm_fast.layers.lstm import LSTM


class LSTMOp(Op):
    """inputs x (B,T,I) and perhaps h0, c0 (B,H) -> [y (B,T,H) or h (B,H)], and h, c with return_state.

    While training it packs the weights, which the optimizer has changed, in front of each forward.
    """

    def __init__(self, layer: LSTM, plan: Plan, inputs: list[Value]) -> None:
        B, T, I = inputs[0].shape
        H = layer.units
        self.layer = layer
        weights = [p for p in (layer.kernel, layer.recurrent_kernel, layer.bias) if p is not None]
        self.learns = plan.asks_gradient(inputs, weights)
        self.input_grad = self.learns and inputs[0].needs_grad
        self.y = _core.empty((B, T, H), plan.dtype) if layer.return_sequences else None
        h, c = plan.value((B, H)), plan.value((B, H))
        self.h, self.c = h.array, c.array
        if layer.return_sequences and T == 0:
            self.y = np.zeros((B, 0, H), plan.dtype)
        outputs = [h if self.y is None else Value(self.y, inputs[0].mask)]
        # with return_state and no sequences, two outputs are one array: each has its own gradient
        outputs += [Value(self.h), c] if layer.return_state else []
        super().__init__(inputs, outputs, weights)
        self.steps = None if self.y is None else self.y[:, ::-1] if layer.go_backwards else self.y
        self.no_bias_grad = np.empty(4 * H, plan.dtype)  # the kernel wants a place for db
        self.start: list[Array] | None = [np.zeros((B, H), plan.dtype) for _ in "hc"] if layer.stateful else None
        if self.learns:
            self.weights = _core.Weights("lstm", I, H, plan.dtype, backward=True, input_grad=self.input_grad)
        else:
            self.weights = layer.packed()
        self.sequence = _core.Sequence(self.weights, B, T, training=self.learns, reverse=layer.go_backwards)

    def forward(self) -> None:
        layer, inputs = self.layer, self.inputs
        weights = self.weights
        if self.learns:
            bias = layer.bias
            weights.pack(layer.kernel.array, layer.recurrent_kernel.array, None if bias is None else bias.array)
        else:
            weights = layer.packed()
        h0 = c0 = None
        if len(inputs) == 3:
            h0, c0 = inputs[1].array, inputs[2].array
        elif self.start is not None:
            state = layer.state_of(len(self.h))
            h0, c0 = self.start
            np.copyto(h0, state[0])
            np.copyto(c0, state[1])
        self.sequence.forward(inputs[0].array, h0, c0, self.steps, self.h, self.c, weights)
        if self.start is not None:
            state = layer.state_of(len(self.h))
            np.copyto(state[0], self.h)
            np.copyto(state[1], self.c)

    def backward(self) -> None:
        layer, inputs, dx = self.layer, self.inputs, self.dx
        dy = dh = dc = None
        first = self.outputs[0].grad
        if self.y is None:
            dh = first
        elif first is not None:
            dy = first[:, ::-1] if layer.go_backwards else first
        if layer.return_state:
            state_dh, dc = self.outputs[1].grad, self.outputs[2].grad
            dh = state_dh if dh is None else dh if state_dh is None else dh + state_dh
        h0 = c0 = dh0 = dc0 = None
        if len(inputs) == 3:
            h0, c0, dh0, dc0 = inputs[1].array, inputs[2].array, dx[1], dx[2]
        elif self.start is not None:
            h0, c0 = self.start
        db = self.no_bias_grad if layer.bias is None else layer.bias.grad
        dw_x, dw_h = layer.kernel.grad, layer.recurrent_kernel.grad
        x = inputs[0].array
        self.sequence.backward(x, dy, dh, dc, dx[0], dw_x, dw_h, db, dh0, dc0, h0, c0, self.accumulate)
