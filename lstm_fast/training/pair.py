"""Two native calls at once: one on the caller's thread, one on a thread that waits for work between calls."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

LEAST_WORK = 1 << 23  # multiply-adds of each call; handing one over takes about 40 microseconds
MOST_WORK = 1 << 35  # Ctrl-C has to wait for the call on the other thread

_pool: Any = None  # one worker, made at first use
_free = threading.Lock()


def both(first: Callable[[], Any], second: Callable[[], Any]) -> None:
    """Both calls, at the same time unless another thread has the worker; at its end, even by an error, both ended."""
    future = _hand_over(second)
    if future is None:
        first()
        second()
        return
    raised: BaseException | None = None
    try:
        first()
    except BaseException as error:
        raised = error
    while not future.done():  # the worker uses the caller's buffers: Ctrl-C waits for it
        try:
            future.exception()
        except BaseException as error:
            raised = error
    _free.release()
    if raised is not None:
        raise raised
    future.result()


def _hand_over(call: Callable[[], Any]) -> Any:
    """The future of a call that the worker has begun; None when it is not free."""
    global _pool
    if not _free.acquire(blocking=False):
        return None
    try:
        if _pool is None:
            from concurrent.futures import ThreadPoolExecutor

            _pool = ThreadPoolExecutor(1, thread_name_prefix="lstm_fast")
        return _pool.submit(call)
    except RuntimeError:  # the interpreter is shutting down, or no thread can be made
        _free.release()
        return None


def _forget() -> None:
    """In a forked child: the worker has stayed in the parent."""
    global _pool, _free
    _pool, _free = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
