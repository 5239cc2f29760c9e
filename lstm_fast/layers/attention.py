"""Attention and AdditiveAttention: for each query a weighted mean of the values."""

from __future__ import annotations

from typing import Any, ClassVar

from lstm_fast.layers.base import Layer
from lstm_fast.layers.symbolic import Shape
from lstm_fast.training.attention import AttentionOp, ClearOp, Masking, TanhAttentionOp
from lstm_fast.training.parameters import Parameter
from lstm_fast.training.plan import Op, Plan, Value
from lstm_fast.utils.random import new_generator


class Attention(Layer):
    """[query (B,Tq,K), value (B,Tk,V), key (B,Tk,K)] -> (B,Tq,V): y = softmax(scores) value; key None: the value.

        scores = scale query key^T                                   score_mode 'dot'
        scores = w * sum over K of tanh(scale (query_i + key_j))     score_mode 'concat'

    Args:
        use_scale: learn the scale, a number; otherwise it is 1.
        score_mode: 'dot' or 'concat'.
        dropout: part of the weights that is dropped while training.
        seed: None: from `utils.set_random_seed`.

    Called as `layer([q, v, k], mask=[q_mask, v_mask], use_causal_mask=False, return_attention_scores=False)`: masked
    values get no weight, masked queries give 0; causal: query i looks at values 0..i. Weights: scale (), w ().

    Source:
        Luong, Pham & Manning 2015.

    Example:
        >>> import numpy as np
        >>> q, v = np.ones((2, 3, 4), np.float32), np.ones((2, 5, 4), np.float32)
        >>> Attention()([q, v]).shape
        (2, 3, 4)
    """

    inputs_min: ClassVar[int] = 2
    inputs_max: ClassVar[int | None] = 3

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if score_mode not in ("dot", "concat"):
            raise ValueError(f"{self.label}: expected score_mode 'dot' or 'concat', got {score_mode!r}")
        if isinstance(dropout, bool) or not 0 <= dropout < 1:
            raise ValueError(f"{self.label}: expected dropout in [0, 1), got {dropout!r}")
        self.use_scale, self.score_mode = bool(use_scale), score_mode
        self.dropout, self.seed = float(dropout), seed
        self.rng = new_generator(seed) if dropout else None  # its state is part of a model file
        self.scale: Parameter | None = None
        self.concat_score_weight: Parameter | None = None

    def build(self, *shapes: Shape) -> None:
        if self.use_scale:
            self.scale = self.add_weight("scale", (), "ones")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight("concat_score_weight", (), "ones")

    def output_shapes(self, *shapes: Shape) -> list[Shape]:
        q, v = shapes[:2]
        k = shapes[2] if len(shapes) > 2 else v
        if any(len(s) != 3 for s in shapes) or q[2] != k[2] or (None not in (k[1], v[1]) and k[1] != v[1]):
            raise ValueError(f"{self.label}: expected query (B,Tq,K), value (B,Tk,V) and key (B,Tk,K), "
                             f"got {', '.join(map(str, shapes))}")  # fmt: skip
        return [(q[0], q[1], v[2])]

    def call_shapes(self, shapes: Any, arguments: dict[str, Any]) -> list[Shape]:
        outputs = self.output_shapes(*shapes)
        scores = (shapes[0][0], shapes[0][1], shapes[1][1])
        return [*outputs, scores] if arguments.get("return_attention_scores") else outputs

    def __call__(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        if not isinstance(inputs, list | tuple):
            raise TypeError(f"{self.label}: expected [query, value] or [query, value, key], "
                            f"got {type(inputs).__name__}")  # fmt: skip
        chosen = {"return_attention_scores": return_attention_scores, "use_causal_mask": use_causal_mask}
        return self.call_on(list(inputs), mask, bool(training), **{name: True for name, on in chosen.items() if on})

    def add_ops(self, plan: Plan, inputs: list[Value], **arguments: Any) -> list[Value]:
        q, v = inputs[:2]
        k = inputs[2] if len(inputs) > 2 else v
        masking = Masking("shift", None, [v.mask], None, bool(arguments.get("use_causal_mask")))
        outputs = [plan.value((*q.shape[:2], v.shape[2]), mask=q.mask)]
        if arguments.get("return_attention_scores"):
            outputs.append(plan.value((*q.shape[:2], k.shape[1])))
        dropout = (self.dropout, self.rng) if plan.training and self.rng is not None else None
        plan.add(self.op(plan, [q, v, k], outputs, masking, dropout))
        if q.mask is not None:
            cleared = plan.value(outputs[0].shape, mask=q.mask)
            plan.add(ClearOp(outputs[0], cleared, q.mask))
            outputs[0] = cleared
        return outputs

    def op(self, plan: Plan, inputs: list[Value], outputs: list[Value], masking: Masking, dropout: Any) -> Op:
        if self.score_mode == "dot":
            return _DroppedScores(plan, inputs, outputs, masking, 1.0 if self.scale is None else self.scale, dropout)
        return TanhAttentionOp(
            plan, inputs, outputs, masking, dropout, gain=self.scale, weight=self.concat_score_weight
        )

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return None if mask is None else mask[0]

    def get_config(self) -> dict[str, Any]:
        settings = {"use_scale": self.use_scale, "score_mode": self.score_mode}
        return {**super().get_config(), **settings, "dropout": self.dropout, "seed": self.seed}


class AdditiveAttention(Attention):
    """[query (B,Tq,K), value (B,Tk,V), key (B,Tk,K)] -> (B,Tq,V): y = softmax(scores) value; key None: the value.

        scores = sum over K of scale * tanh(query_i + key_j)

    Args:
        use_scale: learn the scale (K); otherwise it is 1.
        dropout, seed: as in `Attention`, as are the arguments of a call.

    Source:
        Bahdanau, Cho & Bengio 2015.

    Example:
        >>> import numpy as np
        >>> q, v = np.ones((2, 3, 4), np.float32), np.ones((2, 5, 4), np.float32)
        >>> AdditiveAttention()([q, v]).shape
        (2, 3, 4)
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(use_scale, "concat", dropout, **kwargs)

    def build(self, *shapes: Shape) -> None:
        K = shapes[0][-1]
        if K is None:
            raise ValueError(f"{self.label}: expected a known number of features, got query {shapes[0]}")
        if self.use_scale:
            self.scale = self.add_weight("scale", (K,), "glorot_uniform")

    def op(self, plan: Plan, inputs: list[Value], outputs: list[Value], masking: Masking, dropout: Any) -> Op:
        return TanhAttentionOp(plan, inputs, outputs, masking, dropout, vector=self.scale)

    def get_config(self) -> dict[str, Any]:
        return {name: value for name, value in super().get_config().items() if name != "score_mode"}


class _DroppedScores(AttentionOp):
    """Its second output is what the values were weighted with, after dropout."""

    dropped = True
