"""Types of the compiled extension (src/binding/_core.pyx); its docstrings say what each call does."""

from collections.abc import Callable, Iterable
from typing import Any, final

import numpy as np
from numpy.typing import DTypeLike

_Array = np.ndarray[Any, Any]
_PerLayer = list[_Array] | list[_Array | None] | list[None]
_Activation = str | tuple[str, float] | tuple[str, float, float]

def empty(shape: tuple[int, ...], dtype: DTypeLike | None = None) -> _Array: ...

@final
class Weights:
    # cell 'lstm': gates i f g o, w_x (I,4H), w_h (H,4H), b (4H); states h and c
    # cell 'gru': gates z r n, w_x (I,3H), w_h (H,3H), b (2,3H) = b_x, b_h, or (3H) with
    # reset_after=False; state h: pass None for c0, c, dc, dc0
    # cell 'rnn': w_x (I,H), w_h (H,H), b (H); state h
    # an activation is a name of activations(), or (name, alpha), or (name, alpha, beta): `activation` of g, n, h',
    # `recurrent_activation` of the other gates, `output_activation` of c' (None: activation)
    # clip: of the arguments of the gates' activations, cell_clip: of c' (0: none); input_forget: f = 1 - i
    # peephole: pack takes (3H), i f o; zoneout_h, zoneout_c: rates
    # projection: P, pack takes (H,P); h, y, w_h, ... then have P numbers where they have H; 0: none
    # layer_norm: pack takes (10H), gains of x w_x, h w_h and c', shift of c'
    cell: str
    nbytes: int
    def __init__(
        self,
        cell: str,
        I: int,
        H: int,
        dtype: DTypeLike,
        backward: bool = False,
        input_grad: bool = True,
        *,
        activation: _Activation = "tanh",
        recurrent_activation: _Activation = "sigmoid",
        output_activation: _Activation | None = None,
        clip: float = 0,
        cell_clip: float = 0,
        input_forget: bool = False,
        peephole: bool = False,
        zoneout_h: float = 0,
        zoneout_c: float = 0,
        reset_after: bool = True,
        projection: int = 0,
        layer_norm: bool = False,
        layer_norm_epsilon: float = 1e-5,
    ) -> None: ...
    def pack(
        self,
        w_x: _Array,
        w_h: _Array,
        b: _Array | None,
        peephole: _Array | None = None,
        projection: _Array | None = None,
        layer_norm: _Array | None = None,
        num_threads: int = 0,
    ) -> None: ...

@final
class Rows:
    B: int
    T: int
    total: int
    places: int
    reverse: bool
    packed: bool
    def __init__(
        self, B: int, T: int, lengths: _Array | None = None, offsets: _Array | None = None, reverse: bool = False
    ) -> None: ...
    def fill(self, mask: _Array | None = None, reset: _Array | None = None) -> None: ...

@final
class Sequence:
    state_nbytes: int
    scratch_nbytes: int
    def __init__(
        self,
        weights: Weights,
        B: int,
        T: int,
        *,
        training: bool = False,
        reverse: bool = False,
        lengths: _Array | None = None,
        rows: Rows | None = None,
        refill: bool = False,
        num_threads: int = 0,
        checkpoint_every: int = 0,
    ) -> None: ...
    def forward(
        self,
        x: _Array,
        h0: _Array | None,
        c0: _Array | None,
        y: _Array | None,
        h: _Array | None,
        c: _Array | None,
        weights: Weights | None = None,
        h_scale: _Array | None = None,
        c_seq: _Array | None = None,
        zoneout_seed: int | None = None,
    ) -> None: ...
    def backward(
        self,
        x: _Array,
        dy: _Array | None,
        dh: _Array | None,
        dc: _Array | None,
        dx: _Array | None,
        dw_x: _Array,
        dw_h: _Array,
        db: _Array,
        dh0: _Array | None,
        dc0: _Array | None,
        h0: _Array | None,
        c0: _Array | None,
        accumulate: bool = False,
        h_scale: _Array | None = None,
        dpeephole: _Array | None = None,
        dprojection: _Array | None = None,
        dc_seq: _Array | None = None,
        dlayer_norm: _Array | None = None,
    ) -> None: ...

