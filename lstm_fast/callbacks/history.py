"""History: losses and metrics by epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lstm_fast.callbacks.base import Callback, Logs

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class History(Callback):
    """What `fit` returns: `history["loss"][k]` is the loss of epoch `epoch[k]`; `plot()` draws it."""

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def plot(self, file: Any = None, ax: Any = None) -> Figure:
        """Draw losses and metrics by epoch; see `plots.plot_history`.

        Args:
            file: where to write a PNG; nowhere when None.
            ax: axes to draw into; a new figure when None.

        Returns:
            The figure.

        Raises:
            ImportError: matplotlib is not installed.
        """
        from lstm_fast.plots import plot_history

        return plot_history(self.history, file, ax)
