"""Layers that are not made here, and why."""

from __future__ import annotations

from typing import Any


class Lambda:
    """Always raises: a model file would have to hold code, and an unknown function has no gradient here."""

    def __init__(self, function: Any = None, *args: Any, **kwargs: Any) -> None:
        raise ValueError(
            "Lambda: an arbitrary function has no gradient and no place in a model file; use the layer that does the "
            "same (Reshape, Permute, Activation, Dot, Add, GlobalAveragePooling1D, ...), return_sequences=False for "
            "the last step, or compute it in front of the model"
        )
