"""What `fit` shows: a bar with the time left, or a line per epoch."""

from __future__ import annotations

import sys
import time
from typing import Any

from lstm_fast.callbacks.base import Logs

INTERVAL = 0.1  # seconds between two updates of the bar


def verbosity(verbose: Any) -> int:
    """0, 1 or 2; 'auto' is a bar in a terminal, lines elsewhere."""
    if verbose == "auto":
        return 1 if sys.stderr.isatty() or "ipykernel" in sys.modules else 2
    if verbose in (0, 1, 2):
        return int(verbose)
    raise ValueError(f"fit: expected verbose 0, 1, 2 or 'auto', got {verbose!r}")


class Progress:
    """One bar over all epochs (verbose 1), a line per epoch (2), or nothing (0)."""

    def __init__(self, verbose: int, epochs: int, initial_epoch: int, steps: int | None) -> None:
        self.verbose, self.epochs, self.steps = verbose, epochs, steps
        self.bar: Any = None
        if verbose == 1:
            from tqdm.auto import tqdm

            total = None if steps is None else (epochs - initial_epoch) * steps
            self.bar = tqdm(total=total, unit="batch", mininterval=INTERVAL)
        self.line = ""
        self.start_epoch(initial_epoch)

    def start_epoch(self, epoch: int) -> None:
        self.started = time.perf_counter()
        self.epoch, self.done = epoch, 0
        if self.bar is not None:
            self.bar.set_description_str(f"Epoch {epoch + 1}/{self.epochs}", refresh=False)

    def advance(self, step: int, loss: float) -> None:
        """`step` batches of this epoch are done; their mean loss."""
        if self.bar is not None:
            self.bar.set_postfix_str(f"loss={loss:.4g}{self.line}", refresh=False)
            self.bar.update(step - self.done)
            self.done = step

    def end_epoch(self, logs: Logs) -> None:
        if self.bar is not None:
            rest = {k: v for k, v in logs.items() if k != "loss"}
            self.line = "".join(f", {k}={v:.4g}" for k, v in rest.items())
            self.advance(self.done if self.steps is None else self.steps, logs["loss"])
        elif self.verbose == 2:
            seconds = time.perf_counter() - self.started
            numbers = " - ".join(f"{k}: {v:.4g}" for k, v in logs.items())
            print(f"Epoch {self.epoch + 1}/{self.epochs} - {seconds:.2f}s - {numbers}", flush=True)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None
