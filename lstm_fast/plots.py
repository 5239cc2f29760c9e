"""Pictures: a loss curve, a forecast, gates. matplotlib is imported when one is drawn, pyplot and its state never."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lstm_fast.forecast import Forecast

Target = str | PathLike[str] | IO[bytes]

INK, MUTED, GRID = "#1f2430", "#6b7280", "#e5e7eb"
OBSERVED, TEST, AHEAD = "#374151", "#0f766e", "#c2410c"
_DPI = 150
_GATES = {"i": "i input", "f": "f forget", "o": "o output", "g": "g candidate", "c": "c cell", "h": "h output"}


def plot_history(history: Mapping[str, Sequence[float]], file: Target | None = None, ax: Axes | None = None) -> Figure:
    """Draw each metric of a training by epoch, the validation values beside it and the best epoch marked.

    Args:
        history: metric name to values by epoch, `val_` before the name of a validation metric (`History.history`).
        file: where to write a PNG; nowhere when None.
        ax: axes to draw into; a new figure when None.

    Returns:
        The figure; a notebook shows it, `savefig` writes it.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: the history is empty.
    """
    names = [
        name
        for name in history
        if not name.startswith("val_") and name not in ("lr", "learning_rate") and len(history[name])
    ]
    if not names:
        raise ValueError("plot_history: expected a history with at least one epoch, got an empty one; call fit first")
    figure: Any
    if ax is not None:
        names, figure, axes = names[:1], ax.figure, [ax]
    else:
        figure = _figure(7.0, 0.6 + 2.9 * len(names), layout="constrained")
        axes = list(np.atleast_1d(figure.subplots(len(names), 1, sharex=True)))
    from matplotlib.ticker import MaxNLocator  # after _figure, which says what to do when there is no matplotlib

    for name, panel in zip(names, axes, strict=True):
        _style(panel)
        for key, colour, label in ((name, TEST, "training"), ("val_" + name, AHEAD, "validation")):
            values = np.asarray(history.get(key, ()), np.float64)
            if not len(values):
                continue
            epochs = np.arange(1, len(values) + 1)
            panel.plot(epochs, values, color=colour, lw=1.8, label=label, marker="o" if len(values) == 1 else None)
            if key.startswith("val_") and np.isfinite(values).any():
                best = int(np.nanargmin(values)) if "acc" not in name else int(np.nanargmax(values))
                panel.plot(epochs[best], values[best], "o", color=colour, ms=6, label=f"best, epoch {epochs[best]}")
        shown = np.concatenate([np.asarray(history.get(k, ()), np.float64) for k in (name, "val_" + name)])
        shown = shown[np.isfinite(shown)]
        if len(shown) and shown.min() > 0 and shown.max() > 20 * shown.min():
            panel.set_yscale("log")
        panel.set_ylabel(name, color=INK)
        panel.legend(frameon=False, labelcolor=INK)
    axes[-1].set_xlabel("epoch", color=INK)
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    if file is not None:
        _save(figure, file)
    return cast("Figure", figure)


def plot_gates(layer: Any, x: Any, unit: int = 0, file: Target | None = None) -> Figure:
    """Draw what one unit of an LSTM layer does over the steps of a sequence: its gates above, c and h below.

    Args:
        layer: a built `layers.LSTM`.
        x: one sequence (T,I), or (1,T,I).
        unit: which of the layer's units.
        file: where to write a PNG; nowhere when None.

    Returns:
        The figure.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: a layer without weights or with other activations than an LSTM has, another shape, no such unit.
    """
    from lstm_fast.functional import lstm_gates
    from lstm_fast.layers import LSTM

    if not isinstance(layer, LSTM) or not layer.built:
        raise ValueError("plot_gates: expected a layers.LSTM that has its weights; call it on data first")
    if (layer.activation, layer.recurrent_activation) != ("tanh", "sigmoid"):
        raise ValueError(f"plot_gates: {layer.label} has other activations than tanh and sigmoid; use those")
    if layer.active:
        raise ValueError(f"plot_gates: {layer.label} has {', '.join(layer.active)}; expected a plain LSTM")
    steps = np.asarray(x, layer.dtype)
    steps = steps[0] if steps.ndim == 3 and len(steps) == 1 else steps
    if steps.ndim != 2 or not 0 <= unit < layer.units:
        raise ValueError(
            f"plot_gates: expected x of shape (T, I) and a unit in 0..{layer.units - 1}, got {steps.shape} and {unit}"
        )
    gates = lstm_gates(steps, *layer.get_weights())
    figure: Any = _figure(7.0, 5.6, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    at = np.arange(1, len(steps) + 1)
    for panel, names in ((upper, "ifog"), (lower, "ch")):
        _style(panel)
        for name, colour in zip(names, (OBSERVED, TEST, AHEAD, MUTED), strict=False):
            style = "--" if name == "g" else "-"
            panel.plot(at, getattr(gates, name)[:, unit], style, color=colour, lw=1.6, label=_GATES[name])
        panel.legend(frameon=False, labelcolor=INK, ncols=4, fontsize=9)
    upper.set_ylabel(f"gates of unit {unit}", color=INK)
    lower.set_ylabel("state", color=INK)
    lower.set_xlabel("step", color=INK)
    if file is not None:
        _save(figure, file)
    return cast("Figure", figure)


def plot_forecast(result: Forecast, file: Target | None = None) -> Figure:
    """Draw history, test prediction and forecast, the band of the test errors around both.

    Args:
        result: of `lstm_fast.forecast.forecast`.
        file: where to write a PNG (the same result gives the same bytes); nowhere when None.

    Returns:
        The figure.

    Raises:
        ImportError: matplotlib is not installed.
    """
    figure = _figure(11.0, 6.4)
    from matplotlib.patches import Patch

    from lstm_fast.forecast.job import BAND

    grid = figure.add_gridspec(
        2, 1, height_ratios=(1.0, 1.25), hspace=0.32, left=0.075, right=0.965, top=0.85, bottom=0.075
    )
    whole, near = figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
    _headline(figure, result)
    cut = result.plan
    _draw_parts(whole, result, first=0)
    whole.set_title("the whole series", loc="left", fontsize=10, color=MUTED)
    start = max(0, cut.n - max(3 * cut.horizon, 2 * (cut.season or 0), 30))
    _draw_parts(near, result, first=start)
    title = f"the last {cut.n - start} values, tested one step ahead; then {cut.horizon} steps on its own forecasts"
    near.set_title(title, loc="left", fontsize=10, color=MUTED)
    handles = [*near.get_lines()[:3], Patch(color=MUTED, alpha=0.25, lw=0, label=f"{BAND:.0%} of the test errors")]
    near.legend(handles=handles, loc="upper left", frameon=False, ncols=4, fontsize=9, labelcolor=INK, handlelength=1.6)
    low, high = near.get_ylim()
    near.set_ylim(low, high + 0.16 * (high - low))  # room for the legend
    if file is not None:
        _save(figure, file)
    return figure


def _headline(figure: Figure, result: Forecast) -> None:
    """Title and the sentence that says how good it is."""
    from lstm_fast.forecast.report import decimal, decimals

    series, one = result.series, result.one_step
    figure.text(0.075, 0.955, series.label or series.column, fontsize=15, fontweight="bold", color=INK, va="center")
    lstm, naive, seasonal = one["lstm"], one["naive"], one["seasonal_naive"]
    if lstm is None or naive is None:
        return
    digits = decimals(lstm.rmse)
    words = f"test RMSE one step ahead: LSTM {decimal(lstm.rmse, digits)}, naive {decimal(naive.rmse, digits)}"
    words += f", seasonal naive {decimal(seasonal.rmse, digits)}" if seasonal is not None else ""
    figure.text(0.075, 0.917, words, fontsize=10.5, color=MUTED, va="center")


def _draw_parts(panel: Axes, result: Forecast, first: int) -> None:
    """Observed values from `first` on, the test part with its band, the forecast with its own."""
    cut, values = result.plan, result.series.values
    x, ahead = result.series.axis.values, result.axis.values
    _style(panel)
    panel.plot(x[first:], values[first:], color=OBSERVED, lw=1.1, label="observed", zorder=3)
    if first == 0:
        panel.axvspan(x[cut.test], x[-1], color=TEST, alpha=0.07, lw=0)
        at: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "xytext": (0, 5), "textcoords": "offset points"}
        panel.annotate("test part", (x[cut.test], 1.0), va="bottom", fontsize=10, color=TEST, **at)
    begin = max(first, cut.test)
    held = slice(begin - cut.test, None)
    panel.plot(x[begin:], result.test[held], color=TEST, lw=1.3, label="test prediction", zorder=4)
    panel.fill_between(x[begin:], result.test_lower[held], result.test_upper[held], color=TEST, alpha=0.16, lw=0)
    joined = np.concatenate([x[-1:], ahead])  # from the last value on, so that the line is one
    value, low, high = (np.concatenate([values[-1:], part]) for part in (result.values, result.lower, result.upper))
    panel.plot(
        joined, value, color=AHEAD, lw=1.8, label="forecast", zorder=5, marker="o" if cut.horizon == 1 else None, ms=4
    )
    panel.fill_between(joined, low, high, color=AHEAD, alpha=0.18, lw=0)
    panel.axvline(x[-1], color=MUTED, lw=0.8, ls=(0, (2, 3)))
    panel.margins(x=0.012)


def _figure(width: float, height: float, layout: Any = None) -> Figure:
    """A figure with the Agg canvas, outside pyplot's list of open figures; a notebook shows it as a PNG."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        missing = "matplotlib" in str(error.name or error)
        raise ImportError(
            "pictures need matplotlib: pip install 'lstm_fast[plot]'" if missing else f"matplotlib: {error}"
        ) from None

    class Picture(Figure):
        def _repr_png_(self) -> bytes:
            import io

            data = io.BytesIO()
            _save(self, data)
            return data.getvalue()

    figure = Picture(figsize=(width, height), dpi=_DPI, facecolor="white", layout=layout)
    FigureCanvasAgg(figure)
    return figure


def _style(panel: Axes) -> None:
    panel.set_facecolor("white")
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        panel.spines[side].set_color(MUTED)
    panel.grid(True, color=GRID, lw=0.8)
    panel.set_axisbelow(True)
    panel.tick_params(colors=MUTED, labelsize=9)


def _save(figure: Any, file: Target) -> None:
    """PNG without date and software, so that equal pictures are equal files."""
    figure.savefig(file, format="png", dpi=_DPI, metadata={"Software": None})
