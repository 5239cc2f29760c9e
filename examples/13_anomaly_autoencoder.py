"""An LSTM autoencoder learns normal heartbeats; a beat that it cannot rebuild is an anomaly (synthetic ECG)."""

import os

import matplotlib.pyplot as plt
import numpy as np

from lstm_fast.layers import LSTM, Dense, RepeatVector, TimeDistributed
from lstm_fast.models import Sequential
from lstm_fast.utils import set_random_seed

SHORT = os.environ.get("LSTM_FAST_EXAMPLES") == "short"
STEPS = 64
set_random_seed(13)
rng = np.random.default_rng(13)
WAVES = np.array([[0.2, 0.15, 0.03], [0.36, -0.15, 0.015], [0.4, 1.0, 0.02], [0.44, -0.25, 0.02], [0.68, 0.3, 0.05]])


def beat(ectopic):
    """One beat of 64 samples: the waves P Q R S T (place, height, width), each a little different every time."""
    place, height, width = WAVES.T * (1 + 0.06 * rng.standard_normal((3, 5)) * [[0.2], [1], [1]])
    if ectopic:  # a ventricular beat: no P wave, a wide QRS, T upside down
        height, width = height * [0, 0, 0.9, 2, -1], width * [1, 1, 3, 3, 1]
    t = np.linspace(0, 1, STEPS)[:, None]
    return (height * np.exp(-0.5 * ((t - place) / width) ** 2)).sum(axis=1) + 0.015 * rng.standard_normal(STEPS)


normal = np.array([beat(False) for _ in range(100 if SHORT else 1000)])[..., None]  # (1000, 64, 1)
is_ectopic = rng.random(300) < 0.06
record = np.array([beat(ectopic) for ectopic in is_ectopic])[..., None]

model = Sequential()
model.add(LSTM(64, input_shape=(STEPS, 1)))
model.add(RepeatVector(STEPS))
model.add(LSTM(64, return_sequences=True))
model.add(TimeDistributed(Dense(1)))
model.compile(optimizer="adam", loss="mse")
model.fit(normal, normal, epochs=2 if SHORT else 40, batch_size=32, validation_split=0.1, verbose=2)

threshold = np.abs(model.predict(normal, verbose=0) - normal).mean(axis=(1, 2)).max()  # the worst normal beat
rebuilt = model.predict(record, verbose=0)
error = np.abs(rebuilt - record).mean(axis=(1, 2))
found = error > threshold
hits, false = (found & is_ectopic).sum(), (found & ~is_ectopic).sum()
print(f"{hits} of {is_ectopic.sum()} ectopic beats found, {false} false alarms in 300 beats")

first = max(0, int(np.flatnonzero(is_ectopic)[1]) - 4)
part = slice(first, first + 12)
figure, (top, bottom) = plt.subplots(2, 1, figsize=(10, 3.6), height_ratios=(2, 1), layout="constrained")
top.plot(record[part].ravel(), color="0.4", lw=1, label="ECG")
top.plot(rebuilt[part].ravel(), color="tab:blue", lw=1, label="rebuilt")
for k in np.flatnonzero(found[part]):
    top.axvspan(k * STEPS, (k + 1) * STEPS, color="tab:red", alpha=0.15, lw=0)
top.set(xlim=(0, 12 * STEPS), ylim=(-0.5, 1.6), xticks=[], ylabel="amplitude")
top.legend(ncols=2, frameon=False, loc="upper left")
bottom.scatter(np.arange(300), error, c=np.where(is_ectopic, "tab:red", "0.6"), s=9)
bottom.axhline(threshold, color="tab:red", lw=1, ls="--")
bottom.set(xlabel="beat of the record (red: ectopic)", ylabel="mean error")
figure.savefig("13_anomaly_autoencoder.png", dpi=75)
