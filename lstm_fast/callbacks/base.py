"""Callbacks: what `fit` calls between epochs and, where asked, between batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from lstm_fast.models import Model

Logs = dict[str, float]


class Callback:
    """Base: override what you need; `self.model` is the model in training.

    Hooks of batches cost time only in callbacks that override them. `epoch` and `batch` count from 0.
    """

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self._model: Any = None

    @property
    def model(self) -> Any:
        return getattr(self, "_model", None)

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params

    def set_model(self, model: Model) -> None:
        self._model = model

    # what a file written while training keeps, for a fit that goes on from it

    saves_model: ClassVar[bool] = False  # writes files, and so comes after those whose state they keep
    state_names: ClassVar[tuple[str, ...]] = ()  # attributes that JSON can hold
    best_weights: list[Any] | None = None  # arrays to keep as well

    def get_state(self) -> dict[str, Any]:
        """What `set_state` needs to go on as if training had not been interrupted."""
        return {name: getattr(self, name) for name in self.state_names}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `get_state`; comes after `on_train_begin`."""
        for name in self.state_names:
            setattr(self, name, state[name])

    def on_train_begin(self, logs: Logs | None = None) -> None: ...

    def on_train_end(self, logs: Logs | None = None) -> None: ...

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None: ...

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None: ...

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None: ...

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None: ...

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None: ...

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None: ...

    def on_test_begin(self, logs: Logs | None = None) -> None: ...

    def on_test_end(self, logs: Logs | None = None) -> None: ...


class CallbackList:
    """Several callbacks as one."""

    BATCH_HOOKS: ClassVar[tuple[str, ...]] = (
        "on_train_batch_begin",
        "on_train_batch_end",
        "on_batch_begin",
        "on_batch_end",
    )

    def __init__(self, callbacks: Sequence[Callback], model: Model, params: dict[str, Any]) -> None:
        self.callbacks = _savers_later(list(callbacks))
        for c in self.callbacks:
            c.set_params(params)
            c.set_model(model)
        self.batch_begin = self._overriding("on_train_batch_begin") + self._overriding("on_batch_begin")
        self.batch_end = self._overriding("on_train_batch_end") + self._overriding("on_batch_end")

    def _overriding(self, hook: str) -> list[Any]:
        return [
            getattr(c, hook)
            for c in self.callbacks
            if getattr(getattr(c, hook), "__func__", None) is not getattr(Callback, hook)
        ]

    def call(self, hook: str, *arguments: Any) -> None:
        for c in self.callbacks:
            getattr(c, hook)(*arguments)


def _savers_later(callbacks: list[Callback]) -> list[Callback]:
    """Each callback that saves the model behind those whose state the file keeps; otherwise the order given."""
    last = max((k for k, c in enumerate(callbacks) if c.state_names and not c.saves_model), default=-1)
    early = [c for c in callbacks[:last] if c.saves_model]
    return [*(c for c in callbacks[: last + 1] if c not in early), *early, *callbacks[last + 1 :]]


class LambdaCallback(Callback):
    """A callback from functions: LambdaCallback(on_epoch_end=lambda epoch, logs: ...)."""

    def __init__(self, **functions: Any) -> None:
        super().__init__()
        for name, function in functions.items():
            if not hasattr(Callback, name) or not name.startswith("on_"):
                raise TypeError(f"LambdaCallback: unexpected argument {name!r}")
            if function is not None:
                setattr(self, name, function)
