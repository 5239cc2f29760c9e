"""Handwritten digits read row by row: an LSTM classifies sequences of 8 steps, a fifth of them held out."""

import os

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from lstm_fast.layers import LSTM, Dense
from lstm_fast.models import Sequential
from lstm_fast.utils import set_random_seed, to_categorical

SHORT = os.environ.get("LSTM_FAST_EXAMPLES") == "short"
set_random_seed(4)

digits = load_digits()
order = np.random.default_rng(4).permutation(len(digits.images))
x = digits.images[order] / 16.0  # (1797, 8, 8): 8 steps of 8 pixels
y = to_categorical(digits.target[order], 10)

model = Sequential()
model.add(LSTM(64, input_shape=(8, 8)))
model.add(Dense(10, activation="softmax"))
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
history = model.fit(x, y, epochs=3 if SHORT else 60, batch_size=32, validation_split=0.2, verbose=2).history

held_out = slice(int(0.8 * len(x)), None)
probability = model.predict(x[held_out], verbose=0)
truth = y[held_out].argmax(axis=1)
wrong = np.flatnonzero(probability.argmax(axis=1) != truth)
print(f"validation accuracy {history['val_accuracy'][-1]:.3f}; {len(wrong)} of {len(truth)} digits are misread")

figure = plt.figure(figsize=(10, 3), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=(3, 2))
panels = left.subplots(1, 2)
for panel, name in zip(panels, ("loss", "accuracy"), strict=True):
    panel.plot(history[name], color="tab:blue", label="training")
    panel.plot(history["val_" + name], color="tab:red", label="validation")
    panel.set(xlabel="epoch", title=name)
    panel.legend(frameon=False)
right.suptitle("misread digits: read as (is)")
for panel, k in zip(right.subplots(2, 4).flat, wrong[:8], strict=False):
    panel.imshow(x[held_out][k], cmap="gray_r")
    panel.set_title(f"{probability[k].argmax()} ({truth[k]})", fontsize=9)
for panel in right.axes:
    panel.axis("off")
figure.savefig("04_sequence_classification.png", dpi=90)
