"""Operations of attention: weighted sums of values, the weights from queries and keys.

Products run in NumPy's BLAS, one row of the batch after the other: a row's numbers do not depend on its mates, but the
last bits may depend on the BLAS.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lstm_fast import activations
from lstm_fast.training.parameters import Array, Parameter
from lstm_fast.training.plan import Op, Plan, Value

SHIFT = 1e9  # taken off a score that does not count
HIDE = -0.7 * float(np.finfo(np.float32).max)  # put in its place


class Masking:
    """Which keys a query may look at: the masks of queries (B,Tq), of keys (B,Tk), any (B,Tq,Tk), and causality.

    hide: 'shift' lowers the other scores by SHIFT, 'fill' replaces them, 'zero' also removes the last of their weight.
    """

    def __init__(
        self, hide: str, queries: Value | None, keys: Sequence[Value | None], pairs: Value | None, causal: bool
    ) -> None:
        self.hide, self.queries, self.pairs, self.causal = hide, queries, pairs, causal
        self.keys = list({id(m): m for m in keys if m is not None}.values())

    def allowed(self, Tq: int, Tk: int) -> Array | None:
        """(B or 1, Tq or 1, Tk), or None where everything counts."""
        parts = [m.array[:, None, :] for m in self.keys]
        if self.queries is not None:
            parts.append(self.queries.array[:, :, None])
        if self.pairs is not None:
            parts.append(np.asarray(self.pairs.array != 0))
        if self.causal:
            parts.append(np.tri(Tq, Tk, dtype=bool)[None])
        result: Array | None = None
        for part in parts:
            result = part if result is None else result & part
        return result


class AttentionOp(Op):
    """y = D v with D = dropout(P), P = softmax(scale q k^T) over the keys that count.

    q (B,Tq,K), k (B,Tk,K), v (B,Tk,V) -> y (B,Tq,V); with `heads` each has an axis N before its last.
    With a second output it is P (B,Tq,Tk) or (B,N,Tq,Tk), or D where `dropped` is set.
    """

    dropped = False

    def __init__(
        self,
        plan: Plan,
        inputs: Sequence[Value],
        outputs: Sequence[Value],
        masking: Masking,
        scale: Parameter | float = 1.0,
        dropout: tuple[float, np.random.Generator] | None = None,
        parameters: Sequence[Parameter] = (),
    ) -> None:
        if isinstance(scale, Parameter):
            parameters = [scale, *parameters]
        super().__init__(inputs, outputs, parameters)
        q, k = inputs[0].shape, inputs[2].shape
        self.heads = len(q) == 4
        self.masking, self.scale, self.dropout = masking, scale, dropout
        self.unscaled = not isinstance(scale, Parameter) and scale == 1.0
        lead = (q[0], q[2]) if self.heads else (q[0],)
        self.P = np.empty((*lead, q[1], k[1]), outputs[0].array.dtype)
        self.D = np.empty_like(self.P) if dropout else self.P
        if len(outputs) > 1:
            outputs[1].array = self.D if self.dropped else self.P

    def rows(self, a: Array) -> Array:
        """(B,T,K), or (B,N,T,K) of (B,T,N,K)."""
        return a.transpose(0, 2, 1, 3) if self.heads else a

    def factor(self) -> Any:
        return self.scale.array.reshape(()) if isinstance(self.scale, Parameter) else self.P.dtype.type(self.scale)

    def scores(self, q: Array, k: Array, out: Array) -> None:
        np.matmul(q, k.swapaxes(-1, -2), out=out)
        if not self.unscaled:
            out *= self.factor()

    def scores_gradient(self, q: Array, k: Array, dS: Array, dq: Array | None, dk: Array | None) -> None:
        if isinstance(self.scale, Parameter):
            self.give(self.scale, (np.matmul(dS, k) * q).sum(dtype=np.float64))
        if not self.unscaled:
            dS *= self.factor()
        if dq is not None:
            np.matmul(dS, k, out=dq)
        if dk is not None:
            np.matmul(dS.swapaxes(-1, -2), q, out=dk)

    def give(self, p: Parameter, gradient: Any) -> None:
        if self.accumulate:
            p.grad += gradient
        else:
            p.grad[...] = gradient

    def forward(self) -> None:
        q, v, k = (self.rows(x.array) for x in self.inputs[:3])
        P, y = self.P, self.outputs[0].array
        if not P.size:
            y.fill(0)
            return
        self.scores(q, k, P)
        allowed = self.masking.allowed(*P.shape[-2:])
        self.allowed = allowed = allowed[:, None] if allowed is not None and self.heads else allowed
        if allowed is not None:
            hidden = P - P.dtype.type(SHIFT) if self.masking.hide == "shift" else P.dtype.type(HIDE)
            np.copyto(P, np.where(allowed, P, hidden))
        activations.table("softmax").forward(P, P)
        if allowed is not None and self.masking.hide == "zero":
            P *= allowed
        if self.dropout is not None:
            self._drop(*self.dropout)
        np.matmul(self.D, v, out=self.rows(y))

    def _drop(self, rate: float, rng: np.random.Generator) -> None:
        dtype: Any = self.P.dtype
        self.kept = np.greater_equal(rng.random(self.P.shape, dtype), rate) * dtype.type(1 / (1 - rate))
        np.multiply(self.P, self.kept, out=self.D)

    def backward(self) -> None:
        q, v, k = (self.rows(x.array) for x in self.inputs[:3])
        dq, dv, dk = (None if d is None else self.rows(d) for d in self.dx[:3])
        dy, dgiven = self.outputs[0].grad, self.outputs[1].grad if len(self.outputs) > 1 else None
        dD = np.zeros_like(self.P) if dy is None else np.matmul(self.rows(dy), v.swapaxes(-1, -2))
        if dv is not None:
            if dy is None:
                dv.fill(0)
            else:
                np.matmul(self.D.swapaxes(-1, -2), self.rows(dy), out=dv)
        if dgiven is not None and self.dropped:
            dD += dgiven
        dP = dD * self.kept if self.dropout is not None else dD
        if dgiven is not None and not self.dropped:
            dP = dP + dgiven
        dS = self.P * (dP - (dP * self.P).sum(axis=-1, keepdims=True))
        if self.allowed is not None and self.masking.hide == "fill":
            dS *= self.allowed
        self.scores_gradient(q, k, dS, dq, dk)


class TanhAttentionOp(AttentionOp):
    """The same with scores[i,j] = weight * sum over d of vector[d] tanh(gain (q[i,d] + k[j,d])); None stands for 1."""

    dropped = True

    def __init__(
        self,
        plan: Plan,
        inputs: Sequence[Value],
        outputs: Sequence[Value],
        masking: Masking,
        dropout: tuple[float, np.random.Generator] | None,
        vector: Parameter | None = None,
        gain: Parameter | None = None,
        weight: Parameter | None = None,
    ) -> None:
        self.vector, self.gain, self.weight = vector, gain, weight
        given = [p for p in (gain, weight, vector) if p is not None]
        super().__init__(plan, inputs, outputs, masking, 1.0, dropout, given)

    def _numbers(self, K: int) -> tuple[Array, Any, Any]:
        """vector (K), gain, weight."""
        one = self.P.dtype.type(1)
        vector: Array = np.ones(K, self.P.dtype) if self.vector is None else self.vector.array
        gain, weight = (one if p is None else p.array.reshape(()) for p in (self.gain, self.weight))
        return vector, gain, weight

    def scores(self, q: Array, k: Array, out: Array) -> None:
        vector, gain, weight = self._numbers(q.shape[-1])
        for qi, ki, row in zip(q, k, out, strict=True):  # (Tq,Tk,K) for one row of the batch at a time
            np.matmul(np.tanh(gain * (qi[:, None] + ki)), vector, out=row)
        out *= weight

    def scores_gradient(self, q: Array, k: Array, dS: Array, dq: Array | None, dk: Array | None) -> None:
        vector, gain, weight = self._numbers(q.shape[-1])
        dvector, dgain, dweight = np.zeros_like(vector), 0.0, 0.0
        for b in range(len(q)):
            total = q[b][:, None] + k[b]
            Z = np.tanh(gain * total)
            if self.weight is not None:
                dweight += float((dS[b] * np.matmul(Z, vector)).sum(dtype=np.float64))
            if self.vector is not None:
                dvector += weight * np.matmul(dS[b].reshape(-1), Z.reshape(-1, Z.shape[-1]))
            dA = (weight * dS[b])[..., None] * vector * (1 - np.square(Z))
            if self.gain is not None:
                dgain += float((dA * total).sum(dtype=np.float64))
            if dq is not None:
                np.multiply(dA.sum(axis=1), gain, out=dq[b])
            if dk is not None:
                np.multiply(dA.sum(axis=0), gain, out=dk[b])
        for p, gradient in ((self.vector, dvector), (self.gain, dgain), (self.weight, dweight)):
            if p is not None:
                self.give(p, gradient)


class ClearOp(Op):
    """y = x where the step counts, else 0."""

    def __init__(self, x: Value, y: Value, mask: Value) -> None:
        super().__init__([x], [y])
        self.mask = mask

    def forward(self) -> None:
        np.copyto(self.outputs[0].array, np.where(self.mask.array[..., None], self.inputs[0].array, 0))

    def backward(self) -> None:
        np.copyto(self.dx[0], np.where(self.mask.array[..., None], self.outputs[0].grad, 0))
