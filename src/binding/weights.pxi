# Packed weights and the options of the cells. Part of _core.pyx.

# kind, alpha, beta where none are given
cdef dict FUNCTIONS = {
    "linear": (LF_LINEAR, 1, 0), "relu": (LF_RELU, 1, 0), "tanh": (LF_TANH, 1, 1), "sigmoid": (LF_SIGMOID, 1, 0),
    "affine": (LF_AFFINE, 1, 0), "leaky_relu": (LF_LEAKY_RELU, 0.2, 0), "thresholded_relu": (LF_THRESHOLDED_RELU, 1, 0),
    "scaled_tanh": (LF_SCALED_TANH, 1, 1), "hard_sigmoid": (LF_HARD_SIGMOID, 1 / 6.0, 0.5), "elu": (LF_ELU, 1, 1),
    "selu": (LF_ELU, 1.6732632423543772, 1.0507009873554805), "softsign": (LF_SOFTSIGN, 1, 0), "softplus": (LF_SOFTPLUS, 1, 0),
    "exponential": (LF_EXPONENTIAL, 1, 0), "silu": (LF_SILU, 1, 0), "swish": (LF_SILU, 1, 0), "relu6": (LF_RELU6, 1, 0),
    "mish": (LF_MISH, 1, 0), "gelu": (LF_GELU, 1, 0),
}
cdef dict CELLS = {"lstm": LF_LSTM, "gru": LF_GRU, "rnn": LF_RNN}


cdef lf_function function_of(object spec) except *:
    """'name', ('name', alpha) or ('name', alpha, beta)."""
    cdef lf_function f
    name, numbers = (spec, ()) if isinstance(spec, str) else (spec[0], tuple(spec[1:]))
    if name not in FUNCTIONS:
        raise ValueError(f"_core: expected an activation in {sorted(FUNCTIONS)}, got {name!r}")
    kind, alpha, beta = FUNCTIONS[name]
    f.kind, f.alpha, f.beta = kind, numbers[0] if numbers else alpha, numbers[1] if len(numbers) > 1 else beta
    return f


def activations():
    """The names that Weights takes for its activations."""
    return tuple(FUNCTIONS)


