"""Named entities: a Bidirectional LSTM tags each word of padded, masked sentences; the same name may be any of them."""

import os

import matplotlib.pyplot as plt
import numpy as np

from lstm_fast.layers import LSTM, Bidirectional, Dense, Embedding, TimeDistributed
from lstm_fast.models import Sequential
from lstm_fast.preprocessing.sequence import pad_sequences
from lstm_fast.utils import set_random_seed

set_random_seed(9)
SHORT = os.environ.get("LSTM_FAST_EXAMPLES") == "short"
TAGS, COLOURS = ["-", "person", "place", "firm"], ["white", "#f9c5c5", "#c5e0f9", "#d5f0c5"]
EITHER = ["Washington", "Paris", "Jordan", "Lincoln", "Ford", "Austin", "Chelsea", "Sydney"]
NAMES = {"person": "Ada Alan Grace Edsger Barbara Donald Hedy Linus Margaret Tim".split() + EITHER,
         "place": "Berlin Lima Oslo Cairo Kyoto Lagos Quito Delhi Perth Porto".split() + EITHER,
         "firm": "Acme Globex Initech Umbrella Hooli Vandelay Cyberdyne Wonka Tyrell Stark".split() + EITHER}
PATTERNS = [text.split() for text in (
    "person moved from place to place in May", "person works for firm in place", "firm was founded by person in place",
    "the mayor of place met person", "person and person left firm", "shares of firm fell after person resigned",
    "in place firm opened a factory", "person sued firm", "firm sued person", "person was born in place",
    "the weather in place is mild , said person", "person bought firm from person")]  # fmt: skip
rng = np.random.default_rng(9)


def sentence():
    pattern = PATTERNS[rng.integers(len(PATTERNS))]
    tags = [TAGS.index(w) if w in TAGS else 0 for w in pattern]
    return [rng.choice(NAMES[w]) if w in NAMES else w for w in pattern], tags


sentences, tags = zip(*[sentence() for _ in range(400 if SHORT else 3000)])
known = ["<pad>", *sorted({word for words in sentences for word in words})]
x = pad_sequences([[known.index(word) for word in words] for words in sentences], maxlen=12, padding="post")
y = pad_sequences(tags, maxlen=12, padding="post")[..., None]
cut = len(x) * 4 // 5

model = Sequential()
model.add(Embedding(len(known), 24, mask_zero=True))
model.add(Bidirectional(LSTM(32, return_sequences=True)))
model.add(TimeDistributed(Dense(len(TAGS), activation="softmax")))
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x[:cut], y[:cut], epochs=3 if SHORT else 8, batch_size=32, validation_data=(x[cut:], y[cut:]), verbose=2)

found = model.predict(x[cut:], verbose=0).argmax(axis=2)
either, right = np.isin(x[cut:], [known.index(name) for name in EITHER]), found == y[cut:, :, 0]
print(f"words tagged right: {right[x[cut:] > 0].mean():.4f}; names that may be anything: {right[either].mean():.4f}")

figure, axes = plt.subplots(figsize=(10, 3), layout="constrained")
for row, k in enumerate(np.argsort(-either.sum(axis=1))[:8]):
    for place, word in enumerate(sentences[cut + k]):
        axes.text(place * 1.1, -row, word, ha="center", bbox={"fc": COLOURS[found[k, place]], "ec": "none", "pad": 3})
for tag in (1, 2, 3):
    axes.text(7.5 + tag * 1.1, 0, TAGS[tag], ha="center", bbox={"fc": COLOURS[tag], "ec": "none", "pad": 3})
axes.set(xlim=(-0.7, 11.5), ylim=(-7.6, 0.6))
axes.axis("off")
figure.savefig("09_named_entities.png", dpi=80)
