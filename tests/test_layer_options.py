"""Options of recurrent layers beyond Keras: forward, training, weights, files, streams, messages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tolerances import assert_close

import lstm_fast as lf
from lstm_fast import layers
from lstm_fast.layers import GRU, LSTM, RNN, Bidirectional, Dense, GRUCell, Input, LSTMCell, SimpleRNN
from lstm_fast.training.plan import Plan, Value

B, T, I, H = 4, 7, 3, 5

OPTIONS: dict[str, tuple[Any, dict[str, Any]]] = {
    "peepholes": (LSTM, {"peepholes": True}),
    "coupled gates": (LSTM, {"input_forget": True}),
    "clips": (LSTM, {"clip": 0.4, "cell_clip": 0.3}),
    "zoneout": (LSTM, {"zoneout": (0.2, 0.4)}),
    "output": (LSTM, {"output_activation": ("leaky_relu", 0.3)}),
    "several": (LSTM, {"peepholes": True, "input_forget": True, "clip": 0.9, "activation": "softsign"}),
    "projection": (LSTM, {"projection": 4}),
    "several with a projection": (LSTM, {"projection": 6, "peepholes": True, "cell_clip": 0.9, "activation": "selu"}),
    "layer norm": (LSTM, {"layer_norm": True, "layer_norm_epsilon": 1e-2, "clip": 0.9}),
    "gru": (GRU, {"clip": 0.4, "activation": ("scaled_tanh", 0.7, 1.1)}),
    "gru before": (GRU, {"clip": 0.5, "reset_after": False}),
    "rnn": (SimpleRNN, {"clip": 0.4}),
}


@pytest.fixture(params=OPTIONS)
def case(request: pytest.FixtureRequest) -> tuple[Any, dict[str, Any]]:
    return OPTIONS[request.param]


def made(kind: Any, rng: np.random.Generator, **options: Any) -> Any:
    layer = kind(H, return_sequences=True, input_shape=(T, I), **options)
    layer.ensure_built([(B, T, I)])
    layer.set_weights([rng.standard_normal(w.shape) * 0.7 for w in layer.get_weights()])
    return layer


def function(layer: Any, x: Any, options: dict[str, Any], **more: Any) -> Any:
    """The function of the layer, at its weights."""
    options, weights = dict(options), layer.get_weights()
    if options.pop("peepholes", False):
        options["peephole"] = weights.pop()
    if "projection" in options:
        options["projection"] = weights.pop()
    if "layer_norm" in options:
        options["layer_norm"] = weights.pop()
    name = {LSTM: "lstm", GRU: "gru", SimpleRNN: "rnn"}[type(layer)]
    return getattr(lf, name + more.pop("suffix", ""))(x, *weights, **options, **more)


def test_a_layer_is_its_function(rng: np.random.Generator, case: Any, dtype: Any) -> None:
    """To the bit, also in a repeated call, from a configuration, in a copy and in a stream; unlike the plain layer."""
    kind, options = case
    layer = made(kind, rng, dtype=dtype, **options)
    x = rng.standard_normal((B, T, I)).astype(dtype)
    want = function(layer, x, options).y
    twin = type(layer).from_config(layer.get_config())
    twin.ensure_built([x.shape])
    twin.set_weights(layer.get_weights())
    stream = lf.Stream(layer, batch=B)
    pieces = np.concatenate([stream.run(x[:, :3]), stream.step(x[:, 3])[:, None], stream.run(x[:, 4:])], axis=1)
    for got in (layer(x), layer(x), twin(x), layer.frozen([x.shape])(x), pieces):
        assert np.array_equal(got, want)
    reset = {"reset_after": options["reset_after"]} if "reset_after" in options else {}
    plain = kind(H, return_sequences=True, dtype=dtype, **reset)
    if "projection" not in options:
        plain.ensure_built([x.shape])
        plain.set_weights(layer.get_weights()[:3])
        assert not np.array_equal(plain(x), want)
    assert not set(plain.get_config()) & {*layers.extensions.SETTINGS, "checkpoint_every"}


@pytest.mark.parametrize("every", [None, 3])
def test_gradients_are_those_of_the_function(rng: np.random.Generator, case: Any, dtype: Any, every: Any) -> None:
    """To the bit, also where a drawn zoneout comes from the layer's own seed, under a mask, with checkpoints."""
    kind, options = case
    layer = made(kind, rng, dtype=dtype, seed=3, checkpoint_every=every, **options)
    x, dy = (rng.standard_normal((B, T, n)).astype(dtype) for n in (I, layer.output_size))
    mask = rng.random((B, T)) < 0.7
    plan = Plan(np.dtype(dtype), training=True, gradients=True)
    value = Value(x, Value(mask))
    value.needs_grad = True
    (y,) = layer.add_ops(plan, [value])
    y.grad = dy
    plan.prepare_backward()
    for repeat in range(2):
        plan.forward()
        plan.backward()
        drawn = {"zoneout_seed": drawn_seed(3, repeat)} if "zoneout" in options else {}
        out, tape = function(layer, x, options, mask=mask, suffix="_forward", **drawn)
        assert np.array_equal(y.array, out.y)
        grads = getattr(lf, f"{tape.cell}_backward")(tape, dy)
        assert np.array_equal(value.grad, grads.x)
        want = [grads.w_x, grads.w_h, grads.b]
        more = [getattr(grads, n, None) for n in ("projection", "peephole", "layer_norm")]
        want += [g for g in more if g is not None]
        for p, g in zip(layer.weights, want, strict=True):
            assert np.array_equal(p.grad, g), p.name


