"""The parent: starts one worker per rival, lets all prove that they agree, then times them in alternating blocks."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from . import machine
from .cases import Case
from .peers import OURS, runs
from .remote import PeerError, Remote

if TYPE_CHECKING:
    from typing_extensions import Self

PAUSE = 0.005  # seconds between blocks, so that the last rival's pool has stopped spinning

# (y absolute, gradients relative to the largest element): more than this and a rival computes something else
TOLERANCE = {"float32": (1e-4, 1e-3), "float64": (1e-10, 1e-9)}


@dataclass
class Timing:
    """What one rival did in one case: milliseconds per call of each block, its errors, or why it has none."""

    blocks_ms: list[float] = field(default_factory=list)
    errors: dict[str, float] = field(default_factory=dict)
    note: str = ""

    @property
    def ms(self) -> float:
        return median(self.blocks_ms) if self.blocks_ms else float("nan")

    @property
    def error(self) -> float:
        return max(self.errors.values(), default=float("nan"))


class Workers:
    """The workers of one run, one per rival; use as a context manager."""

    def __init__(self, rivals: Iterable[str], threads: int, cpus: list[int]) -> None:
        self.rivals = list(rivals)
        self.threads, self.cpus = threads, cpus
        self.versions: dict[str, str] = {}
        self._remotes: dict[str, Remote] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="lstm_fast_bench_")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for remote in self._remotes.values():
            remote.close()
        self._folder.cleanup()

    def new(self, rival: str) -> Remote:
        """A fresh worker of `rival`."""
        return Remote(rival, self.threads, self.cpus)

    def remote(self, rival: str) -> Remote:
        """The running worker of `rival`, started anew when it has never run or has ended."""
        present = self._remotes.get(rival)
        if present is None or not present.alive:
            self._remotes[rival] = self.new(rival)
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

    def alternate(self, timings: dict[str, Timing], blocks: int, seconds: float) -> None:
        """Time `blocks` rounds of one block for each rival without a note."""
        racing = [rival for rival, timing in timings.items() if not timing.note]
        for round_ in range(blocks):
            shift = round_ % max(len(racing), 1)  # nobody always runs behind the same rival
            for rival in racing[shift:] + racing[:shift]:
                time.sleep(PAUSE)
                if not timings[rival].note:
                    self._block(rival, timings[rival], seconds)

    def _block(self, rival: str, timing: Timing, seconds: float) -> None:
        try:
            timing.blocks_ms.append(1e3 * self._remotes[rival].ask("block", seconds=seconds)["seconds"])
        except PeerError as error:
            timing.note, timing.blocks_ms = str(error), []


class Race(Workers):
    """Layers against each other, in one case at a time."""

    def case(self, case: Case, blocks: int, seconds: float) -> dict[str, Timing]:
        """Time every rival in `case`: compared with the reference first, then `blocks` rounds of one block each."""
        expected = str(Path(self._folder.name, "expected.npz"))
        reference = self.remote("reference")
        reference.ask("setup", case=case.as_dict())
        reference.ask("save", path=expected)
        timings = {peer: self._prepare(peer, case, expected) for peer in self.rivals if runs(peer, case.mode)}
        self.alternate(timings, blocks, seconds)
        return timings

    def _prepare(self, peer: str, case: Case, expected: str) -> Timing:
        try:
            remote = self.remote(peer)
            remote.ask("setup", case=case.as_dict())
            errors = remote.ask("check", path=expected)["errors"]
        except PeerError as error:
            return Timing(note=str(error))
        y_bound, gradient_bound = TOLERANCE[case.dtype]
        wrong = [name for name, e in errors.items() if not e <= (y_bound if name == "y" else gradient_bound)]
        worst = ", ".join(f"{name} (error {errors[name]:.0e})" for name in wrong)
        return Timing(errors=errors, note=f"excluded: disagrees in {worst}" if wrong else "")

    def memory(self, case: Case) -> dict[str, Any]:
        """Peak MiB of a step by peer, each in a fresh process; a text where there is none."""
        peaks: dict[str, Any] = {}
        for peer in (peer for peer in self.rivals if runs(peer, case.mode)):
            try:
                fresh = self.new(peer)
                try:
                    peaks[peer] = fresh.ask("memory", case=case.as_dict())
                finally:
                    fresh.close()
            except PeerError as error:
                peaks[peer] = str(error)
        return peaks

    def limits(self, seconds: float) -> machine.Limits:
        """Probe FMA peak and read bandwidths, one pinned process per thread, all at once; the sums are returned."""
        cpus = [[cpu] for cpu in self.cpus] or [[] for _ in range(self.threads)]
        probes = [Remote("machine", 1, one) for one in cpus]

        def together(do: str, **arguments: Any) -> tuple[float, str]:
            for probe in probes:
                probe.send(do, seconds=seconds, **arguments)
            answers = [probe.receive() for probe in probes]
            return sum(answer["value"] for answer in answers), answers[0]["source"]

        try:
            gflops, source = together("fma")
            reads = {level: together("bandwidth", nbytes=size) for level, size in machine.probe_sizes().items()}
        finally:
            for probe in probes:
                probe.close()
        sources = sorted({source, *(how for _, how in reads.values())})
        rates = {level: rate for level, (rate, _) in reads.items()}
        return machine.Limits(gflops, rates, threads=self.threads, source=", ".join(sources))
