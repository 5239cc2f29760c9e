"""One rival in one process: `python -m lstm_fast.bench.worker PEER THREADS CPUS`, told what to do by JSON lines.

Every line on standard input is a command `{"do": ..., ...}`; every answer is one line: `{"ok": true, ...}` or
`{"ok": false, "error": text}`. Whatever the framework prints goes to standard error. Frameworks' thread pools and
OpenMP runtimes never share a process, and only one worker computes at a time.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, TextIO

import numpy as np

from . import machine
from .cases import Case

SAMPLE_SECONDS = 1e-3  # calls shorter than this are timed in groups: perf_counter itself costs about 50 ns


class Worker:
    """State of one process: the peer's module, the case set up last and its raw result."""

    def __init__(self, peer: str, threads: int) -> None:
        self.threads = threads
        self.peer = peer
        self.module: Any = _peer_module(peer) if peer != "machine" else None
        self.cases: Any = self.module  # whose case was set up last: the peer's, or its file for stacks
        self.run: Callable[[], Any] | None = None
        self.raw: Any = None

    def do_hello(self) -> dict[str, Any]:
        return {"version": self.module.version() if self.module else ""}

    def do_setup(self, case: dict[str, Any]) -> dict[str, Any]:
        """Build the case and run it once: compilation, packing and first-call allocation happen here."""
        self.run = self.raw = None
        gc.collect()
        self.cases = _peer_module(f"{self.peer}_stack") if case.get("option") else self.module
        self.run = self.cases.setup(Case(**case), self.threads)
        self.raw = self.run()
        return {}

    def do_save(self, path: str) -> dict[str, Any]:
        """Write the outputs as .npz: what the others are compared with."""
        np.savez(path, **self.cases.outputs(self.raw))
        return {}

    def do_check(self, path: str) -> dict[str, Any]:
        """Largest error of each output: absolute for y, relative to the largest element for gradients; NaN is kept."""
        received = self.cases.outputs(self.raw)
        self.raw = None
        errors: dict[str, float] = {}
        with np.load(path, allow_pickle=False) as expected:
            for name in expected.files:
                twin, ours = expected[name], np.asarray(received[name])
                if ours.shape != twin.shape:
                    raise ValueError(f"expected {name} of shape {twin.shape}, received {ours.shape}")
                error = float(np.max(np.abs(ours - twin)))
                scale = float(np.max(np.abs(twin))) if name != "y" else 1.0
                errors[name] = error / scale if scale else error
        return {"errors": errors}

    def do_block(self, seconds: float) -> dict[str, Any]:
        """Run for about `seconds` after one warm-up call; the block's time per call is the median of its samples."""
        assert self.run is not None, "setup comes first"
        run, clock = self.run, time.perf_counter
        gc.collect()
        gc.disable()
        try:
            start = clock()
            run()
            calls = max(1, int(SAMPLE_SECONDS / max(clock() - start, 1e-7)))
            samples: list[float] = []
            end = clock() + seconds
            while not samples or clock() < end:
                start = clock()
                for _ in range(calls):
                    run()
                samples.append((clock() - start) / calls)
        finally:
            gc.enable()
        return {"seconds": median(samples), "samples": len(samples), "calls": calls}

    def do_memory(self, case: dict[str, Any]) -> dict[str, Any]:
        """Peak resident memory of a warm step, inputs and weights included, over the process after a tiny case."""
        self.do_setup({**case, "B": 2, "T": 3, "I": 4, "H": 5})
        self.raw = self.run = None
        gc.collect()
        give_back_freed()
        idle = status_kib("VmRSS")
        self.do_setup(case)
        self.raw = None
        give_back_freed()
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # restarts VmHWM at the present size
        assert self.run is not None
        for _ in range(2):
            self.run()
        peak = status_kib("VmHWM")
        return {"step_mib": (peak - idle) / 1024, "process_mib": peak / 1024}

    def do_fma(self, seconds: float) -> dict[str, Any]:
        value, source = machine.probe_fma(seconds)
        return {"value": value, "source": source}

    def do_bandwidth(self, nbytes: int, seconds: float) -> dict[str, Any]:
        value, source = machine.probe_bandwidth(nbytes, seconds)
        return {"value": value, "source": source}

    def do_barrier(self, threads: int, seconds: float) -> dict[str, Any]:
        team, barrier = machine.probe_barrier(threads, seconds)
        return {"team": team, "barrier": barrier}


def give_back_freed() -> None:
    """What the C library keeps of freed memory goes back to the system, where it can be told so."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def answer(worker: Any, line: str) -> dict[str, Any]:
    """Carry out one command line; an exception becomes the answer."""
    command = json.loads(line)
    action = getattr(worker, "do_" + command.pop("do"))
    try:
        return {"ok": True, **action(**command)}
    except Exception as error:  # a rival's refusal is a result, whatever its type
        return {"ok": False, "error": one_line(error)}


def _peer_module(name: str) -> Any:
    return importlib.import_module(f".peers.{name}", __package__)


def one_line(error: BaseException) -> str:
    """`Type: first lines` of an exception, at most 200 characters."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:200]


def status_kib(field: str) -> int:
    """A line of /proc/self/status, in KiB."""
    found = re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"), re.MULTILINE)
    if found is None:
        raise OSError(f"/proc/self/status has no {field}")
    return int(found.group(1))


def _private_stdout() -> TextIO:
    """The pipe to the parent; file descriptor 1 itself now leads to standard error."""
    pipe = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return pipe


def main(arguments: list[str], kind: Callable[[str, int], Any] = Worker) -> int:
    """Serve commands with a worker of `kind`, made for (peer, threads)."""
    peer, threads, cpus = arguments
    machine.pin([int(cpu) for cpu in cpus.split(",") if cpu])  # before the import: JAX counts CPUs there
    replies = _private_stdout()

    def reply(message: dict[str, Any]) -> None:
        replies.write(json.dumps(message) + "\n")
        replies.flush()

    try:
        worker = kind(peer, int(threads))
    except Exception as error:  # a broken installation of a rival is reported, not fatal
        reply({"ok": False, "error": one_line(error)})
        return 1
    reply({"ok": True, **worker.do_hello()})
    for line in sys.stdin:
        reply(answer(worker, line))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
