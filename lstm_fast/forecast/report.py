"""What the job found, as a short table for people and as one object for programs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .job import BAND, Forecast, Scores
from .scores import Score

_ROWS = {"lstm": "LSTM", "naive": "naive (last value)", "seasonal_naive": "seasonal naive"}


def as_text(result: Forecast, dataset: str = "") -> str:
    """The report: data, cut, network, errors beside the naive forecasts, and the forecast's first and last step.

    Args:
        result: of `forecast`.
        dataset: what the series is, when it is a bundled one.

    Returns:
        Lines of text, without a final line end.
    """
    series, cut = result.series, result.plan
    labels = series.axis.labels()
    span = f"{series.axis.name} {labels[0]} to {labels[-1]}"
    rows = [("series", f"{dataset or series.name}: {series.column}, {cut.n} values, {span}")]
    if series.missing:
        rows.append(
            ("missing", f"{series.missing} values, interpolated (in the test part: the last value), never scored")
        )
    rows += [("note", note) for note in series.notes]
    season = f"{cut.season} ({'found in the training part' if cut.season_found else 'given'})" if cut.season else "none"
    if cut.season is None and cut.season_found:
        season = "none found"
    parts = f"train {cut.validation}, validation {cut.test - cut.validation}, test {cut.n - cut.test}"
    rows += [
        ("parts", f"{parts} (from {labels[cut.test]})"),
        ("season", f"{season}; window {cut.window}, horizon {cut.horizon}"),
        ("model", f"{_network(result)}; {result.scaling.summary}"),
        (
            "training",
            f"{len(result.history['loss'])} epochs, best {result.best_epoch}, {result.seconds['train']:.1f} s",
        ),
    ]
    lines = [f"{name + ':':<10}{text}" for name, text in rows]
    lines += ["", *_score_lines("test error, 1 step ahead", result.one_step, cut.season)]
    leads = min(cut.horizon, cut.n - cut.test)
    if leads > 1:
        lines += ["", *_score_lines(f"test error, 1 to {leads} ahead", result.all_steps, cut.season)]
    lines += ["", f"{'forecast:':<10}{_ends(result)}; {BAND:.0%} band from the test errors"]
    return "\n".join(lines)


def as_dict(result: Forecast) -> dict[str, Any]:
    """The report as JSON values: what `as_text` says, the forecast step by step, the scaling and the loss curves."""
    series, cut = result.series, result.plan
    labels = series.axis.labels()
    return {
        "series": {
            "name": series.name,
            "column": series.column,
            "axis": series.axis.name,
            "values": cut.n,
            "missing": series.missing,
            "first": labels[0],
            "last": labels[-1],
        },
        "notes": list(series.notes),
        "parts": {"train": cut.validation, "validation": cut.test - cut.validation, "test": cut.n - cut.test},
        "test_from": labels[cut.test],
        "season": cut.season,
        "season_found": cut.season_found and cut.season is not None,
        "window": cut.window,
        "horizon": cut.horizon,
        "units": result.options.units,
        "layers": result.options.layers,
        "batch_size": cut.batch_size,
        "seed": result.options.seed,
        "parameters": result.model.count_params(),
        "epochs": len(result.history["loss"]),
        "best_epoch": result.best_epoch,
        "scaling": result.scaling.as_dict(),
        "test": {
            "one_step": _scores_dict(result.one_step),
            "all_steps": _scores_dict(result.all_steps),
            "origins": result.origins,
        },
        "band": BAND,
        "forecast": [
            {"at": at, "forecast": float(value), "lower": float(low), "upper": float(high)}
            for at, value, low, high in zip(
                result.axis.labels(), result.values, result.lower, result.upper, strict=True
            )
        ],
        "history": result.history,
        "seconds": {name: round(value, 3) for name, value in result.seconds.items()},
    }


def _network(result: Forecast) -> str:
    layers = " + ".join([f"LSTM({result.options.units})"] * result.options.layers)
    return f"{layers} + Dense(1), {result.model.count_params():,} parameters"


def _ends(result: Forecast) -> str:
    """The first and the last step of the forecast with their bands."""
    labels = result.axis.labels()
    digits = decimals(float(np.abs(result.values).max()))
    steps = []
    for i in dict.fromkeys((0, result.plan.horizon - 1)):
        value, low, high = (decimal(float(part[i]), digits) for part in (result.values, result.lower, result.upper))
        steps.append(f"{labels[i]} {value} ({low} to {high})")
    return " ... ".join(steps)


def _score_lines(title: str, scores: Scores, season: int | None) -> list[str]:
    lstm = scores["lstm"]
    if lstm is None:
        return [f"{title}: none, every value of the test part is missing"]
    digits = decimals(lstm.rmse)
    lines = [f"{title:<28}{'RMSE':>11}{'MAE':>11}{'LSTM RMSE is':>18}"]
    for name, row in _ROWS.items():
        other = scores[name]
        if other is None:
            continue
        title = f"{row} ({season} back)" if name == "seasonal_naive" else row
        against = "" if name == "lstm" else _against(lstm, other)
        lines.append(
            f"  {title:<26}{decimal(other.rmse, digits):>11}{decimal(other.mae, digits):>11}{against:>18}".rstrip()
        )
    return lines


def _against(lstm: Score, other: Score) -> str:
    if other.rmse == 0:
        return ""
    change = lstm.rmse / other.rmse - 1
    return f"{abs(change):.0%} {'lower' if change < 0 else 'higher'}"


def _scores_dict(scores: Scores) -> dict[str, dict[str, float | int] | None]:
    return {name: None if s is None else {"rmse": s.rmse, "mae": s.mae, "n": s.n} for name, s in scores.items()}


def decimals(value: float) -> int:
    """Decimals that show four significant digits of a value, -1 for the exponent notation."""
    if value == 0 or not math.isfinite(value):
        return 3
    digits = 3 - math.floor(math.log10(abs(value)))
    return -1 if digits > 9 or digits < -9 else max(0, digits)


def decimal(value: float, digits: int) -> str:
    return f"{value:.3e}" if digits < 0 else f"{value:.{digits}f}"
