"""The parent: equal weights to all rivals, their loss curves compared, then alternating blocks."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ..race import Timing, Workers
from ..remote import PeerError, Remote
from .catalog import Program

OURS = "lstm_fast"
# name -> modules that have to be installed
RIVALS: dict[str, tuple[str, ...]] = {
    OURS: (),
    "keras_on_jax": ("keras", "jax"),
    "keras_on_tensorflow": ("keras", "tensorflow"),
    "torch": ("torch",),
}
TOLERANCE = 1e-3  # of the largest value of the curve


def missing(rival: str) -> list[str]:
    """Modules that a rival needs and this environment lacks."""
    return [module for module in RIVALS[rival] if find_spec(module) is None]


class Race(Workers):
    """Programs against each other, one at a time."""

    def new(self, rival: str) -> Remote:
        """A fresh worker of `rival`, Keras on its backend."""
        variables = {"KERAS_BACKEND": rival.partition("_on_")[2]} if "_on_" in rival else {}
        return Remote(rival, self.threads, self.cpus, "programs.worker", variables)

    def _weights(self, program: Program) -> str:
        return str(Path(self._folder.name, f"{program.name}.npz"))

    def program(self, program: Program, blocks: int, seconds: float) -> dict[str, Timing]:
        """Time every rival, ours first: it writes the weights that all start from, its curve all must follow."""
        timings: dict[str, Timing] = {}
        reference: list[float] = []
        for rival in self.rivals:
            timings[rival] = timing = Timing()
            try:
                remote = self.remote(rival)
                remote.ask("setup", program=program.name, weights=self._weights(program))
                curve = remote.ask("curve")["curve"]
            except PeerError as error:
                timing.note = str(error)
                continue
            reference = reference or curve
            timing.errors = {"curve": _difference(curve, reference)}
            if not timing.errors["curve"] <= TOLERANCE:
                timing.note = f"excluded: its losses differ by {timing.errors['curve']:.0e}"
        self.alternate(timings, blocks, seconds)
        return timings

    def memory(self, program: Program) -> dict[str, Any]:
        """Peak MiB of a fit by rival, each in a fresh process; a text where there is none."""
        peaks: dict[str, Any] = {}
        for rival in self.rivals:
            small = str(Path(self._folder.name, "memory.npz"))
            try:
                fresh = self.new(rival)
                try:
                    peaks[rival] = fresh.ask(
                        "memory", program=program.name, weights=self._weights(program), small=small
                    )
                finally:
                    fresh.close()
            except PeerError as error:
                peaks[rival] = str(error)
        return peaks


def _difference(curve: Sequence[float], reference: Sequence[float]) -> float:
    """Largest difference, relative to the largest value; NaN is kept."""
    a, b = np.asarray(curve), np.asarray(reference)
    return float(np.max(np.abs(a - b)) / np.max(np.abs(b)))
