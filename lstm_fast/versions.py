"""What runs here: versions, instruction set, threads."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Any


def versions() -> dict[str, Any]:
    """Everything a bug report needs.

    Returns:
        `lstm_fast`, `python`, `numpy`, `isa` (the kernels that run), `isas` (all that this CPU and this build have,
        best first), `threads`, `openmp`, `compiler`, `cpu`, `os`.

    Raises:
        ImportError: `LSTM_FAST_ISA` asks for an instruction set that is not there.

    Example:
        >>> info = versions()
        >>> info["isa"] in info["isas"]
        True
    """
    import numpy as np

    import lstm_fast
    from lstm_fast import _core

    build = _core.build_info()
    return {
        "lstm_fast": lstm_fast.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "isa": _core.isa(),
        "isas": list(_core.isas()),
        "threads": _core.get_num_threads(),
        "openmp": bool(build["openmp"]),
        "compiler": build.get("compiler", ""),
        "cpu": cpu_name(),
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def show_versions() -> None:
    """Print `versions()`, one line each."""
    for name, value in versions().items():
        text = ", ".join(value) if isinstance(value, list) else value
        print(f"{name + ':':<11}{'yes' if text is True else 'no' if text is False else text}")


def cpu_name() -> str:
    """The processor's name as the system gives it."""
    if sys.platform == "linux":
        try:
            for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
                name, _, value = line.partition(":")
                if name.strip() in ("model name", "Model") and value.strip():
                    return value.strip()
        except OSError:
            pass
    return platform.processor() or platform.machine()
