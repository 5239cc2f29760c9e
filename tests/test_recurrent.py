"""Recurrent layers: masks, directions, cells, stacks and states against one step at a time, and their gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tolerances import assert_close

import lstm_fast as lf
from lstm_fast import layers
from lstm_fast.layers import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    Dense,
    GRUCell,
    Input,
    LSTMCell,
    Masking,
    SimpleRNN,
    SimpleRNNCell,
    StackedRNNCells,
)
from lstm_fast.training.plan import Plan, Value

B, T, I, H = 4, 6, 3, 5

CELLS: dict[str, Callable[..., Any]] = {"lstm": LSTMCell, "gru": GRUCell, "rnn": SimpleRNNCell}
LAYERS: dict[str, Callable[..., Any]] = {"lstm": LSTM, "gru": GRU, "rnn": SimpleRNN}


@pytest.fixture(params=sorted(CELLS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def mask(rng: np.random.Generator) -> Any:
    """Padding behind, padding in front, holes, and nothing at all."""
    m = rng.random((B, T)) < 0.6
    m[0] = np.arange(T) < 4
    m[1] = np.arange(T) >= 2
    m[2, :3] = True, False, True
    m[3] = False
    return m


def randomised(layer: Any, rng: np.random.Generator) -> Any:
    layer.set_weights([rng.standard_normal(w.shape) * 0.5 for w in layer.get_weights()])
    return layer


def made(layer: Any, rng: np.random.Generator, shape: tuple[Any, ...] = (B, T, I)) -> Any:
    layer.ensure_built([shape])
    return randomised(layer, rng)


def step_by_step(
    cell: Any, x: Any, mask: Any = None, initial: Any = None, backwards: bool = False, zero: bool = False
) -> tuple[Any, list[Any]]:
    """Outputs in the order of reading and the last states, as Keras defines them."""
    states = cell.get_initial_state(len(x)) if initial is None else list(initial)
    order = range(x.shape[1])[::-1] if backwards else range(x.shape[1])
    y = np.zeros((len(x), cell.units), x.dtype)
    outputs = []
    for t in order:
        new, after = cell(x[:, t], states)
        valid = np.ones(len(x), bool) if mask is None else mask[:, t]
        y = np.where(valid[:, None], new, 0 if zero else y)
        states = [np.where(valid[:, None], a, s) for a, s in zip(after, states, strict=True)]
        outputs.append(y)
    return np.stack(outputs, axis=1), states


@pytest.mark.parametrize("sequences", [False, True])
def test_a_layer_is_its_function(rng: np.random.Generator, kind: str, dtype: Any, sequences: bool) -> None:
    """To the bit, in first and in repeated calls, which own their results."""
    layer = made(LAYERS[kind](H, dtype=dtype, return_sequences=sequences), rng)
    x, other = rng.standard_normal((2, B, T, I)).astype(dtype)
    out = getattr(lf, kind)(x, *layer.get_weights())
    want = out.y if sequences else out.h
    results = [layer(x) for _ in range(3)]
    layer(other)
    assert all(np.array_equal(y, want) for y in results)
    layer.set_weights([2 * w for w in layer.get_weights()])
    assert not np.array_equal(layer(x), want)


def test_a_cell_is_one_step(rng: np.random.Generator, dtype: Any) -> None:
    cell = made(LSTMCell(H, dtype=dtype), rng, (B, I))
    x, h, c = (rng.standard_normal((B, n)).astype(dtype) for n in (I, H, H))
    y, states = cell(x, [h, c])
    w, u, b = cell.get_weights()
    i, f, g, o = np.split(x @ w + h @ u + b, 4, axis=1)
    want_c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
    assert_close("forward", states[1], want_c, "c")
    assert_close("forward", y, np.tanh(want_c) / (1 + np.exp(-o)), "h")
    assert np.array_equal(y, states[0])
    assert cell.state_size == [H, H]
    assert cell.output_size == H


@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("start", [False, True])
def test_masked_steps(
    rng: np.random.Generator, kind: str, mask: Any, sequences: bool, backwards: bool, zero: bool, start: bool
) -> None:
    cell = made(CELLS[kind](H), rng, (B, I))
    layer = RNN(cell, return_sequences=sequences, return_state=True, go_backwards=backwards, zero_output_for_mask=zero)
    x = rng.standard_normal((B, T, I)).astype("float32")
    x[~mask] = 100 * rng.standard_normal((int((~mask).sum()), I))  # what stands there must not matter
    initial = [rng.standard_normal((B, H)).astype("float32") for _ in cell.state_names] if start else None
    for m in (mask, np.arange(T) < np.array([[4], [6], [1], [0]]), None):
        want, states = step_by_step(cell, x, m, initial, backwards, zero)
        y, *got = layer(x, initial_state=initial, mask=m)
        assert_close("forward", y, want if sequences else want[:, -1], "y")
        for a, b in zip(got, states, strict=True):
            assert_close("forward", a, b, "state")


@pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave", None])
@pytest.mark.parametrize("sequences", [False, True])
def test_bidirectional(rng: np.random.Generator, kind: str, mask: Any, mode: Any, sequences: bool) -> None:
    layer = made(Bidirectional(LAYERS[kind](H, return_sequences=sequences), merge_mode=mode), rng)
    x = rng.standard_normal((B, T, I)).astype("float32")
    ways = [layer.forward_layer.cell, layer.backward_layer.cell]
    for m in (mask, None):
        (a, _), (b, _) = (step_by_step(c, x, m, None, bool(k), True) for k, c in enumerate(ways))
        last = [step_by_step(c, x, m, None, bool(k))[1][0] for k, c in enumerate(ways)]
        a, b = (a, b[:, ::-1]) if sequences else last
        want = {"concat": np.concatenate([a, b], -1), "sum": a + b, "mul": a * b, "ave": (a + b) / 2}.get(mode, (a, b))
        got = layer(x, mask=m)
        for one, other in zip(got, want, strict=True) if mode is None else [(got, want)]:
            assert_close("forward", one, other, str(mode))


def test_bidirectional_states(rng: np.random.Generator) -> None:
    layer = made(Bidirectional(LSTM(H, return_state=True, return_sequences=True)), rng)
    x = rng.standard_normal((B, T, I)).astype("float32")
    initial = [rng.standard_normal((B, H)).astype("float32") for _ in range(4)]
    y, *states = layer(x, initial_state=initial)
    for k, (cell, part) in enumerate(zip((layer.forward_layer.cell, layer.backward_layer.cell), (0, 2), strict=True)):
        want, last = step_by_step(cell, x, None, initial[part : part + 2], bool(k))
        assert_close("forward", y[..., k * H : k * H + H], want[:, ::-1] if k else want)
        for a, b in zip(states[part : part + 2], last, strict=True):
            assert_close("forward", a, b)


def test_stateful_layers_go_on(rng: np.random.Generator, kind: str) -> None:
    """In parts as at once, in both directions of stacked cells too; `reset_states` of a model starts anew."""
    x = rng.standard_normal((B, T, I)).astype("float32")
    layer = made(RNN([CELLS[kind](H), CELLS[kind](2)], return_sequences=True, stateful=True), rng)
    parts = np.concatenate([layer(x[:, :2]), layer(x[:, 2:])], axis=1)
    layer.reset_states()
    assert np.array_equal(layer(x), parts)
    assert [s.shape for s in layer.states] == [(B, c.units) for c in layer.cells for _ in c.state_names]
    both = Bidirectional(LAYERS[kind](H, stateful=True))
    model = lf.Sequential([Input(batch_shape=(B, T, I)), both])
    first = model.predict(x)
    again = model.predict(x)
    want = both.forward_layer.cell
    _, states = step_by_step(want, np.concatenate([x, x], axis=1))
    assert_close("forward", again[:, :H], states[0])
    model.reset_states()
    assert np.array_equal(model.predict(x), first)
    assert not np.array_equal(again, first)


def test_an_own_backward_layer(rng: np.random.Generator) -> None:
    layer = made(Bidirectional(LSTM(H), backward_layer=LSTM(2, go_backwards=True, name="mine")), rng)
    x = rng.standard_normal((B, T, I)).astype("float32")
    want = [layer.forward_layer(x), layer.backward_layer(x)]
    assert np.array_equal(layer(x), np.concatenate(want, axis=-1))
    assert [w.shape for w in layer.get_weights()][3:] == [(I, 8), (2, 8), (8,)]
    weights = layer.get_weights()
    again = Bidirectional(LSTM(H), backward_layer=LSTM(2, go_backwards=True), weights=weights)
    assert np.array_equal(again(x), layer(x))


def test_stacked_cells(rng: np.random.Generator, kind: str, mask: Any) -> None:
    stack = StackedRNNCells([CELLS[kind](H), CELLS[kind](2)])
    layer = made(RNN(stack, return_sequences=True, return_state=True), rng)
    x = rng.standard_normal((B, T, I)).astype("float32")
    middle, first = step_by_step(stack.cells[0], x, mask)
    want, second = step_by_step(stack.cells[1], middle, mask)
    y, *states = layer(x, mask=mask)
    assert_close("forward", y, want)
    nested = [s if isinstance(s, list) else [s] for s in states]
    assert [len(s) for s in nested] == [len(first), len(second)]
    for a, b in zip([s for each in nested for s in each], [*first, *second], strict=True):
        assert_close("forward", a, b)
    once, after = stack(x[:, 0], stack.get_initial_state(B))
    assert_close("forward", once, layer(x[:, :1])[0][:, 0])
    again = layer(x[:, 1:], initial_state=after)[0]
    assert np.array_equal(again, layer(x)[0][:, 1:])


def test_dropout_is_one_mask_for_all_steps(rng: np.random.Generator, kind: str) -> None:
    """Of x and of h: in training only, drawn anew in each call, with the right frequency, from the seed."""
    options = {"dropout": 0.3, "recurrent_dropout": 0.4, "seed": 4, "return_sequences": True}
    x = rng.standard_normal((50, T, 40)).astype("float32")
    layer, twin = (made(LAYERS[kind](40, **options), np.random.default_rng(1), x.shape) for _ in range(2))
    assert np.array_equal(layer(x), getattr(lf, kind)(x, *layer.get_weights()).y)
    run = layers.run.Run(layer.cell, Plan(np.dtype("float32"), training=True), Value(x))
    run.forward(None)
    scales = run.x_scale[:, 0], run.h_scale
    for scale, rate in zip(scales, (0.3, 0.4), strict=True):
        assert set(np.unique(scale).tolist()) == {0.0, float(np.float32(1 / (1 - rate)))}
        assert abs((scale == 0).mean() - rate) < 0.03
    want = getattr(lf, kind)(x, *layer.get_weights(), dropout=scales[0], recurrent_dropout=scales[1]).y
    got = twin(x, training=True)
    assert_close("forward", got, want)
    assert not np.array_equal(twin(x, training=True), got)


def test_dropout_is_independent(rng: np.random.Generator, kind: str) -> None:
    """Of x and h from each other, over rows, over features and over calls; the same again after set_random_seed."""
    x = rng.standard_normal((400, T, 30)).astype("float32")
    draws = []
    for _ in range(2):
        lf.utils.set_random_seed(11)
        layer = made(LAYERS[kind](30, dropout=0.3, recurrent_dropout=0.4), rng, x.shape)
        run = layers.run.Run(layer.cell, Plan(np.dtype("float32"), training=True), Value(x))
        for _ in range(2):
            run.forward(None)
            draws.append([run.x_scale[:, 0].copy(), run.h_scale.copy()])
    (first, second), again = draws[:2], draws[2:]
    assert all(
        np.array_equal(a, b) for one, other in zip(draws, again, strict=False) for a, b in zip(one, other, strict=True)
    )
    number = 400 * 30
    pairs = [(first[0], first[1]), *zip(first, second, strict=True)]
    for scale in (*first, *second):
        pairs += [(scale[1:], scale[:-1]), (scale[:, 1:], scale[:, :-1]), (scale[:, ::2], scale[::-1, 1::2])]
    for a, b in pairs:
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 5 / np.sqrt(number / 2)  # five standard deviations


def test_a_fit_with_dropout_is_repeated_by_its_seed(rng: np.random.Generator, kind: str) -> None:
    x, y = rng.standard_normal((20, T, I)), rng.standard_normal((20, 1))
    results = []
    for seed in (7, 7, 8):
        lf.utils.set_random_seed(3)
        layer = LAYERS[kind](H, recurrent_dropout=0.4, dropout=0.2, seed=seed)
        model = lf.Sequential([Input((T, I)), layer, Dense(1)])
        model.compile("adam", "mse")
        results.append(model.fit(x, y, epochs=3, verbose=0).history["loss"])
    assert results[0] == results[1]
    assert results[0] != results[2]


def test_directions_at_once_give_the_same_bits(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """In both passes, from one thread and from several."""
    x, y = rng.standard_normal((9, 30, 20)).astype("float32"), rng.standard_normal((9, 30, 2))
    calls: list[int] = []
    original = layers.recurrent_op.both

    def counted(*pair: Any) -> None:
        calls.append(len(pair))
        original(*pair)

    monkeypatch.setattr(layers.recurrent_op, "both", counted)
    results = []
    for n in (1, 2, 4):
        lf.set_num_threads(n)
        lf.utils.set_random_seed(1)
        model = lf.Sequential([Bidirectional(LSTM(120, return_sequences=True)), Bidirectional(GRU(100)), Dense(2)])
        model.compile("sgd", "mse")
        model.fit(x, y[:, 0], epochs=2, verbose=0)
        results.append([model.predict(x), *model.get_weights()])
        assert bool(calls) == (n > 1)
    assert all(np.array_equal(a, b) for other in results[1:] for a, b in zip(results[0], other, strict=True))


@pytest.mark.parametrize("masked", [False, True])
def test_results_do_not_depend_on_what_runs_at_once(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, masked: bool
) -> None:
    """Directions at once from the smallest call on, or never: the same fit, with everything that is drawn."""
    x, y = rng.standard_normal((9, T, I)), rng.standard_normal((9, T, 1))
    x[:4, 3:] = 0
    calls: list[int] = []
    original = layers.recurrent_op.both
    monkeypatch.setattr(layers.recurrent_op, "both", lambda *pair: (calls.append(1), original(*pair)))
    lf.set_num_threads(2)
    results = []
    for least in (0, 1 << 62):
        monkeypatch.setattr(layers.recurrent_op, "LEAST_WORK", least)
        calls.clear()
        lf.utils.set_random_seed(1)
        first = Bidirectional(LSTM(H, return_sequences=True, zoneout=0.2, dropout=0.1, checkpoint_every=2))
        second = Bidirectional(GRU(H, return_sequences=True, recurrent_dropout=0.3), merge_mode="mul")
        model = lf.Sequential([Input((T, I)), *([Masking()] if masked else []), first, second, Dense(1)])
        model.compile("adam", "mse")
        model.fit(x, y, epochs=2, batch_size=4, verbose=0)
        results.append([model.predict(x), *model.get_weights()])
        assert bool(calls) == (least == 0)
    assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True))


def test_an_error_on_either_side_reaches_the_caller() -> None:
    from lstm_fast.training.pair import both

    def fail() -> None:
        raise ZeroDivisionError

    done: list[int] = []
    for pair in ((fail, lambda: done.append(1)), (lambda: done.append(2), fail)):
        with pytest.raises(ZeroDivisionError):
            both(*pair)
    both(lambda: both(lambda: done.append(3), lambda: done.append(4)), lambda: done.append(5))
    assert sorted(done) == [1, 2, 3, 4, 5]


# gradients

GRADIENTS: dict[str, Any] = {
    "last": lambda cell: RNN(cell),
    "sequences": lambda cell: RNN(cell, return_sequences=True),
    "states": lambda cell: RNN(cell, return_sequences=True, return_state=True),
    "last and states": lambda cell: RNN(cell, return_state=True, go_backwards=True),
    "zero output": lambda cell: RNN(cell, return_sequences=True, zero_output_for_mask=True, go_backwards=True),
    "zero last output": lambda cell: RNN(cell, return_state=True, zero_output_for_mask=True),
    "dropout": lambda cell: RNN(
        type(cell)(H, dropout=0.3, recurrent_dropout=0.4, dtype="float64"), return_sequences=True, return_state=True
    ),
    "activation": lambda cell: RNN(type(cell)(H, activation="softsign", dtype="float64"), return_sequences=True),
    "clip and checkpoints": lambda cell: RNN(type(cell)(H, clip=0.8, dtype="float64"), checkpoint_every=4),
    "stack": lambda cell: RNN([cell, type(cell)(2, dtype="float64")], return_state=True),
    **{
        f"bidirectional {mode} {sequences}": lambda cell, mode=mode, sequences=sequences: Bidirectional(
            RNN(cell, return_sequences=sequences, return_state=sequences), merge_mode=mode
        )
        for mode in ("concat", "mul", "ave", None)
        for sequences in (False, True)
    },
    "bidirectional stack": lambda cell: Bidirectional(RNN([cell, type(cell)(2, dtype="float64")])),
}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("case", GRADIENTS)
def test_gradients(rng: np.random.Generator, kind: str, mask: Any, case: str, masked: bool) -> None:
    """Of x, the first states and all weights, against central differences in float64."""
    layer = made(GRADIENTS[case](CELLS[kind](H, dtype="float64")), rng)
    plan = Plan(np.dtype("float64"), training=True, gradients=True)
    inner = [layer.forward_layer, layer.backward_layer] if isinstance(layer, Bidirectional) else [layer]
    cells = [cell for one in inner for cell in one.cells]
    sizes = [cell.units for cell in cells for _ in cell.state_names]
    inputs = [Value(rng.standard_normal((B, T, I))), *(Value(rng.standard_normal((B, n))) for n in sizes)]
    for v in inputs:
        v.needs_grad = True
    inputs[0].mask = Value(mask) if masked else None
    outputs = layer.add_ops(plan, inputs)
    factors = [rng.standard_normal(v.shape) for v in outputs]
    for v, f in zip(outputs, factors, strict=True):
        v.grad = f.copy() if v.grad is None else v.grad
    plan.prepare_backward()

    def loss() -> float:
        for cell in cells:
            cell.rng = np.random.default_rng(5)  # the same dropout each time
        plan.forward()
        return float(sum(np.sum(v.array * f) for v, f in zip(outputs, factors, strict=True)))

    loss()
    plan.backward()
    found = [(v.array, v.grad.copy()) for v in inputs] + [(p.array, p.grad.copy()) for p in layer.weights]
    for a, grad in found:
        direction = rng.standard_normal(a.shape)
        want = 0.0
        for sign in (1, -1):
            a += sign * 1e-6 * direction
            want += sign * loss() / 2e-6
            a -= sign * 1e-6 * direction
        got = float(np.sum(grad * direction))
        assert abs(got - want) <= 1e-7 * max(1, abs(want)), (case, a.shape, got, want)


# models


def test_models_with_masks_and_states_come_back_from_files(rng: np.random.Generator, kind: str, tmp_path: Any) -> None:
    x = rng.standard_normal((B, T, I)).astype("float32")
    x[:, 4:] = 0
    inputs = Input((T, I))
    y, *states = RNN([CELLS[kind](H), CELLS[kind](H)], return_state=True, return_sequences=True)(Masking()(inputs))
    y = Bidirectional(LAYERS[kind](3, return_sequences=True, dropout=0.2))(y)
    y = RNN(CELLS[kind](H), return_sequences=True)(y, initial_state=states[0])
    y = layers.Concatenate(axis=-1)([y, Bidirectional(LAYERS[kind](2, return_sequences=True), merge_mode="sum")(y)])
    model = lf.Model(inputs, Dense(2)(LAYERS[kind](4)(y)))
    model.compile("adam", "mse")
    target = rng.standard_normal((B, 2))
    model.fit(x, target, epochs=2, verbose=0)
    model.save(tmp_path / "a.safetensors")
    other = lf.load_model(tmp_path / "a.safetensors")
    assert np.array_equal(other.predict(x), model.predict(x))
    for m in (model, other):
        m.fit(x, target, epochs=2, verbose=0)
    assert np.array_equal(other.predict(x), model.predict(x))


def test_equal_models_give_equal_files(tmp_path: Any) -> None:
    files = []
    for k in range(2):
        lf.utils.set_random_seed(5)
        model = lf.Sequential([Input((T, I)), Bidirectional(LSTM(3, return_sequences=True)), Bidirectional(LSTM(2))])
        model.save(tmp_path / f"{k}")
        files.append((tmp_path / f"{k}").read_bytes())
    assert files[0] == files[1]


def test_threads_share_a_bidirectional_layer(rng: np.random.Generator) -> None:
    import threading

    layer = made(Bidirectional(LSTM(H, return_sequences=True)), rng)
    inputs = rng.standard_normal((4, B, T, I)).astype("float32")
    want = [layer(x) for x in inputs]
    wrong: list[int] = []

    def work(k: int) -> None:
        wrong.extend(k for _ in range(50) if not np.array_equal(layer(inputs[k]), want[k]))

    workers = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in workers:
        t.start()
    for t in workers:
        t.join()
    assert wrong == []


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: RNN(Dense(3)), TypeError, "RNN: expected LSTMCell.*got Dense"),
        (lambda: StackedRNNCells([LSTM(3)]), TypeError, "StackedRNNCells: expected LSTMCell.*got LSTM"),
        (lambda: StackedRNNCells([]), ValueError, "at least one cell"),
        (lambda: Bidirectional(Dense(3)), TypeError, "Bidirectional: expected LSTM.*got Dense"),
        (lambda: Bidirectional(LSTM(3), merge_mode="max"), ValueError, r"merge_mode in \['concat'.*got 'max'"),
        (
            lambda: Bidirectional(LSTM(3), name="b", backward_layer=LSTM(3)),
            ValueError,
            r'layer "b" \(Bidirectional\): expected go_backwards=True in one layer only, got False in both',
        ),
        (
            lambda: Bidirectional(LSTM(3), backward_layer=LSTM(3, go_backwards=True, stateful=True)),
            ValueError,
            "expected the same stateful in both layers, got False and True",
        ),
        (
            lambda: Bidirectional(LSTM(3), merge_mode="sum", backward_layer=LSTM(4, go_backwards=True)),
            ValueError,
            "merge_mode='sum' needs equal units, got 3 and 4",
        ),
        (
            lambda: LSTM(3, name="a")(np.zeros((2, 4, 5)), mask=np.ones((2, 5), bool)),
            ValueError,
            r'layer "a" \(LSTM\): expected mask of shape \(2, 4\)',
        ),
        (
            lambda: LSTM(3)(np.zeros((2, 4, 5)), mask=np.ones((2, 4, 5), bool)),
            ValueError,
            r"expected a mask \(batch, time steps\), got \(2, 4, 5\)",
        ),
        (
            lambda: LSTMCell(3, name="c")(np.zeros((2, 5)), [np.zeros((2, 3)), np.zeros((2, 4))]),
            ValueError,
            r'layer "c" \(LSTMCell\): expected initial state c of shape \(2, 3\), got \(2, 4\)',
        ),
        (lambda: LSTMCell(3)(np.zeros((2, 5)), [np.zeros((2, 3))]), ValueError, r"states \['h', 'c'\]"),
        (lambda: LSTM(3, dropout=2), ValueError, r"\(LSTM\): expected dropout in \[0, 1\], got 2"),
        (
            lambda: RNN([LSTMCell(3), LSTMCell(2)])(np.zeros((2, 4, 5)), initial_state=[np.zeros((2, 3))]),
            ValueError,
            "expected initial_state as 4 arrays, got one",
        ),
        (
            lambda: Bidirectional(LSTM(3))(np.zeros((2, 4, 5)), initial_state=[np.zeros((2, 3))]),
            ValueError,
            "initial_state for both directions, got 1",
        ),
    ],
)
def test_messages(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
