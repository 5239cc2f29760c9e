"""Time of one LSTM layer on n cores, from figures measured on one and two.

    forward  = team + projection + T (max(step, product(w_h) + cells) + barrier)
    training = forward + T (product(w_h^T) + barrier) + once per weight, dx, dw_x, dw_h on all workers + barriers
    product  = for each tile of rows: the larger of its multiply-adds and of reading its panel

Workers share the rows, and each reads all of w_h at every step, without barriers; or they share the hidden units of
every row, each reads its part, with a barrier after each step; or both: a grid of row parts and unit parts. Times in
seconds, sizes in bytes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

from .cases import Case

GROUP = {"inference": 2, "training": 4}  # blocks of hidden units that stay with one worker


@dataclass(frozen=True)
class Figures:
    """What was measured; by mode where a dict has 'inference' and 'training'.

    Args:
        peak: flop/s of one core's products, full tiles.
        alone: read bytes/s of one core by level, L1 to DRAM.
        shared: the same when two cores read at once, per core.
        sizes: cache bytes by level, of one core or of the cores that share it.
        call: seconds of the smallest call.
        step: seconds of the smallest dependent step.
        cell: seconds per (t,b,h) besides the products.
        weight: seconds per weight, once per training step, by 'L2' and 'L3': packing, writing its gradient.
        team: seconds to start and end a team of two.
        barrier: seconds of one barrier between two workers.
        lanes, rows: hidden units of a vector, rows of a register tile.
        cores_per_l3: assumed; cores that share one L3.
        dram: assumed; read bytes/s of all cores together.
    """

    peak: float
    alone: dict[str, float]
    shared: dict[str, float]
    sizes: dict[str, int]
    call: dict[str, float]
    step: dict[str, float]
    cell: dict[str, float]
    weight: dict[str, float]
    team: float
    barrier: float
    lanes: int
    rows: int
    cores_per_l3: int
    dram: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def level(self, nbytes: float) -> str:
        """The fastest level that holds `nbytes`."""
        return next((name for name, size in self.sizes.items() if nbytes <= size), "DRAM")

    def bandwidth(self, level: str, cores: int) -> float:
        """Bytes/s of each of `cores` cores: L1 and L2 are its own, L3 slows down as it did from one core to two."""
        if level == "DRAM":
            return min(self.alone[level], self.dram / cores)
        if level in ("L1", "L2") or cores == 1:
            return self.alone[level]
        slower = max(0.0, self.alone[level] / self.shared[level] - 1)  # by each further core
        return self.alone[level] / (1 + slower * (min(cores, self.cores_per_l3) - 1))

    def meeting(self, workers: int) -> float:
        """One barrier: every arrival moves one cache line, so it grows with the workers."""
        return self.barrier * workers / 2 if workers > 1 else 0.0

    def start(self, workers: int) -> float:
        return self.team * workers / 2 if workers > 1 else 0.0


@dataclass(frozen=True)
class Prediction:
    """Seconds with `parts` parts of the rows times `units` parts of the units, one worker each."""

    seconds: float
    parts: int
    units: int

    @property
    def workers(self) -> int:
        return self.parts * self.units

    @property
    def split(self) -> str:
        """What the workers share."""
        return "rows" if self.units == 1 else "units" if self.parts == 1 else "rows and units"


def product(figures: Figures, rows: int, k: int, columns: int, cores: int) -> float:
    """(rows, k) times (k, columns) on one of `cores` cores: each tile of rows reads the panel, the first from afar."""
    panel = 4.0 * k * columns
    level = figures.level(panel)
    far = panel / figures.bandwidth(level, cores)
    near = far if level == "L1" else panel / figures.bandwidth("L2", cores)

    def tile(size: int, read: float) -> float:
        return max(2.0 * size * k * columns / figures.peak, read)

    full, rest = divmod(rows, figures.rows)
    seconds = full * tile(figures.rows, near) + (tile(rest, near) if rest else 0.0)
    first = min(rows, figures.rows)
    return seconds + tile(first, far) - tile(first, near)


def predict(figures: Figures, case: Case, parts: int = 1, unit_parts: int = 1) -> float:
    """Seconds of `case` with exactly parts * unit_parts workers."""
    B, T, I, H = case.shape
    training, n = case.mode == "training", parts * unit_parts
    rows = ceil(B / parts)
    group = GROUP[case.mode] * figures.lanes
    units = H if unit_parts == 1 else min(H, group * ceil(ceil(H / group) / unit_parts))
    meeting = figures.meeting(n) if unit_parts > 1 else 0.0
    mode, cells = case.mode, rows * units

    forward = figures.cell["inference"] * cells + product(figures, rows, H, 4 * units, n)
    seconds = product(figures, rows * T, I, 4 * units, n) + T * (max(figures.step["inference"], forward) + meeting)
    if training:
        backward = (figures.cell["training"] - figures.cell["inference"]) * cells + product(
            figures, rows, 4 * H, units, n
        )
        least = figures.step["training"] - figures.step["inference"]
        seconds += T * (max(least, backward) + meeting)
        seconds += product(figures, ceil(B * T / n), 4 * H, I, n)  # dx
        seconds += 8.0 * B * T * H * (I + H) / figures.peak / n  # dw_x, dw_h
        weights = 4 * H * (I + H)
        seconds += weights * figures.weight["L2" if 4 * weights <= figures.sizes["L2"] else "L3"] / n
        seconds += 3 * figures.meeting(n)
    moved = (
        4.0 * B * T * (I + 2 * H + (2 * I + 15 * H if training else 0))
    )  # x, y; dx, dy, the tape written, read, overwritten
    if moved > figures.sizes.get("L3", 0) * ceil(n / figures.cores_per_l3):
        seconds = max(seconds, moved / (n * figures.bandwidth("DRAM", n)))
    return figures.call[mode] + figures.start(n) + seconds


def best(figures: Figures, case: Case, cores: int) -> Prediction:
    """The fastest grid of at most `cores` workers."""
    counts = sorted({1, *(c for c in (2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128) if c <= cores), cores})
    grids = [(n // units, units) for n in counts for units in counts if n % units == 0 and n // units <= case.shape[0]]
    return min((Prediction(predict(figures, case, *grid), *grid) for grid in grids), key=lambda p: p.seconds)


def handover(figures: Figures, case: Case, cores: int) -> int:
    """The batch from which `cores` workers do at least as well sharing rows as sharing units; 0: none up to 3072."""
    last = 0
    for B in (b for power in range(12) for b in (2**power, 3 * 2**power // 2)):
        at = Case(B, case.T, case.I, case.H, case.mode, case.dtype)
        rows, units = predict(figures, at, cores, 1), predict(figures, at, 1, cores)
        if units < rows:
            last = 0
        elif not last:
            last = B
    return last
