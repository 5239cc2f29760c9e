"""Writes keras.npz and its like: weights, predictions and loss curves of tests/keras_models*.py from Keras 3.

Run `KERAS_BACKEND=jax python tests/goldens/make_keras.py keras|keras_other|keras_recurrent [case ...]` where Keras is
installed; commit the .npz file. With cases named, the others are kept as they are. keras_recurrent comes from
KERAS_BACKEND=tensorflow: on jax the metrics of `fit` do not see masks, nor does `fit` the states of `predict`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))


def main() -> None:
    import keras
    import keras_models
    from test_keras_goldens import TABLES

    cases = TABLES[sys.argv[1]]
    file, names = HERE / f"{sys.argv[1]}.npz", sys.argv[2:] or list(cases)
    arrays: dict[str, object] = {}
    if sys.argv[2:] and file.exists():
        with np.load(file) as stored:
            arrays = {key: a for key, a in stored.items() if key.split("/")[0] not in names}
    arrays["keras_version"] = np.asarray(keras.__version__)
    for name in names:
        print(name, flush=True)
        keras.utils.set_random_seed(11)
        arrays |= {
            f"{name}/{key}": a.astype(np.float32) for key, a in keras_models.run(keras, name, cases[name]).items()
        }
    np.savez_compressed(file, **{key: arrays[key] for key in sorted(arrays)})


if __name__ == "__main__":
    main()
