"""Which phoneme is spoken in each frame? 26 filter-bank energies per 10 ms, utterances of unequal length, masked.

The speech is synthetic: vowels by their formants (Peterson & Barney 1952), hisses, silence, gliding into each other.
"""

import os

import matplotlib.pyplot as plt
import numpy as np

from lstm_fast.layers import LSTM, Dense, Masking, TimeDistributed
from lstm_fast.models import Sequential
from lstm_fast.utils import set_random_seed

SHORT = os.environ.get("LSTM_FAST_EXAMPLES") == "short"
FRAMES, BANDS = 120, 26
PHONES = {"iy": (270, 2290, 3010), "eh": (530, 1840, 2480), "ae": (660, 1720, 2410), "aa": (730, 1090, 2440),
          "uw": (300, 870, 2240), "er": (490, 1350, 1690), "s": (5500, 6500, 7000), "-": (1, 1, 1)}  # fmt: skip
HERTZ = 700 * (10 ** (np.linspace(0.1, 2840 / 2595, BANDS)) - 1)  # centres of the bands, equal distances in mel
set_random_seed(11)
rng = np.random.default_rng(11)


def utterance():
    """(T,26) energies in dB / 10 and (T,) phonemes, T up to 120."""
    phones = rng.integers(len(PHONES), size=rng.integers(5, 13))
    labels = np.repeat(phones, rng.integers(6, 14, size=len(phones)))[:FRAMES]
    formants = np.array(list(PHONES.values()), float)[labels] * rng.uniform(0.85, 1.2)  # the length of the vocal tract
    for _ in range(3):  # neighbours glide into each other
        formants[1:-1] = (formants[:-2] + formants[1:-1] + formants[2:]) / 3
    peaks = 1 / (1 + ((HERTZ - formants[..., None]) / (60 + 0.08 * formants[..., None])) ** 2)
    return np.log10(peaks.sum(axis=1) + 0.01 * rng.exponential(size=(len(labels), BANDS)) + 1e-3) + 1.5, labels


x, y = np.zeros((100 if SHORT else 1000, FRAMES, BANDS)), np.zeros((100 if SHORT else 1000, FRAMES, 1), int)
for k in range(len(x)):
    energies, labels = utterance()
    x[k, : len(labels)], y[k, : len(labels), 0] = energies, labels
cut = len(x) * 4 // 5

model = Sequential()
model.add(Masking(mask_value=0.0, input_shape=(FRAMES, BANDS)))
model.add(LSTM(96, return_sequences=True))
model.add(TimeDistributed(Dense(len(PHONES), activation="softmax")))
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x[:cut], y[:cut], batch_size=16, epochs=2 if SHORT else 12, validation_data=(x[cut:], y[cut:]), verbose=2)
print(f"frames of new utterances recognised: {model.evaluate(x[cut:], y[cut:], verbose=0)[1]:.3f}")

k = cut + int((x[cut:] != 0).sum(axis=(1, 2)).argmax())  # the longest
T = (x[k] != 0).any(axis=1).sum()
found = model.predict(x[k : k + 1], verbose=0)[0, :T].argmax(axis=1)
figure, (top, bottom) = plt.subplots(2, 1, figsize=(10, 3.6), sharex=True, height_ratios=(2, 1), layout="constrained")
top.imshow(x[k, :T].T, aspect="auto", origin="lower", cmap="magma").axes.set_ylabel("filter-bank channel")
bottom.imshow([y[k, :T, 0], found], aspect="auto", cmap="tab10", vmin=0, vmax=9, interpolation="nearest")
bottom.set(yticks=[0, 1], yticklabels=["spoken", "found"], xlabel="frame of 10 ms")
for row, labels in enumerate((y[k, :T, 0], found)):
    for part in np.split(np.arange(T), np.flatnonzero(np.diff(labels)) + 1):
        bottom.text(part.mean(), row, list(PHONES)[labels[part[0]]] if len(part) > 2 else "", ha="center", va="center")
figure.savefig("11_phonemes.png", dpi=80)
