"""Where it is measured: CPU, caches, cores, and the machine's limits probed in the same run."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .cases import Case

_SYS = Path("/sys/devices/system/cpu")
_TYPICAL_CACHES = {"L1": 32 << 10, "L2": 512 << 10, "L3": 8 << 20}  # bytes, when the system does not tell


def pin(cpus: list[int]) -> None:
    """Confine this process to `cpus`; a system without affinity (macOS, Windows) runs unpinned."""
    if cpus and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cpus)


def count_cpus() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def choose_cpus(threads: int) -> list[int]:
    """`threads` CPUs of this process' affinity, one per physical core while they last; [] where there is no affinity.

    Raises:
        ValueError: fewer CPUs than threads.
    """
    if not hasattr(os, "sched_getaffinity"):
        if threads > (os.cpu_count() or 1):
            raise ValueError(f"bench: expected --threads <= {os.cpu_count()} CPUs, received {threads}")
        return []
    allowed = sorted(os.sched_getaffinity(0))
    if not 1 <= threads <= len(allowed):
        raise ValueError(f"bench: expected --threads in 1..{len(allowed)} (CPUs of this process), received {threads}")
    first_of_core: dict[str, int] = {}
    for cpu in allowed:
        first_of_core.setdefault(_read(_SYS / f"cpu{cpu}/topology/thread_siblings_list") or str(cpu), cpu)
    cores = sorted(first_of_core.values())
    return (cores + [cpu for cpu in allowed if cpu not in cores])[:threads]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def cpu_model() -> str:
    """Model name as the system tells it."""
    for line in _read(Path("/proc/cpuinfo")).splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def busy_cpus() -> float:
    """Load average of the last minute: CPUs that others kept busy just before the start; 0 when the system hides it."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return 0.0


def isa_flags() -> list[str]:
    """The CPU's vector features that matter here, as Linux names them; [] when the system does not tell."""
    listed = {word for line in _read(Path("/proc/cpuinfo")).splitlines()[:40] for word in line.split()}
    return [flag for flag in ("avx2", "fma", "avx512f", "avx512_bf16", "amx_tile", "asimd", "sve") if flag in listed]


def cache_bytes() -> dict[str, int]:
    """Data cache sizes in bytes: {'L1': ..., 'L2': ..., 'L3': ...}; typical sizes when the system does not tell."""
    sizes: dict[str, int] = {}
    for index in sorted(_SYS.glob("cpu0/cache/index*")):
        size = _read(index / "size")
        if _read(index / "type") != "Instruction" and size.endswith("K"):
            sizes["L" + _read(index / "level")] = int(size[:-1]) << 10
    return sizes or dict(_TYPICAL_CACHES)


def probe_sizes() -> dict[str, int]:
    """Bytes to read in order to measure each level: half of a cache; for DRAM four times the largest, <= 256 MiB."""
    caches = cache_bytes()
    return {**{level: size // 2 for level, size in caches.items()}, "DRAM": min(256 << 20, 4 * max(caches.values()))}


def probe_fma(seconds: float) -> tuple[float, str]:
    """Float32 GFLOP/s of this core, and how it was measured: the native probe, or a NumPy product as estimate."""
    try:
        from lstm_fast._core import probe_fma as native  # optional: a build without probes still measures
    except ImportError:
        n = 768
        a = np.random.default_rng(0).standard_normal((n, n)).astype(np.float32)
        out = np.empty_like(a)
        return 2e-9 * n**3 / _best(lambda: np.matmul(a, a, out=out), seconds), "estimate (numpy matmul)"
    return float(native(seconds)), "fma probe"


def probe_bandwidth(nbytes: int, seconds: float) -> tuple[float, str]:
    """Read GB/s of this core over `nbytes`, and how it was measured."""
    try:
        from lstm_fast._core import probe_bandwidth as native
    except ImportError:
        a = np.ones(max(nbytes // 4, 1024), np.float32)
        return 1e-9 * a.nbytes / _best(lambda: np.dot(a, a), seconds), "estimate (numpy dot)"
    return float(native(nbytes, seconds)), "read probe"


def probe_barrier(threads: int, seconds: float) -> tuple[float, float]:
    """Seconds to start and end a team of `threads`, and of one barrier between its workers; the shortest seen."""
    from lstm_fast._core import probe_barrier as native

    return native(threads, seconds)


def _best(action: Any, seconds: float) -> float:
    """Shortest of the repetitions that fit into `seconds`."""
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        action()
        best = min(best, time.perf_counter() - start)
    return best


@dataclass(frozen=True)
class Limits:
    """What `threads` cores can do together, measured on all of them at once.

    Args:
        gflops: float32 FMA peak, GFLOP/s; float64 has half.
        bandwidth: read GB/s by level, fastest first, all threads together.
        sizes: bytes that fit each cache level of one core.
        threads: cores measured.
        source: how each figure was obtained.
    """

    gflops: float
    bandwidth: dict[str, float]
    sizes: dict[str, int] = field(default_factory=cache_bytes)
    threads: int = 1
    source: str = ""

    def level(self, nbytes: float) -> str:
        """The fastest level that holds `nbytes`: every core keeps its part in its own L1 or L2, L3 is shared."""
        for name, size in self.sizes.items():
            if nbytes <= size * (self.threads if name in ("L1", "L2") else 1):
                return name
        return "DRAM"

    def read_seconds(self, nbytes: float) -> float:
        """Time to read `nbytes` divided evenly among the threads, from the fastest level that holds them."""
        return nbytes / (1e9 * self.bandwidth[self.level(nbytes)])

    def seconds(self, case: Case) -> float:
        """Lower bound of the time of `case`: products at the FMA peak, w_h read once per step at its cache's bandwidth.

        The input projection and the time-batched gradient products (dx, dw_x, dw_h) read their weights once; the
        recurrence reads w_h (16 H H bytes in float32) at each of T steps, forward and again backward. Latency and
        activations are not counted: shapes with few hidden units cannot reach this bound.
        """
        B, T, I, H = case.shape
        peak = 1e9 * self.gflops * 4 / case.itemsize
        w_x, w_h = 4 * I * H * case.itemsize, 4 * H * H * case.itemsize  # bytes
        projection = max(8 * B * T * I * H / peak, self.read_seconds(w_x))
        recurrence = T * max(8 * B * H * H / peak, self.read_seconds(w_h))
        if case.mode == "inference":
            return projection + recurrence
        weight_gradient = 8 * B * T * H * H / peak
        return 3 * projection + 2 * recurrence + weight_gradient
