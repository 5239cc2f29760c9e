"""One rival in one process: `python -m lstm_fast.bench.programs.worker RIVAL THREADS CPUS`, commands as JSON lines.

Keras' backend comes from KERAS_BACKEND, which the parent sets.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import numpy as np

from ..worker import main, status_kib
from .catalog import PROGRAMS

_BY_NAME = {program.name: program for program in PROGRAMS}


class ProgramWorker:
    """State of one process: the rival and the program set up last."""

    def __init__(self, rival: str, threads: int) -> None:
        self.rival = rival
        self.version = _start(rival, threads)
        self.runner: Any = None

    def do_hello(self) -> dict[str, Any]:
        return {"version": self.version}

    def do_setup(self, program: str, weights: str) -> dict[str, Any]:
        """Make the model; start from `weights`, or write its own there when nobody has yet."""
        self.runner = None
        gc.collect()
        self._make(program, weights, *_BY_NAME[program].data())
        return {}

    def _make(self, program: str, weights: str, x: Any, y: Any) -> None:
        if self.rival == "torch":
            from .torch_way import Runner

            self.runner = Runner(_BY_NAME[program], x, y)
        else:
            from . import keras_way

            self.runner = keras_way.Runner(import_module(self.rival.partition("_on_")[0]), _BY_NAME[program], x, y)
        if Path(weights).exists():
            with np.load(weights, allow_pickle=False) as file:
                self.runner.set_weights([file[name] for name in file.files])
        else:
            np.savez(weights, **{f"w{k:03d}": w for k, w in enumerate(self.runner.get_weights())})

    def do_curve(self) -> dict[str, Any]:
        """The losses, or the predictions, that all rivals must agree on."""
        return {"curve": self.runner.curve()}

    def do_block(self, seconds: float) -> dict[str, Any]:
        """Two warm-up calls, then one that lasts about `seconds`; seconds per update or prediction."""
        run, clock = self.runner.run, time.perf_counter
        run(1)
        start = clock()
        run(1)
        times = max(1, round(seconds / max(clock() - start, 1e-7)))
        gc.collect()
        start = clock()
        count = run(times)
        return {"seconds": (clock() - start) / count, "count": count}

    def do_memory(self, program: str, weights: str, small: str) -> dict[str, Any]:
        """Peak resident memory of an epoch, model included, over the process with the data, in MiB.

        The program `small` runs first, so that what a framework loads at its first fit is not counted.
        """
        self.do_setup("step", small)
        self.runner.run(1)
        self.runner = None
        gc.collect()
        data = _BY_NAME[program].data()
        idle = status_kib("VmRSS")
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # restarts VmHWM at the present size
        self._make(program, weights, *data)
        self.runner.run(1)
        peak = status_kib("VmHWM")
        return {"fit_mib": (peak - idle) / 1024, "process_mib": peak / 1024}


def _start(rival: str, threads: int) -> str:
    """Imports the rival and sets its threads; returns its version."""
    if rival == "lstm_fast":
        from lstm_fast import _core, set_num_threads

        set_num_threads(threads)
        return f"{metadata.version('lstm_fast')} (isa {_core.isa()})"
    if rival == "torch":
        import torch

        torch.set_num_threads(threads)
        return str(torch.__version__)
    import keras

    backend = os.environ["KERAS_BACKEND"]
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        return f"{keras.__version__} (tensorflow {tf.__version__})"
    return f"{keras.__version__} ({backend} {metadata.version(backend)})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], ProgramWorker))
