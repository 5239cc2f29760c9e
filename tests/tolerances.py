"""The tolerances of the suite, in one table by family and dtype, and the one comparison that uses them.

The error is max |got - want| / max(1, max |want|), `want` in float64 wherever there is a choice.
"""

from __future__ import annotations

from typing import Any

import numpy as np

TOLERANCE = {
    # family: float32, float64
    "forward": (1e-6, 1e-14),  # kernel vs twin in float64
    "gradient": (5e-6, 1e-13),
    "torch forward": (1e-6, 1e-12),
    "torch gradient": (1e-5, 1e-12),
    "central difference": (None, 1e-8),
    "onnx": (1e-6, None),  # stored float32 results of the node tests
    "onnxruntime": (1e-5, None),  # its activations are approximations
}

# Largest error of an activation over its whole range, in units in the last place of the true value.
ULP = {"float32": 2.0, "float64": 4.0}


def error(got: Any, want: Any) -> float:
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, f"shape {got.shape}, expected {want.shape}"
    if not got.size:
        return 0.0
    assert np.isfinite(got).all(), "not finite"
    want = want.astype(np.float64)
    return float(np.max(np.abs(got - want)) / max(1.0, float(np.max(np.abs(want)))))


def assert_close(family: str, got: Any, want: Any, label: str = "") -> None:
    """Print the error and fail above the family's tolerance."""
    got = np.asarray(got)
    limit = TOLERANCE[family][0 if got.dtype == np.float32 else 1]
    assert limit is not None, f"{family} has no tolerance for {got.dtype}"
    e = error(got, want)
    print(f"{family} {label} {got.dtype}: {e:.2e} (limit {limit:.0e})")
    assert e <= limit, f"{family} {label}: error {e:.3e} above {limit:.0e}"
