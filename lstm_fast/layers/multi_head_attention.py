"""MultiHeadAttention: attention in several projections at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from lstm_fast import constraints, initializers, regularizers
from lstm_fast.layers.base import Layer
from lstm_fast.layers.dense import DenseOp
from lstm_fast.layers.symbolic import Shape
from lstm_fast.training.attention import AttentionOp, Masking
from lstm_fast.training.parameters import Parameter
from lstm_fast.training.plan import Plan, Value
from lstm_fast.utils.random import new_generator

_WITH = {"initializer": initializers, "regularizer": regularizers, "constraint": constraints}


class MultiHeadAttention(Layer):
    """query (B,T,E), value (B,S,F), key (B,S,G) -> (B,T,E), in N heads at once; key None: the value.

        q = query w_q + b_q    k = key w_k + b_k    v = value w_v + b_v        (B,T or S,N,key_dim or value_dim)
        y = softmax(q k^T / sqrt(key_dim)) v, per head, then y w_o + b_o

    Args:
        num_heads: N.
        key_dim: size of a head's queries and keys.
        value_dim: size of a head's values; None: key_dim.
        dropout: part of the weights that is dropped while training.
        use_bias: whether projections have a bias.
        output_shape: size of the result; None: that of the query.
        others: as in Keras 3. Weights: query, key, value kernels (E,N,key_dim) and biases (N,key_dim), each pair in a
            row, then attention_output (N,value_dim,E) and (E).

    Called as `layer(query, value, key=None, query_mask=, value_mask=, key_mask=, attention_mask=,
    return_attention_scores=False, use_causal_mask=False)`; attention_mask (B,T,S) is 0 where a query must not look.

    Source:
        Vaswani et al. 2017.

    Example:
        >>> import numpy as np
        >>> x = np.ones((2, 5, 8), np.float32)
        >>> MultiHeadAttention(num_heads=2, key_dim=4)(x, x).shape
        (2, 5, 8)
    """

    inputs_min: ClassVar[int] = 2
    inputs_max: ClassVar[int | None] = 4  # query, value, perhaps key, perhaps attention_mask
    supports_masking: ClassVar[bool] = True

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[int] | None = None,
        attention_axes: Any = None,
        sliding_window: int | None = None,
        flash_attention: Any = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        given = locals()
        sizes = {"num_heads": num_heads, "key_dim": key_dim, "value_dim": value_dim or key_dim}
        for name, n in sizes.items():
            if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
                raise ValueError(f"{self.label}: expected {name} as an integer >= 1, got {n!r}")
        if isinstance(dropout, bool) or not 0 <= dropout < 1:
            raise ValueError(f"{self.label}: expected dropout in [0, 1), got {dropout!r}")
        for name in ("sliding_window", "use_gate", "activity_regularizer"):
            if given[name]:
                raise ValueError(f"{self.label}: {name}={given[name]!r} is not supported; supported is None or False")
        if attention_axes not in (None, 1, (1,), [1]):
            raise ValueError(f"{self.label}: attention_axes={attention_axes!r} is not supported; supported is None")
        self.num_heads, self.key_dim, self.value_dim = int(num_heads), int(key_dim), int(value_dim or key_dim)
        self.dropout, self.use_bias, self.seed = float(dropout), bool(use_bias), seed
        self.rng = new_generator(seed) if dropout else None  # its state is part of a model file
        self.output_size = (output_shape,) if isinstance(output_shape, int) else output_shape and tuple(output_shape)
        self.options: dict[str, Any] = {
            f"{part}_{kind}": module.get(given[f"{part}_{kind}"])
            for kind, module in _WITH.items()
            for part in ("kernel", "bias")
        }

    # weights

    def build(self, *shapes: Shape) -> None:
        query, value = shapes[:2]
        key = shapes[2] if len(shapes) > 2 and shapes[2][-1] is not None else value
        N, K, V = self.num_heads, self.key_dim, self.value_dim
        sizes = [query[-1], key[-1], value[-1]]
        if None in sizes:
            raise ValueError(f"{self.label}: expected known numbers of features, got {', '.join(map(str, shapes))}")
        result = tuple(n or 0 for n in (self.output_size or (query[-1],)))
        self.query = self._projection("query", (sizes[0] or 0,), (N, K))
        self.key = self._projection("key", (sizes[1] or 0,), (N, K))
        self.value = self._projection("value", (sizes[2] or 0,), (N, V))
        self.result = self._projection("attention_output", (N, V), result)

    def _projection(
        self, name: str, inputs: tuple[int, ...], outputs: tuple[int, ...]
    ) -> tuple[Parameter, Parameter | None]:
        made = [
            self.add_weight(
                f"{name}/{part}", shape, self.options[f"{part}_initializer"], True,
                self.options[f"{part}_regularizer"], self.options[f"{part}_constraint"],
            )
            for part, shape in (("kernel", (*inputs, *outputs)), ("bias", outputs))
            if part == "kernel" or self.use_bias
        ]  # fmt: skip
        return made[0], made[1] if self.use_bias else None

    # calls

    def output_shapes(self, *shapes: Shape) -> list[Shape]:
        q, v = shapes[:2]
        k = shapes[2] if len(shapes) > 2 else v
        if any(len(s) != 3 for s in shapes[:3]) or (None not in (k[1], v[1]) and k[1] != v[1]):
            raise ValueError(f"{self.label}: expected query (B,T,E), value (B,S,F) and key (B,S,G), "
                             f"got {', '.join(map(str, shapes))}")  # fmt: skip
        for name, shape in (("query", q), ("key", k), ("value", v)):
            if self.built and shape[2] != getattr(self, name)[0].shape[0]:
                raise ValueError(f"{self.label}: expected {getattr(self, name)[0].shape[0]} features in {name}, "
                                 f"got {shape}")  # fmt: skip
        return [(q[0], q[1], *(self.output_size or (q[2],)))]

    def call_shapes(self, shapes: Any, arguments: dict[str, Any]) -> list[Shape]:
        parts = shapes[:-1] if arguments.get("attention_mask") else shapes
        outputs = self.output_shapes(*parts)
        scores = (shapes[0][0], self.num_heads, shapes[0][1], shapes[1][1])
        return [*outputs, scores] if arguments.get("return_attention_scores") else outputs

    def __call__(  # type: ignore[override]
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        parts = [query, value, *([] if key is None else [key])]
        masks = [query_mask, value_mask, *([] if key is None else [key_mask])]
        chosen = {"return_attention_scores": return_attention_scores, "use_causal_mask": use_causal_mask}
        if attention_mask is not None:
            parts.append(attention_mask)
            chosen["attention_mask"] = True
        return self.call_on(parts, masks, bool(training), **{name: True for name, on in chosen.items() if on})

    def add_ops(self, plan: Plan, inputs: list[Value], **arguments: Any) -> list[Value]:
        pairs = inputs[-1] if arguments.get("attention_mask") else None
        parts = inputs[:-1] if pairs is not None else inputs
        query, value = parts[:2]
        key = parts[2] if len(parts) > 2 else value
        N, want_scores = self.num_heads, bool(arguments.get("return_attention_scores"))
        q = self._project(plan, query, self.query, self.key_dim)
        k = self._project(plan, key, self.key, self.key_dim)
        v = self._project(plan, value, self.value, self.value_dim)
        hide = "zero" if self.dropout or want_scores else "fill"  # as in Keras: two ways for a query without any key
        masking = Masking(hide, query.mask, [value.mask, key.mask], pairs, bool(arguments.get("use_causal_mask")))
        outputs = [plan.value((*query.shape[:2], N, self.value_dim))]
        if want_scores:
            outputs.append(plan.value((query.shape[0], N, query.shape[1], value.shape[1])))
        dropout = (self.dropout, self.rng) if plan.training and self.rng is not None else None
        plan.add(AttentionOp(plan, [q, v, k], outputs, masking, 1 / math.sqrt(self.key_dim), dropout))
        y = plan.value((*query.shape[:2], *self.result[0].shape[2:]), mask=query.mask)
        plan.add(DenseOp(plan, outputs[0], y, *self.result, inner=2))
        return [y, *outputs[1:]]

    def _project(self, plan: Plan, x: Value, weights: tuple[Parameter, Parameter | None], size: int) -> Value:
        y = plan.value((*x.shape[:2], self.num_heads, size))
        plan.add(DenseOp(plan, x, y, *weights))
        return y

    def get_config(self) -> dict[str, Any]:
        names = ("num_heads", "key_dim", "value_dim", "dropout", "use_bias", "seed")
        settings: dict[str, Any] = {n: getattr(self, n) for n in names}
        settings["output_shape"] = None if self.output_size is None else list(self.output_size)
        for kind, module in _WITH.items():
            settings |= {
                f"{part}_{kind}": module.serialize(self.options[f"{part}_{kind}"]) for part in ("kernel", "bias")
            }
        return {**super().get_config(), **settings}