def drawn_seed(seed: int, count: int) -> int:
    """The number of a zoneout that a layer with this seed draws after `count` others."""
    g = lf.utils.random.new_generator(seed)
    return [int(g.integers(2**63)) for _ in range(count + 1)][-1]


def test_zoneout_keeps_old_states(rng: np.random.Generator) -> None:
    """While training at its rates, anew in each call, as set_random_seed has it; afterwards the expectation."""
    x = rng.standard_normal((60, 2, I)).astype("float32")
    results = []
    for _ in range(2):
        lf.utils.set_random_seed(5)
        layer = made(LSTM, np.random.default_rng(2), zoneout=(0.2, 0.6), return_state=True)
        results.append([layer(x, training=True), layer(x, training=True)])
    first, again = results
    assert all(np.array_equal(a, b) for a, b in zip(first[0], again[0], strict=True))
    assert not np.array_equal(first[0][0], first[1][0])
    y, _, c = first[0]
    one = layer(x[:, :1], training=True)
    for kept, rate in ((y[:, 0] == 0, 0.2), (np.isclose(y[:, 1], y[:, 0], atol=1e-6), 0.2), (one[2] == 0, 0.6)):
        assert abs(kept.mean() - rate) < 0.08
    assert not np.array_equal(layer(x)[2], c)


FITS: dict[str, Any] = {
    "lstm": lambda k: [LSTM(H, checkpoint_every=k)],
    "options": lambda k: [LSTM(H, peepholes=True, clip=0.8, recurrent_dropout=0.3, checkpoint_every=k)],
    "zoneout": lambda k: [LSTM(H, zoneout=0.3, dropout=0.2, checkpoint_every=k, go_backwards=True)],
    "projection": lambda k: [LSTM(H, projection=3, recurrent_dropout=0.3, checkpoint_every=k)],
    "layer norm": lambda k: [LSTM(H, layer_norm=True, recurrent_dropout=0.3, checkpoint_every=k)],
    "gru": lambda k: [GRU(H, return_sequences=True, checkpoint_every=k), GRU(2, checkpoint_every=k, reset_after=False)],
    "masked": lambda k: [layers.Masking(), SimpleRNN(H, checkpoint_every=k)],
    "stack": lambda k: [RNN([LSTMCell(H), GRUCell(2)], checkpoint_every=k)],
    "both": lambda k: [Bidirectional(LSTM(H, checkpoint_every=k, zoneout=0.1))],
}


@pytest.mark.parametrize("name", FITS)
def test_checkpoints_change_no_bit_of_a_fit(rng: np.random.Generator, name: str) -> None:
    x, y = rng.standard_normal((10, T, I)), rng.standard_normal((10, 1))
    x[:4, 5:] = 0
    results = []
    for k in (None, 1, 3, T + 2):
        lf.utils.set_random_seed(4)
        model = lf.Sequential([Input((T, I)), *FITS[name](k), Dense(1)])
        model.compile("adam", "mse")
        loss = model.fit(x, y, epochs=2, batch_size=4, verbose=0).history["loss"]
        results.append([np.array(loss), *model.get_weights()])
    assert all(np.array_equal(a, b) for other in results[1:] for a, b in zip(results[0], other, strict=True))


@pytest.mark.parametrize("every", [None, 3])
def test_a_fit_goes_on_from_a_file(rng: np.random.Generator, case: Any, every: Any, tmp_path: Any) -> None:
    kind, options = case
    x, y = rng.standard_normal((10, T, I)), rng.standard_normal((10, T, 1))
    model = lf.Sequential([made(kind, rng, checkpoint_every=every, **options), Dense(1)])
    model.compile("adam", "mse")
    before = model.get_weights()
    model.fit(x, y, epochs=2, batch_size=4, verbose=0)
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert all(changed)
    model.save(tmp_path / "m.safetensors")
    again = lf.load_model(tmp_path / "m.safetensors")
    assert again.layers[0].checkpoint_every == every
    for m in (model, again):
        m.fit(x, y, epochs=2, batch_size=4, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), again.get_weights(), strict=True))


def test_peepholes_start_as_a_plain_layer(rng: np.random.Generator) -> None:
    x = rng.standard_normal((B, T, I)).astype("float32")
    layer, plain = LSTM(H, peepholes=True), LSTM(H)
    layer(x), plain(x)
    assert [p.name for p in layer.weights] == ["kernel", "recurrent_kernel", "bias", "peephole"]
    plain.set_weights(layer.get_weights()[:3])
    assert_close("forward", layer(x), plain(x))
    without = LSTM(H, peepholes=True, use_bias=False)
    without(x)
    assert [w.shape for w in without.get_weights()] == [(I, 4 * H), (H, 4 * H), (3 * H,)]


