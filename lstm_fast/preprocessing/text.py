"""Texts as integers, as the Tokenizer of older Keras programs does it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'

Array = np.ndarray[Any, Any]


def text_to_word_sequence(input_text: str, filters: str = FILTERS, lower: bool = True, split: str = " ") -> list[str]:
    """The words of a text.

    Example:
        >>> text_to_word_sequence("No, no: yes!")
        ['no', 'no', 'yes']
    """
    if lower:
        input_text = input_text.lower()
    spaces = {ord(c): split for c in filters}
    return [w for w in input_text.translate(spaces).split(split) if w]


class Tokenizer:
    """Words (or characters) as integers: 1 is the most frequent one, 0 no word.

    Args:
        num_words: only integers below it are used, the others count as unknown; None: all.
        filters: characters that are taken for spaces.
        lower: whether A and a are the same.
        split: what stands between words.
        char_level: each character is a word.
        oov_token: stands for unknown words, with number 1; None: unknown words are left out.
        analyzer: a function from a text to its words, instead of the above.

    `fit_on_texts` gives the numbers: `word_index` {word: number}, `word_counts`, `word_docs`, `document_count`.

    Example:
        >>> t = Tokenizer()
        >>> t.fit_on_texts(["the cat and the dog", "the bird"])
        >>> t.texts_to_sequences(["the dog and the unicorn"])
        [[1, 4, 3, 1]]
    """

    def __init__(
        self,
        num_words: int | None = None,
        filters: str = FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
        analyzer: Callable[[str], Sequence[str]] | None = None,
        **kwargs: Any,
    ) -> None:
        num_words = kwargs.pop("nb_words", num_words)
        self.document_count = int(kwargs.pop("document_count", 0))
        if kwargs:
            raise TypeError(f"Tokenizer: unexpected argument {next(iter(kwargs))!r}")
        self.num_words, self.filters, self.lower, self.split = num_words, filters, lower, split
        self.char_level, self.oov_token, self.analyzer = char_level, oov_token, analyzer
        self.word_counts: dict[str, int] = {}
        self.word_docs: dict[str, int] = {}
        self.index_docs: dict[int, int] = {}
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}

    def words(self, text: Any) -> Sequence[str]:
        """What a text, or a list of words, consists of."""
        if self.char_level or isinstance(text, list):
            if not self.lower:
                return text  # type: ignore[no-any-return]
            return [w.lower() for w in text] if isinstance(text, list) else text.lower()
        if self.analyzer is not None:
            return self.analyzer(text)
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_texts(self, texts: Iterable[Any]) -> None:
        """Count words, and number them by falling frequency; equal ones in the order of their first appearance.

        Raises:
            TypeError: one text instead of a list of them.
        """
        if isinstance(texts, str) or not hasattr(texts, "__iter__"):
            got = "one str; wrap it in a list" if isinstance(texts, str) else type(texts).__name__
            raise TypeError(f"Tokenizer.fit_on_texts: expected a list of texts, got {got}")
        counts, documents = Counter(self.word_counts), Counter(self.word_docs)
        for text in texts:
            self.document_count += 1
            found = self.words(text)
            counts.update(found)
            documents.update(dict.fromkeys(found, 1))
        self.word_counts, self.word_docs = dict(counts), dict(documents)
        ranked = sorted(counts, key=lambda w: -counts[w])
        ordered = ranked if self.oov_token is None else [self.oov_token, *ranked]
        self.word_index = {w: k for k, w in enumerate(ordered, 1)}
        self.index_word = {k: w for w, k in self.word_index.items()}
        self.index_docs = {self.word_index[w]: n for w, n in self.word_docs.items()}

    def fit_on_sequences(self, sequences: Sequence[Sequence[int]]) -> None:
        """Count documents that hold each number; 'tfidf' needs that where texts were never seen."""
        self.document_count += len(sequences)
        for s in sequences:
            for k in set(s):
                self.index_docs[k] = self.index_docs.get(k, 0) + 1

    def texts_to_sequences(self, texts: Iterable[Any]) -> list[list[int]]:
        """The numbers of the words of each text."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts: Iterable[Any]) -> Iterator[list[int]]:
        if isinstance(texts, str):
            raise TypeError("Tokenizer.texts_to_sequences: expected a list of texts, got one str; wrap it in a list")
        unknown, limit = self._unknown(), self.num_words or None
        for text in texts:
            numbers = (self.word_index.get(w) for w in self.words(text))
            known = (unknown if k is None or (limit is not None and k >= limit) else k for k in numbers)
            yield [k for k in known if k is not None]

    def sequences_to_texts(self, sequences: Iterable[Iterable[int]]) -> list[str]:
        """The words of each list of numbers, spaces between them."""
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences: Iterable[Iterable[int]]) -> Iterator[str]:
        limit = self.num_words or None
        for s in sequences:
            words = (None if limit is not None and k >= limit else self.index_word.get(k) for k in map(int, s))
            named = (self.oov_token if w is None else w for w in words)
            yield " ".join(w for w in named if w is not None)

    def _unknown(self) -> int | None:
        return None if self.oov_token is None else self.word_index.get(self.oov_token)

    def texts_to_matrix(self, texts: Iterable[Any], mode: str = "binary") -> Array:
        """`sequences_to_matrix` of texts."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(self, sequences: Sequence[Sequence[int]], mode: str = "binary") -> Array:
        """A row per text, a column per number (texts, num_words).

        Args:
            sequences: what `texts_to_sequences` gave.
            mode: 'binary' (occurs or not), 'count', 'freq' (share of the text), 'tfidf'.

        Raises:
            ValueError: another mode, or nothing that says how many columns.
        """
        if mode not in ("binary", "count", "freq", "tfidf"):
            raise ValueError(f"Tokenizer: expected mode 'binary', 'count', 'freq' or 'tfidf', got {mode!r}")
        columns = self.num_words or (len(self.word_index) + 1 if self.word_index else 0)
        if not columns:
            raise ValueError("Tokenizer: no words yet; give num_words or call fit_on_texts first")
        if mode == "tfidf" and not self.document_count:
            raise ValueError("Tokenizer: mode 'tfidf' needs documents; call fit_on_texts first")
        out = np.zeros((len(sequences), columns))
        for row, s in zip(out, sequences, strict=True):
            for k, count in Counter(k for k in s if k < columns).items():
                if mode == "tfidf":
                    inverse = np.log(1 + self.document_count / (1 + self.index_docs.get(k, 0)))
                    row[k] = (1 + np.log(count)) * inverse
                else:
                    row[k] = 1 if mode == "binary" else count if mode == "count" else count / len(s)
        return out

    def get_config(self) -> dict[str, Any]:
        """Everything, as JSON can hold it; the tables are JSON themselves, as in Keras."""
        names = ("num_words", "filters", "lower", "split", "char_level", "oov_token", "document_count")
        tables = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")
        settings = {n: getattr(self, n) for n in names}
        return {**settings, **{n: json.dumps(getattr(self, n)) for n in tables}}

    def to_json(self, **kwargs: Any) -> str:
        """A text that `tokenizer_from_json` reads."""
        return json.dumps({"class_name": "Tokenizer", "config": self.get_config()}, **kwargs)


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """The tokenizer that `Tokenizer.to_json` wrote, here or in Keras.

    Raises:
        ValueError: something else.

    Example:
        >>> t = Tokenizer()
        >>> t.fit_on_texts(["one two two"])
        >>> tokenizer_from_json(t.to_json()).word_index
        {'two': 1, 'one': 2}
    """
    try:
        settings = dict(json.loads(json_string)["config"])
        tables = {n: json.loads(settings.pop(n)) for n in ("word_counts", "word_docs", "word_index")}
        numbers = {n: json.loads(settings.pop(n)) for n in ("index_docs", "index_word")}
        made = Tokenizer(**settings)
        for name, table in tables.items():
            setattr(made, name, table)
        for name, table in numbers.items():
            setattr(made, name, {int(k): v for k, v in table.items()})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"tokenizer_from_json: expected what Tokenizer.to_json wrote ({error})") from None
    return made