@cython.final
cdef class Weights:
    """Packed panels of one recurrent layer direction: Weights(cell, I, H, dtype, backward=False, input_grad=True, options).

    cell 'lstm' (gates i f g o), 'gru' (z r n, reset after the product or before) or 'rnn'. An activation is 'name' or ('name', alpha,
    beta): `activation` of g, n, h'; `recurrent_activation` of the other gates; `output_activation` of c' (None: activation).
    Readers may share it between threads as long as nobody packs.
    """
    cdef lf_weights w
    cdef lf_cell_shape shape
    cdef readonly str cell
    cdef tuple options
    cdef readonly int64_t nbytes

    def __cinit__(self, str cell, int64_t I, int64_t H, object dtype, bint backward=False, bint input_grad=True,
                  *, object activation="tanh", object recurrent_activation="sigmoid", object output_activation=None,
                  double clip=0, double cell_clip=0, bint input_forget=False, bint peephole=False,
                  double zoneout_h=0, double zoneout_c=0,
                  bint reset_after=True, int64_t projection=0, bint layer_norm=False, double layer_norm_epsilon=1e-5):
        if cell not in CELLS:
            raise ValueError(f"_core.Weights: expected cell in {sorted(CELLS)}, got {cell!r}")
        if I < 0 or H < 1 or projection < 0:
            raise ValueError(f"_core.Weights: expected I >= 0, H >= 1 and projection >= 0, got I={I}, H={H}, projection={projection}")
        if projection and (cell != "lstm" or zoneout_h > 0 or zoneout_c > 0):
            raise ValueError("_core.Weights: expected projection in an lstm without zoneout")
        self.cell = cell
        self.w.cell = CELLS[cell]
        self.w.gate, self.w.candidate = function_of(recurrent_activation), function_of(activation)
        self.w.output = self.w.candidate if output_activation is None else function_of(output_activation)
        self.w.zoneout_h, self.w.zoneout_c = zoneout_h, zoneout_c
        self.w.clip, self.w.cell_clip, self.w.coupled, self.w.peepholes = clip, cell_clip, input_forget, peephole
        plain = self.w.gate.kind == LF_SIGMOID and self.w.candidate.kind == LF_TANH and clip <= 0
        if cell == "lstm" and not (plain and self.w.output.kind == LF_TANH and cell_clip <= 0 and not input_forget
                                   and not peephole and zoneout_h <= 0 and zoneout_c <= 0):
            self.w.cell = LF_LSTM_ANY_PROJECTED if projection else LF_LSTM_ANY
        elif projection:
            self.w.cell = LF_LSTM_PROJECTED
        elif cell == "gru" and not (plain and reset_after):
            self.w.cell = LF_GRU_ANY if reset_after else LF_GRU_BEFORE
        if layer_norm:
            if cell != "lstm" or cell_clip > 0 or input_forget or peephole or projection or zoneout_h > 0 or zoneout_c > 0 \
                    or not layer_norm_epsilon > 0:
                raise ValueError("_core.Weights: layer_norm is an option of 'lstm' with layer_norm_epsilon > 0, without cell_clip, "
                                 "input_forget, peephole, projection and zoneout")
            self.w.cell, self.w.norm_epsilon = LF_LSTM_NORM, layer_norm_epsilon
        self.options = (recurrent_activation, activation, output_activation, clip, cell_clip, input_forget, peephole, reset_after,
                        zoneout_h, zoneout_c, self.w.norm_epsilon)
        self.shape = lf_shape_of(self.w.cell)
        self.w.I, self.w.H, self.w.P, self.w.dtype = I, H, projection or H, kernel_dtype(dtype)
        self.w.backward = (1 | (2 if input_grad else 0)) if backward else 0
        self.nbytes = lf_weights_bytes(&self.w)
        self.w.panels = allocate(self.nbytes)

    def __dealloc__(self):
        release(self.w.panels, self.nbytes)

    cdef bint alike(self, Weights other):
        return self.options == other.options

    def pack(self, w_x, w_h, b, peephole=None, projection=None, layer_norm=None, int64_t num_threads=0):
        """Reads w_x (I,GH), w_h (P,GH), b or None, and if the cell has them peephole (3H) i f o, projection (H,P) and layer_norm (10H):
        gains of x w_x, h w_h and c', shift of c'; no array is kept.

        lstm: G 4, b (4H). gru: G 3, b (2,3H): b_x, b_h, or (3H) with reset_after=False. rnn: G 1, b (H).
        """
        cdef lf_weights w = self.w
        cdef int64_t G = self.shape.columns
        w.w_x = flat(w_x, w.dtype, w.I * G * w.H, False, "w_x")
        w.w_h = flat(w_h, w.dtype, w.P * G * w.H, False, "w_h")
        w.b = flat(b, w.dtype, self.shape.biases * w.H, False, "b")
        w.peephole = flat(peephole, w.dtype, 3 * w.H, False, "peephole")
        if (w.peephole == NULL) == bool(w.peepholes):
            raise ValueError("_core: expected peephole beside Weights(peephole=True), and only there")
        w.w_p = flat(projection, w.dtype, w.H * w.P, False, "projection")
        if (w.w_p == NULL) == bool(self.shape.projected):
            raise ValueError("_core: expected projection beside Weights(projection=P), and only there")
        w.norm = flat(layer_norm, w.dtype, 10 * w.H, False, "layer_norm")
        if (w.norm == NULL) == (w.cell == LF_LSTM_NORM):
            raise ValueError("_core: expected layer_norm beside Weights(layer_norm=True), and only there")
        if w.w_x == NULL or w.w_h == NULL:
            raise ValueError("_core: expected w_x and w_h to be arrays, got None")
        cdef int32_t threads = thread_count(num_threads)
        with nogil:
            lf_pack(&w, threads)