def test_a_normalised_layer_starts_with_gains_of_one(rng: np.random.Generator) -> None:
    x = rng.standard_normal((B, T, I)).astype("float32")
    layer = LSTM(H, layer_norm=True)
    y = layer(x)
    assert [p.name for p in layer.weights] == ["kernel", "recurrent_kernel", "bias", "layer_norm_weight"]
    want = np.concatenate([np.ones(9 * H, "float32"), np.zeros(H, "float32")])
    assert np.array_equal(layer.get_weights()[3], want)
    assert np.array_equal(y, lf.lstm(x, *layer.get_weights()[:3], layer_norm=want).h)


def test_sizes_of_a_projected_layer(rng: np.random.Generator) -> None:
    x = rng.standard_normal((B, T, I)).astype("float32")
    layer = LSTM(H, projection=2, return_state=True, stateful=True)
    y, h, c = layer(x)
    assert (y.shape, h.shape, c.shape) == ((B, 2), (B, 2), (B, H))
    assert [(p.name, p.array.shape) for p in layer.weights] == [
        ("kernel", (I, 4 * H)), ("recurrent_kernel", (2, 4 * H)), ("bias", (4 * H,)), ("projection_kernel", (H, 2)),
    ]  # fmt: skip
    assert np.abs(layer.get_weights()[3]).min() > 0
    assert layer.state_size == [2, H]
    whole = lf.lstm(np.concatenate([x, x], axis=1), *layer.get_weights()[:3], projection=layer.get_weights()[3])
    assert np.array_equal(layer(x)[0], whole.h)
    more = lf.lstm(x, *layer.get_weights()[:3], h, c, projection=layer.get_weights()[3])
    assert all(np.array_equal(a, b) for a, b in zip(layer(x, initial_state=[h, c]), (more.h, *more[1:]), strict=True))
    with pytest.raises(ValueError, match=r"expected initial state h of shape \(4, 2\), got \(4, 5\)"):
        layer(x, initial_state=[c, c])
    assert Bidirectional(LSTM(H, projection=2))(x).shape == (B, 4)
    cells = [LSTMCell(H, projection=2), LSTMCell(3), LSTMCell(4, projection=6)]
    y, *states = RNN(cells, return_sequences=True, return_state=True)(x)
    assert y.shape == (B, T, 6)
    assert [[s.shape[1] for s in pair] for pair in states] == [[2, H], [3, 3], [6, 4]]
    stream = lf.Stream(layer, batch=B)
    assert [a.shape for a in stream.state] == [(B, 2), (B, H)]
    model = lf.Sequential([Input((T, I)), LSTM(H, projection=2, return_sequences=True), LSTM(3, projection=1)])
    assert model.output_shape == (None, 1)
    assert model.count_params() == 4 * H * (I + 2 + 1) + 2 * H + 4 * 3 * (2 + 1 + 1) + 3


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: LSTM(3, name="a", projection=2, zoneout=0.1), ValueError,
         r'layer "a" \(LSTM\): projection and zoneout contradict each other'),
        (lambda: LSTM(3, projection=0), ValueError, r"\(LSTM\): expected projection as an integer >= 1, got 0"),
        (lambda: GRU(3, projection=2), TypeError, "GRU: unexpected argument 'projection'"),
        (lambda: LSTM(3, layer_norm=True, cell_clip=1), ValueError, "layer_norm and cell_clip contradict each other"),
        (lambda: LSTM(3, layer_norm_epsilon=0), ValueError, "expected layer_norm_epsilon > 0 and finite, got 0"),
        (lambda: GRU(3, layer_norm=True), TypeError, "GRU: unexpected argument 'layer_norm'"),
        (lambda: LSTM(3, zoneout=1.0), ValueError, r"\(LSTM\): expected zoneout as a rate in \[0, 1\).*got 1.0"),
        (lambda: LSTM(3, clip=-1), ValueError, r"\(LSTM\): expected clip > 0 and finite, got -1"),
        (lambda: GRU(3, clip="x"), ValueError, r"\(GRU\): expected clip > 0 and finite, got 'x'"),
        (lambda: LSTM(3, peepholes="yes"), ValueError, r"\(LSTM\): expected peepholes as True or False, got 'yes'"),
        (lambda: LSTM(3, output_activation="soft"), ValueError, r"\(LSTM\): expected output_activation in .*'soft'"),
        (lambda: GRU(3, zoneout=0.1), TypeError, "GRU: unexpected argument 'zoneout'"),
        (lambda: LSTM(3, checkpoint_every=0), ValueError, r"\(LSTM\): expected checkpoint_every >= 1, got 0"),
        (lambda: RNN(LSTMCell(3), checkpoint_every=2.5), TypeError, r"\(RNN\): expected checkpoint_every as an int"),
    ],
)  # fmt: skip
def test_messages(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
