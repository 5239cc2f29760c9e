"""Sentiment of made-up reviews by an LSTM that understands "not" and "but" (which counts twice)."""

import os

import matplotlib.pyplot as plt
import numpy as np

from lstm_fast.layers import LSTM, Dense, Embedding
from lstm_fast.models import Sequential
from lstm_fast.preprocessing.sequence import pad_sequences
from lstm_fast.preprocessing.text import Tokenizer
from lstm_fast.utils import set_random_seed

SHORT = os.environ.get("LSTM_FAST_EXAMPLES") == "short"
set_random_seed(7)
rng = np.random.default_rng(7)
THINGS = "plot acting music ending story camera dialogue cast first hour second half hero villain".split()
GOOD = "wonderful moving brilliant funny fresh gripping superb charming clever warm".split()
BAD = "dull awful clumsy boring predictable noisy lifeless silly cold painful".split()


def review():
    text, score = "", 0
    for k in range(rng.integers(1, 5)):
        good, negated, but = rng.random(3) < (0.5, 0.35, 0.3 * (k > 0))
        text += (", but " if but else rng.choice([", and ", ". ", "; "])) + "the " + rng.choice(THINGS) + " was "
        text += rng.choice(["not ", "never "] if negated else ["", "so "]) + rng.choice(GOOD if good else BAD)
        score += (1 if good != negated else -1) * (1 + but)
    return (text[2:], score > 0) if score else review()


texts, labels = zip(*[review() for _ in range(800 if SHORT else 6000)])
y, cut = np.array(labels, "float32"), len(texts) * 5 // 6
tokenizer = Tokenizer(num_words=200, oov_token="<OOV>")
tokenizer.fit_on_texts(texts[:cut])
x = pad_sequences(tokenizer.texts_to_sequences(texts), maxlen=24)

model = Sequential()
model.add(Embedding(200, 32))
model.add(LSTM(64))
model.add(Dense(1, activation="sigmoid"))
model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(x[:cut], y[:cut], epochs=2 if SHORT else 12, batch_size=32, validation_data=(x[cut:], y[cut:]), verbose=2)
counts = tokenizer.texts_to_matrix(texts, mode="count")
counted = np.mean((counts[cut:] @ np.linalg.lstsq(counts[:cut], 2 * y[:cut] - 1)[0] > 0) == y[cut:])
print(f"accuracy {model.evaluate(x[cut:], y[cut:], verbose=0)[1]:.3f} on new reviews; counting words {counted:.3f}")

figure, axes = plt.subplots(figsize=(10, 3), layout="constrained")
shown = ["the plot was brilliant", "the plot was not brilliant", "the cast was never dull but the ending was awful"]
shown += ["the music was noisy and the hero was silly but the story was so moving and the villain was funny"]
for row, words in enumerate(text.split() for text in shown):
    parts = tokenizer.texts_to_sequences([" ".join(words[: k + 1]) for k in range(len(words))])
    for k, p in enumerate(model.predict(pad_sequences(parts, maxlen=24), verbose=0)[:, 0]):
        box = {"fc": plt.cm.RdYlGn(0.15 + 0.7 * p), "ec": "white"}
        axes.text(k, -row, f"{words[k]}\n{p:.2f}", ha="center", va="center", fontsize=9, bbox=box)
axes.set(xlim=(-0.7, 19.5), ylim=(-3.6, 0.6), title="probability of a positive review after each word")
axes.axis("off")
figure.savefig("07_sentiment.png", dpi=80)
