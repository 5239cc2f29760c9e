"""Sensors in units of their own: the same stack of LSTMs with and without BatchNormalization between its layers."""

import os

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from lstm_fast.layers import LSTM, BatchNormalization, Dense
from lstm_fast.models import Sequential
from lstm_fast.utils import set_random_seed

SHORT = os.environ.get("LSTM_FAST_EXAMPLES") == "short"
rng = np.random.default_rng(16)

digits = load_digits()
order = rng.permutation(len(digits.images))
units = 10.0 ** rng.uniform(-2, 2, 8)  # the columns of the digits as eight sensors: volts, kelvin, pascal, ...
x = digits.images[order] * units + 30 * units * rng.standard_normal(8)  # (1797, 8, 8)
y = digits.target[order]
curves = {}
for normalise in (True, False):
    set_random_seed(16)
    model = Sequential()
    if normalise:
        model.add(BatchNormalization())
    model.add(LSTM(64, return_sequences=True))
    if normalise:
        model.add(BatchNormalization())
    model.add(LSTM(32))
    model.add(Dense(10, activation="softmax"))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=2 if SHORT else 30, batch_size=32, validation_split=0.25, verbose=2)
    curves["with BatchNormalization" if normalise else "without"] = history.history
    if normalise:
        moved = model.layers[0].get_weights()[2]  # gamma, beta, moving mean, moving variance

for name, history in curves.items():
    print(f"{name}: validation accuracy {history['val_accuracy'][-1]:.3f}")
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3), width_ratios=(2, 1), layout="constrained")
for (name, history), colour in zip(curves.items(), ("tab:red", "0.5"), strict=True):
    left.plot(np.arange(1, len(history["loss"]) + 1), history["val_accuracy"], color=colour, label=name)
left.set(xlabel="epoch", ylabel="validation accuracy", ylim=(0, 1.02))
left.legend(frameon=False)
right.barh(np.arange(8) - 0.2, np.abs(x.mean(axis=(0, 1))), 0.4, color="0.6", label="mean of the sensor")
right.barh(np.arange(8) + 0.2, np.abs(moved), 0.4, color="tab:red", label="moving mean of the layer")
right.set(xscale="log", ylabel="sensor", yticks=range(8), xlabel="size of the mean, in the sensor's unit")
right.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.4, 1), fontsize=9)
figure.savefig("16_batch_normalization.png", dpi=90)
