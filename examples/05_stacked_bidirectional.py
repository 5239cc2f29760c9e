"""What both directions know: two stacked Bidirectional LSTMs name a handwritten digit at each of its rows."""

import os

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from lstm_fast.layers import LSTM, Bidirectional, Dense, Dropout, TimeDistributed
from lstm_fast.models import Sequential
from lstm_fast.utils import set_random_seed

SHORT = os.environ.get("LSTM_FAST_EXAMPLES") == "short"
digits = load_digits()
order = np.random.default_rng(5).permutation(len(digits.images))
x = digits.images[order] / 16.0  # (1797, 8, 8): 8 rows of 8 pixels
y = np.repeat(digits.target[order][:, None, None], 8, axis=1)  # the digit, at each row
cut = 1400
found = {}
for both in (False, True):
    set_random_seed(5)
    wrap = Bidirectional if both else lambda layer: layer
    model = Sequential()
    model.add(wrap(LSTM(48, return_sequences=True, input_shape=(8, 8))))
    model.add(Dropout(0.2))
    model.add(wrap(LSTM(48, return_sequences=True)))
    model.add(Dropout(0.2))
    model.add(TimeDistributed(Dense(10, activation="softmax")))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x[:cut], y[:cut], epochs=3 if SHORT else 40, batch_size=32, validation_data=(x[cut:], y[cut:]), verbose=2)
    found["both directions" if both else "downwards only"] = model.predict(x[cut:], verbose=0)

figure = plt.figure(figsize=(10, 3.2), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=(2, 3))
axes = left.subplots()
for (name, p), colour in zip(found.items(), ("tab:blue", "tab:red")):
    accuracy = (p.argmax(axis=2) == y[cut:, :, 0]).mean(axis=0)
    print(f"{name}: accuracy {accuracy[0]:.3f} at the first row, {accuracy[-1]:.3f} at the last")
    axes.plot(np.arange(1, 9), accuracy, "o-", color=colour, label=name)
axes.set(xlabel="row", ylabel="test accuracy", ylim=(0, 1.03))
axes.legend(frameon=False, loc="lower right")
surprised = np.flatnonzero(found["downwards only"][:, 2].argmax(axis=1) != y[cut:, 0, 0])
for k, panel in zip(surprised, right.subplots(1, 3)):
    panel.imshow(x[cut + k], cmap="gray_r")
    for row in range(8):
        for at, p, colour in zip((7.9, 9.2), found.values(), ("tab:blue", "tab:red")):
            panel.text(at, row, p[k, row].argmax(), color=colour, va="center")
    panel.axis("off")
right.suptitle("the digit as named at each row: downwards only, both directions")
figure.savefig("05_stacked_bidirectional.png", dpi=90)
