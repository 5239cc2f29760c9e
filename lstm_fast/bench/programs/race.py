"""The parent: equal weights to all rivals, their loss curves compared, then alternating blocks."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ..race import PAUSE, Timing
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


class Race:
    """The workers of one run; use as a context manager."""

    def __init__(self, rivals: Sequence[str], threads: int, cpus: list[int]) -> None:
        self.rivals = list(rivals)
        self.threads, self.cpus = threads, cpus
        self.versions: dict[str, str] = {}
        self._remotes: dict[str, Remote] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="lstm_fast_bench_")

    def __enter__(self) -> Race:
        return self

    def __exit__(self, *_: object) -> None:
        for remote in self._remotes.values():
            remote.close()
        self._folder.cleanup()

    def _new(self, rival: str) -> Remote:
        variables = {"KERAS_BACKEND": rival.partition("_on_")[2]} if "_on_" in rival else {}
        return Remote(rival, self.threads, self.cpus, "programs.worker", variables)

    def remote(self, rival: str) -> Remote:
        """The running worker of `rival`, started anew when it has never run or has ended."""
        present = self._remotes.get(rival)
        if present is None or not present.alive:
            self._remotes[rival] = self._new(rival)
            self.versions[rival] = self._remotes[rival].version
        return self._remotes[rival]

    def start(self) -> list[str]:
        """Start every worker; one line for each that cannot and leaves the race. Ours stays in: its failure shows."""
        broken: list[str] = []
        for rival in list(self.rivals):
            try:
                self.remote(rival)
            except PeerError as error:
                broken.append(f"{rival}: {error}")
                if rival != OURS:
                    self.rivals.remove(rival)
        return broken

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
        racing = [rival for rival, timing in timings.items() if not timing.note]
        for round_ in range(blocks):
            shift = round_ % max(len(racing), 1)  # nobody always runs behind the same rival
            for rival in racing[shift:] + racing[:shift]:
                time.sleep(PAUSE)
                if not timings[rival].note:
                    self._block(rival, timings[rival], seconds)
        return timings

    def _block(self, rival: str, timing: Timing, seconds: float) -> None:
        try:
            timing.blocks_ms.append(1e3 * self._remotes[rival].ask("block", seconds=seconds)["seconds"])
        except PeerError as error:
            timing.note, timing.blocks_ms = str(error), []

    def memory(self, program: Program) -> dict[str, Any]:
        """Peak MiB of a fit by rival, each in a fresh process; a text where there is none."""
        peaks: dict[str, Any] = {}
        for rival in self.rivals:
            small = str(Path(self._folder.name, "memory.npz"))
            try:
                fresh = self._new(rival)
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
