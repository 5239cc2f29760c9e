"""A character-level language model of the Python reference, the text that `help("topics")` shows."""

import os
from pydoc_data.topics import topics

import matplotlib.pyplot as plt
import numpy as np

from lstm_fast.layers import LSTM, Dense, Input
from lstm_fast.models import Sequential
from lstm_fast.optimizers import Adam
from lstm_fast.utils import set_random_seed

SHORT = os.environ.get("LSTM_FAST_EXAMPLES") == "short"
WINDOW = 64
set_random_seed(17)

text = " ".join("".join(topics.values()).split())[: 20_000 if SHORT else 250_000]
known = sorted(set(text))
codes = np.array([known.index(c) for c in text])
one_hot = np.eye(len(known), dtype="float32")
starts = np.arange(0, len(codes) - WINDOW - 1, WINDOW)
x = one_hot[[codes[k : k + WINDOW] for k in starts]]  # (3900, 64, number of characters)
y = np.array([codes[k + 1 : k + WINDOW + 1] for k in starts])[..., None]
cut = len(x) * 19 // 20

model = Sequential()
model.add(Input(shape=(None, len(known))))
model.add(LSTM(192, return_sequences=True))
model.add(Dense(len(known), activation="softmax"))
model.compile(optimizer=Adam(learning_rate=0.004), loss="sparse_categorical_crossentropy")
model.fit(x[:cut], y[:cut], epochs=1 if SHORT else 12, batch_size=32, validation_data=(x[cut:], y[cut:]), verbose=2)
share = np.bincount(codes) / len(codes)
bits = model.evaluate(x[cut:], y[cut:], verbose=0) / np.log(2)
print(f"{bits:.2f} bits per new character; by frequency alone {-(share * np.log2(share)).sum():.2f}")

rng = np.random.default_rng(17)
written = list(codes[:WINDOW])
for _ in range(400):
    p = model.predict(one_hot[[written[-WINDOW:]]], verbose=0)[0, -1].astype("float64") ** (1 / 0.6)
    written.append(int(rng.choice(len(known), p=p / p.sum())))
print("written by the model:", "".join(known[k] for k in written[WINDOW:]))

passage = codes[cut * WINDOW :][: 64 * 6 + 1]
p = model.predict(one_hot[[passage[:-1]]], verbose=0)[0]
surprise = -np.log2(p[np.arange(len(p)), passage[1:]]).reshape(-1, 64)
figure, axes = plt.subplots(figsize=(10, 3), layout="constrained")
image = axes.imshow(surprise, cmap="Reds", aspect="auto", vmin=0, vmax=8)
for k, code in enumerate(passage[1:]):
    colour = "white" if surprise.flat[k] > 4 else "black"
    axes.text(k % 64, k // 64, known[code], ha="center", va="center", family="monospace", fontsize=10, color=colour)
axes.set(xticks=[], yticks=[], title=f"a passage it has not read, {bits:.2f} bits per character")
figure.colorbar(image, label="bits of surprise", pad=0.01)
figure.savefig("17_character_model.png", dpi=80)
