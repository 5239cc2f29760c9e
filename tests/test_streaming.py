"""Streams: any chunking gives the bits of the whole, rows come and go, nothing is allocated, messages are clear."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import lstm_fast as lf
from lstm_fast import Stream, layers
from lstm_fast.layers import LSTM, Dense, Dropout, Input

CHUNKS = [[11], [1] * 11, [3, 1, 7], [0, 5, 0, 6], [2, 9]]


def recurrent(rng: np.random.Generator, dtype: Any, I: int = 5, H: int = 19) -> LSTM:
    layer = LSTM(H, dtype=dtype, input_shape=(None, I), return_sequences=True)
    layer.ensure_built([(None, None, I)])
    layer.set_weights([rng.standard_normal(w.shape) * 0.4 for w in layer.get_weights()])
    return layer


def stacked(dtype: Any, activation: str = "elu") -> lf.Sequential:
    lf.utils.set_random_seed(4)
    return lf.Sequential(
        [
            Input((None, 5), dtype=dtype),
            LSTM(19, return_sequences=True, dtype=dtype),
            Dropout(0.5, dtype=dtype),
            layers.TimeDistributed(Dense(7, activation="tanh", dtype=dtype)),
            LSTM(6, return_sequences=True, dtype=dtype),
            Dense(9, activation=activation, dtype=dtype),
        ]
    )


def pieces(stream: Stream, x: Any, sizes: list[int]) -> Any:
    """y of all steps, run in chunks of these sizes, single steps by `step`."""
    parts, t = [], 0
    for n in sizes:
        chunk = x[:, t : t + n]
        parts.append(stream.step(chunk[:, 0])[:, None] if n == 1 else stream.run(chunk))
        t += n
    return np.concatenate(parts, axis=1)


@pytest.mark.parametrize("sizes", CHUNKS, ids=str)
@pytest.mark.parametrize("B", [1, 3, 40])
def test_chunks_of_a_layer(rng: np.random.Generator, dtype: Any, B: int, sizes: list[int]) -> None:
    layer = recurrent(rng, dtype)
    x = rng.standard_normal((B, 11, 5)).astype(dtype)
    want = lf.lstm(x, *(w.numpy() for w in layer.weights))
    for threads in (1, 3):
        stream = Stream(layer, B, num_threads=threads)
        assert np.array_equal(pieces(stream, x, sizes), want.y)
        assert np.array_equal(stream.state[0], want.h)
        assert np.array_equal(stream.state[1], want.c)


@pytest.mark.parametrize("kind", ["GRU", "SimpleRNN", "stacked cells"])
def test_chunks_of_other_layers(rng: np.random.Generator, dtype: Any, kind: str) -> None:
    options: dict[str, Any] = {"return_sequences": True, "dtype": dtype, "input_shape": (None, 5)}
    if kind == "stacked cells":
        layer: Any = layers.RNN([layers.LSTMCell(19, dtype=dtype), layers.LSTMCell(8, dtype=dtype)], **options)
    else:
        layer = getattr(layers, kind)(19, **options)
    x = rng.standard_normal((3, 11, 5)).astype(dtype)
    want = layer(x)
    for sizes in CHUNKS:
        stream = Stream(layer, 3)
        assert np.array_equal(pieces(stream, x, sizes), want)
    stream = Stream(layer, 3)
    stream.run(x[:, :4])
    kept = stream.state
    stream.drop_rows(1)
    stream.add_rows(1)
    stream.reset(0)
    stream.state = kept
    assert np.array_equal(stream.run(x[:, 4:]), want[:, 4:])


def test_layers_that_treat_steps_alone(rng: np.random.Generator) -> None:
    model = lf.Sequential(
        [
            Input((None,), dtype="int64"),
            layers.Embedding(11, 5),
            layers.GRU(7, return_sequences=True),
            layers.LayerNormalization(),
            layers.GaussianNoise(0.1),
            Dense(4),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.SimpleRNN(6, return_sequences=True),
            layers.Softmax(),
        ]
    )
    x = rng.integers(0, 11, (3, 9))
    want = model.predict(x)
    stream = Stream(model, 3)
    assert np.array_equal(
        np.concatenate([stream.run(x[:, :5]), stream.step(x[:, 5])[:, None], stream.run(x[:, 6:])], 1), want
    )


@pytest.mark.parametrize("sizes", CHUNKS, ids=str)
@pytest.mark.parametrize("B", [1, 4])
def test_chunks_of_a_model(rng: np.random.Generator, dtype: Any, B: int, sizes: list[int]) -> None:
    model = stacked(dtype)
    x = rng.standard_normal((B, 11, 5)).astype(dtype)
    stream = Stream(model, B)
    assert np.array_equal(pieces(stream, x, sizes), model.predict(x))
    assert [h.shape for h, _ in stream.state] == [(B, 19), (B, 6)]


ISA = """
import numpy as np, hashlib, lstm_fast as lf
lf.utils.set_random_seed(1)
layer = lf.layers.LSTM(21, input_shape=(None, 3))
stream, x = lf.Stream(layer, 2), np.random.RandomState(0).standard_normal((2, 9, 3)).astype("float32")
y = [stream.run(x[:, :4]), stream.step(x[:, 4])[:, None], stream.run(x[:, 5:])]
print(lf._core.isa(), hashlib.sha256(np.concatenate(y, axis=1).tobytes()).hexdigest())
"""


def test_every_instruction_set(python: Any) -> None:
    isas = python("from lstm_fast import _core; print(*_core.isas())", LSTM_FAST_ISA="").stdout.split()
    results = {}
    for isa in isas:
        done = python(ISA, LSTM_FAST_ISA=isa)
        assert done.returncode == 0, done.stderr
        ran, results[isa] = done.stdout.split()
        assert ran == isa
    assert len(set(results.values())) == 1, results


def test_the_last_step_of_a_forecast_model(rng: np.random.Generator) -> None:
    """A layer that returns its last step only does so for every step of a stream."""
    model = lf.Sequential([Input((8, 2)), LSTM(5), Dense(3, activation="softmax")])
    x = rng.standard_normal((4, 8, 2)).astype("float32")
    assert np.array_equal(Stream(model, 4).run(x)[:, -1], model.predict(x))


def test_a_graph_with_branches(rng: np.random.Generator) -> None:
    x = Input((None, 4))
    y = LSTM(4, return_sequences=True)(x)
    z = layers.Concatenate()([layers.Add()([x, y]), LSTM(3, return_sequences=True)(y)])
    model = lf.Model(x, Dense(2)(z))
    data = rng.standard_normal((3, 7, 4)).astype("float32")
    assert np.array_equal(pieces(Stream(model, 3), data, [2, 1, 4]), model.predict(data))


def test_the_weights_of_now(rng: np.random.Generator) -> None:
    model, x = stacked("float32"), rng.standard_normal((2, 6, 5)).astype("float32")
    want = model.predict(x)
    stream = Stream(model, 2)
    first = stream.run(x[:, :2])
    model.set_weights([0 * w for w in model.get_weights()])
    assert np.array_equal(np.concatenate([first, stream.run(x[:, 2:])], axis=1), want)


def test_one_stream_needs_no_batch_axis(rng: np.random.Generator) -> None:
    for model in (recurrent(rng, "float32"), stacked("float32")):
        x = rng.standard_normal((6, 5)).astype("float32")
        want = Stream(model).run(x[None])[0]
        stream = Stream(model)
        assert np.array_equal(stream.run(x[:4]), want[:4])
        assert np.array_equal(stream.step(x[4]), want[4])
        assert np.array_equal(stream.step(x[5:]), want[5:])


def test_rows_come_and_go(rng: np.random.Generator, dtype: Any) -> None:
    """Every row has the bits of a stream of its own, whatever happens to its mates."""
    for model in (recurrent(rng, dtype), stacked(dtype)):
        names, stream = ["a", "b", "c"], Stream(model, 3)
        alone: dict[str, Stream] = {name: Stream(model) for name in names}

        def advance(T: int, stream: Stream = stream, names: Any = names, alone: Any = alone) -> None:
            x = rng.standard_normal((len(names), T, 5)).astype(dtype)
            got = stream.run(x)
            for k, name in enumerate(names):
                assert np.array_equal(got[k], alone[name].run(x[k])), name

        advance(3)
        assert list(stream.add_rows(2)) == [3, 4]
        names += ["d", "e"]
        alone |= {name: Stream(model) for name in "de"}
        advance(2)
        stream.drop_rows([0, 3])
        names[:] = ["b", "c", "e"]
        advance(1)
        stream.reset([1, 2])
        alone |= {name: Stream(model) for name in "ce"}
        advance(4)
        stream.drop_rows(np.array([False, True, False]))
        names[:] = ["b", "e"]
        advance(2)
        stream.reset()
        alone |= {name: Stream(model) for name in "be"}
        advance(2)
        stream.drop_rows(slice(None))
        assert stream.batch == 0
        assert stream.run(np.zeros((0, 2, 5), dtype)).shape[:2] == (0, 2)


def test_thousands_of_streams(rng: np.random.Generator) -> None:
    layer = recurrent(rng, "float32", I=1, H=5)
    x = rng.standard_normal((3000, 3, 1)).astype("float32")
    assert np.array_equal(pieces(Stream(layer, 3000), x, [1, 1, 1]), layer(x))


def test_state(rng: np.random.Generator, dtype: Any) -> None:
    for model in (recurrent(rng, dtype), stacked(dtype)):
        x = rng.standard_normal((2, 9, 5)).astype(dtype)
        stream = Stream(model, 2)
        stream.run(x[:, :4])
        kept = stream.state
        want = stream.run(x[:, 4:])
        stream.state = kept
        assert np.array_equal(stream.run(x[:, 4:]), want)
        other = Stream(model, 2)
        other.state = kept
        assert np.array_equal(other.run(x[:, 4:]), want)


def test_out(rng: np.random.Generator, dtype: Any) -> None:
    for model in (recurrent(rng, dtype), stacked(dtype)):
        x = rng.standard_normal((2, 6, 5)).astype(dtype)
        want = Stream(model, 2).run(x)
        stream, O = Stream(model, 2), want.shape[-1]
        out = np.empty((2, O), dtype)
        assert stream.step(x[:, 0], out=out) is out
        assert np.array_equal(out, want[:, 0])
        wide = np.empty((2, 3, 2 * O), dtype)[..., ::2]
        assert stream.run(x[:, 1:4], wide) is wide
        assert np.array_equal(wide, want[:, 1:4])
        chunk = np.empty((2, 2, O), dtype)
        assert stream.run(x[:, 4:].copy(), out=chunk) is chunk
        assert np.array_equal(chunk, want[:, 4:])


def test_other_layouts_and_types(rng: np.random.Generator) -> None:
    layer = recurrent(rng, "float32")
    x = rng.standard_normal((2, 6, 5)).astype("float32")
    want = Stream(layer, 2).run(x)
    for chunk in (x.tolist(), x.astype(np.float64), np.asfortranarray(x), x[:, ::-1][:, ::-1], x.astype(">f4")):
        assert np.array_equal(Stream(layer, 2).run(chunk), want)
        assert np.array_equal(Stream(layer, 2).step(np.asarray(chunk)[:, 0]), want[:, 0])


@pytest.mark.parametrize("whole_model", [False, True])
def test_nothing_is_allocated(rng: np.random.Generator, whole_model: bool) -> None:
    stream = Stream(stacked("float32", "tanh") if whole_model else recurrent(rng, "float32"), 3)
    x, chunk = rng.standard_normal((3, 5)).astype("float32"), rng.standard_normal((3, 99, 5)).astype("float32")
    out = np.empty_like(stream.step(x))
    outs = np.empty_like(stream.run(chunk))

    def calls() -> None:
        for _ in range(50):
            stream.step(x, out=out)
            stream.run(chunk, out=outs)

    calls()
    tracemalloc.start()
    calls()
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"kept {kept} bytes, peak {peak}, y of a chunk {outs.nbytes}")
    assert kept < 500
    assert peak < outs.nbytes / 4  # views and numbers of the interpreter


def refused(build: Any) -> Any:
    return lambda: Stream(build())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Stream(3), TypeError, "Stream: expected a recurrent layer or a model, got int"),
        (lambda: Stream(LSTM(3)), ValueError, r"\(LSTM\) has no weights yet; call it on data or"),
        (lambda: Stream(Dense(3)), ValueError, r"\(Dense\) keeps no state"),
        (lambda: Stream(LSTM(3, input_shape=(None, 2)), batch=-1), ValueError, "batch as an integer >= 0, got -1"),
        (lambda: Stream(LSTM(3, input_shape=(None, 2), go_backwards=True)), ValueError, "go_backwards=True"),
        (
            refused(lambda: lf.Sequential([Input((4, 2)), LSTM(3, return_sequences=True), layers.Flatten(), Dense(1)])),
            ValueError,
            r"\(Flatten\) cannot be fed step by step",
        ),
        (
            refused(lambda: lf.Sequential([Input((4, 2)), Dense(3)])),
            ValueError,
            "expected a recurrent layer in .*, got none",
        ),
        (refused(lambda: lf.Sequential([LSTM(3)])), ValueError, "has no shapes yet"),
        (
            lambda: Stream(LSTM(3, input_shape=(None, 2)), 4).step(np.zeros((4, 3))),
            ValueError,
            r"Stream.step: expected x of shape \(B, I\) = \(4, 2\), got \(4, 3\)",
        ),
        (
            lambda: Stream(LSTM(3, input_shape=(None, 2)), 4).run(np.zeros((5, 7, 2), np.float32)),
            ValueError,
            r"Stream.run: expected x of shape \(B, T, I\) = \(4, T, 2\), got \(5, 7, 2\); add_rows and drop_rows",
        ),
        (
            lambda: Stream(LSTM(3, input_shape=(None, 2)), 4).run(np.zeros((7, 2), np.float32)),
            ValueError,
            r"expected x of shape \(B, T, I\)",
        ),
        (
            lambda: Stream(LSTM(3, input_shape=(None, 2))).step(np.zeros(2, np.float32), out=np.zeros(4, np.float32)),
            ValueError,
            r"Stream.step: expected out of the shape of y = \(3,\), got \(4,\)",
        ),
        (
            lambda: Stream(LSTM(3, input_shape=(None, 2))).step(np.zeros(2, np.float32), out=np.zeros(3)),
            TypeError,
            "out of dtype float32",
        ),
        (lambda: Stream(LSTM(3, input_shape=(None, 2)), 2).reset(2), IndexError, "Stream.reset: .* 2 streams, got 2"),
        (lambda: Stream(LSTM(3, input_shape=(None, 2)), 2).drop_rows([0, 5]), IndexError, "Stream.drop_rows"),
        (lambda: Stream(LSTM(3, input_shape=(None, 2)), 2).add_rows(-1), ValueError, "n as an integer >= 0, got -1"),
    ],
)
def test_messages(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_state_messages(rng: np.random.Generator) -> None:
    stream = Stream(recurrent(rng, "float32"), 2)
    with pytest.raises(ValueError, match=r"Stream.state: expected c of shape \(B, H\) = \(2, 19\), got \(3, 19\)"):
        stream.state = (np.zeros((2, 19)), np.zeros((3, 19)))
    with pytest.raises(ValueError, match=r"expected \(h, c\), got"):
        stream.state = (np.zeros((2, 19)),)
    with pytest.raises(ValueError, match="the states of 2 layers, got 1"):
        Stream(stacked("float32")).state = [(np.zeros((1, 19)), np.zeros((1, 19)))]


def test_x_may_not_be_out(rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 19)).astype("float32")
    with pytest.raises(ValueError, match=r"Stream\.step: expected out in memory of its own"):
        Stream(recurrent(rng, "float32", I=19), 2).step(x, out=x)
