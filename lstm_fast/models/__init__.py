"""Models: Sequential, the functional Model, and their files."""

from lstm_fast.models.model import Model
from lstm_fast.models.saving import load_model
from lstm_fast.models.sequential import Sequential

__all__ = ["Model", "Sequential", "load_model"]
