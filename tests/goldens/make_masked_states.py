"""Writes keras_masked_states.npz: what tests/keras_masked_states.py gives in Keras 3.

Run `KERAS_BACKEND=tensorflow python tests/goldens/make_masked_states.py` where Keras is installed; commit the file.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

if __name__ == "__main__":
    import keras
    from keras_masked_states import results

    np.savez_compressed(HERE / "keras_masked_states.npz", **results(keras))