@final
class Stack:
    state_nbytes: int
    def __init__(self, sequences: Iterable[Sequence]) -> None: ...
    def forward(
        self,
        x: _Array,
        h0s: _PerLayer,
        c0s: _PerLayer,
        ys: list[_Array] | list[_Array | None],
        hs: _PerLayer,
        cs: _PerLayer,
        factors: _PerLayer | None = None,
        weights: list[Weights] | None = None,
    ) -> None: ...
    def backward(
        self,
        x: _Array,
        ys: list[_Array],
        dy: _Array | None,
        dhs: _PerLayer,
        dcs: _PerLayer,
        dxs: _PerLayer,
        dweights: list[tuple[_Array, _Array, _Array]],
        dh0s: _PerLayer,
        dc0s: _PerLayer,
        h0s: _PerLayer,
        c0s: _PerLayer,
        factors: _PerLayer | None = None,
        accumulate: bool = False,
    ) -> None: ...

@final
class Stream:
    h: _Array
    c: _Array
    def __init__(
        self,
        weights: Weights,
        h: _Array,
        c: _Array,
        otherwise: Callable[[Any, Any, bool], _Array] | None = None,
        num_threads: int = 0,
    ) -> None: ...
    def bind(self, h: _Array, c: _Array) -> None: ...
    def step(self, x: _Array, out: _Array | None = None) -> _Array: ...
    def run(self, x: _Array, out: _Array | None = None) -> _Array: ...

@final
class Dense:
    def __init__(
        self,
        rows: int,
        I: int,
        O: int,
        dtype: DTypeLike,
        activation: str = "linear",
        training: bool = False,
        num_threads: int = 0,
    ) -> None: ...
    def forward(self, x: _Array, w: _Array, b: _Array | None, y: _Array, packed: bool = False) -> None: ...
    def backward(
        self,
        x: _Array,
        w: _Array,
        y: _Array,
        dy: _Array,
        dx: _Array | None,
        dw: _Array,
        db: _Array | None,
        accumulate: bool = False,
    ) -> None: ...

def adam(
    p: _Array,
    g: _Array,
    m: _Array,
    v: _Array,
    lr: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    step: int,
    weight_decay: float = 0.0,
    vhat: _Array | None = None,
) -> None: ...
def sgd(
    p: _Array,
    g: _Array,
    mom: _Array | None,
    lr: float,
    momentum: float,
    nesterov: bool,
    weight_decay: float = 0.0,
) -> None: ...
def rmsprop(
    p: _Array,
    g: _Array,
    v: _Array,
    mom: _Array | None,
    mg: _Array | None,
    lr: float,
    rho: float,
    momentum: float,
    epsilon: float,
    weight_decay: float = 0.0,
) -> None: ...
def mse(y_true: _Array, y_pred: _Array, dpred: _Array | None, weight: _Array | None) -> float: ...
def mae(y_true: _Array, y_pred: _Array, dpred: _Array | None, weight: _Array | None) -> float: ...
def class_gradient(
    p: _Array, labels: _Array, weight: _Array | None, scale: float, chosen: _Array, dlogits: _Array | None
) -> None: ...
def norm2(g: _Array) -> float: ...
def tanh(x: _Array, out: _Array) -> None: ...
def sigmoid(x: _Array, out: _Array) -> None: ...
def softmax(x: _Array, out: _Array) -> None: ...
def gather(src: _Array, index: _Array, out: _Array, first: int = 0) -> None: ...
def scatter_add(src: _Array, index: _Array, out: _Array) -> None: ...
def activations() -> tuple[str, ...]: ...
def isa() -> str: ...
def isas() -> tuple[str, ...]: ...
def get_num_threads() -> int: ...
def set_num_threads(n: int) -> None: ...
def build_info() -> dict[str, Any]: ...
def probe_fma(seconds: float, dtype: DTypeLike = "float32") -> float: ...
def probe_bandwidth(nbytes: int, seconds: float) -> float: ...
def probe_barrier(threads: int, seconds: float) -> tuple[float, float]: ...
