"""What Tokenizer, pad_sequences, TimeseriesGenerator and timeseries_dataset_from_array give, here or in Keras."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

TEXTS = ["The cat sat; the dog (a big DOG) ran!", "", "A dog? a dog, the dog...", "<UNK> zebra\tyak\nxenon", "Ünï ünï"]
MORE = ["the zebra quacks at a dog", "nothing known here", "cat cat"]
TOKENIZERS: dict[str, dict[str, Any]] = {
    "plain": {},
    "limited": {"num_words": 4},
    "unknown": {"oov_token": "<UNK>"},
    "unknown limited": {"oov_token": "<OOV>", "num_words": 5},
    "characters": {"char_level": True, "oov_token": "?"},
    "own filters": {"lower": False, "filters": "!", "split": "o"},
}
TABLES = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")  # JSON, in an order that varies
SEQUENCES = [[1, 2, 3], [], [4, 5, 6, 7, 8], [9]]
PADDINGS: list[dict[str, Any]] = [
    {},
    {"maxlen": 2},
    {"maxlen": 2, "padding": "post"},
    {"maxlen": 3, "truncating": "post"},
    {"maxlen": 7, "value": -1.5, "dtype": "float32"},
]
GENERATORS: list[dict[str, Any]] = [
    {},
    {"sampling_rate": 2},
    {"stride": 3},
    {"start_index": 3, "end_index": 17, "reverse": True, "sampling_rate": 2},
    {"batch_size": 4, "stride": 2},
]
WINDOWS: list[dict[str, Any]] = [
    {},
    {"sampling_rate": 2, "batch_size": 4},
    {"sequence_stride": 3, "batch_size": 2},
    {"start_index": 3, "end_index": 17},
    {"batch_size": None},
]


def tokenizer(module: Any, name: str) -> dict[str, Any]:
    t = module.Tokenizer(**TOKENIZERS[name])
    t.fit_on_texts(TEXTS)
    t.fit_on_texts([MORE[0], ["A", "list", "of", "words"]])
    sequences = t.texts_to_sequences([*MORE, *TEXTS])
    again = module.tokenizer_from_json(t.to_json())
    return {
        "config": {
            k: json.loads(v) if k[-4:] in ("unts", "docs", "word", "ndex") else v for k, v in t.get_config().items()
        },
        "sequences": sequences,
        "texts": t.sequences_to_texts([*sequences, [99, 1, 0]]),
        **{mode: t.texts_to_matrix(MORE, mode).tolist() for mode in ("binary", "count", "freq", "tfidf")},
        "again": again.texts_to_matrix(MORE, "tfidf").tolist(),
    }


def batches(dataset: Any) -> list[Any]:
    return [[np.asarray(part).tolist() for part in (b if isinstance(b, tuple) else (b,))] for b in dataset]


def everything(text: Any, sequence: Any, utils: Any) -> dict[str, Any]:
    """All results, as JSON has them."""
    series, targets = np.arange(50).reshape(25, 2), np.arange(25) * 10
    generators = [sequence.TimeseriesGenerator(series, targets, 6, **options) for options in GENERATORS]
    given = [(y, options) for options in WINDOWS for y in (targets, targets[6:], None)]
    found = {
        **{f"tokenizer {name}": tokenizer(text, name) for name in TOKENIZERS},
        "padded": [utils.pad_sequences(SEQUENCES, **options).tolist() for options in PADDINGS],
        "generators": [batches(g[k] for k in range(len(g))) for g in generators],
        "windows": [batches(utils.timeseries_dataset_from_array(series, y, 5, **options)) for y, options in given],
    }
    result: dict[str, Any] = json.loads(json.dumps(found))
    return result
