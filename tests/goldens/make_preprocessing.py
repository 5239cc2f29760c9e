"""Writes preprocessing.json: the results of tests/keras_preprocessing.py from Keras 3 on TensorFlow.

Run `KERAS_BACKEND=tensorflow python tests/goldens/make_preprocessing.py` where both are installed; commit the file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))


def main() -> None:
    import keras
    import keras_preprocessing
    from keras.src.legacy.preprocessing import sequence, text

    found = keras_preprocessing.everything(text, sequence, keras.utils)
    (HERE / "preprocessing.json").write_text(json.dumps(found, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
