"""The two ways a forecast can fail: the data or the options are wrong, or the run is."""

from __future__ import annotations


class DataError(ValueError):
    """The series, the file or an option is not what the job needs; the message names expected and received."""


class RunError(RuntimeError):
    """The job could not be carried out though its input was right (folder not writable, training diverged)."""
