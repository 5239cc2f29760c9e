"""Two stacked LSTMs with Dropout read a noisy sine and tell the clean value ten steps later."""

import os

import matplotlib.pyplot as plt
import numpy as np

from lstm_fast.layers import LSTM, Dense, Dropout, Input
from lstm_fast.models import Sequential
from lstm_fast.utils import set_random_seed

SHORT = os.environ.get("LSTM_FAST_EXAMPLES") == "short"
WINDOW, AHEAD = 40, 10
set_random_seed(2)

rng = np.random.default_rng(2)
clean = np.sin(np.arange(2000) * 0.15)
noisy = clean + 0.4 * rng.standard_normal(2000)
count = len(noisy) - WINDOW - AHEAD
x = np.array([noisy[k : k + WINDOW] for k in range(count)])[..., None]
y = clean[WINDOW + AHEAD :][:count]
cut = 1500

model = Sequential(
    [
        Input((WINDOW, 1)),
        LSTM(50, return_sequences=True),
        Dropout(0.2),
        LSTM(50),
        Dropout(0.2),
        Dense(1),
    ]
)
model.compile(optimizer="adam", loss="mean_squared_error", metrics=["mae"])
model.fit(x[:cut], y[:cut], epochs=2 if SHORT else 20, batch_size=32, validation_data=(x[cut:], y[cut:]), verbose=2)

predicted = model.predict(x[cut:], verbose=0)[:, 0]
error = np.abs(predicted - y[cut:]).mean()
print(f"mean error {AHEAD} steps ahead: {error:.3f} (noise of the input: {np.abs(noisy - clean).mean():.3f})")

figure, axes = plt.subplots(figsize=(10, 3), layout="constrained")
at = np.arange(200)
axes.plot(
    at, noisy[WINDOW + AHEAD :][cut : cut + 200], ".", color="0.7", label="noisy values, read 10 to 49 steps before"
)
axes.plot(at, y[cut : cut + 200], color="0.3", label="clean value")
axes.plot(at, predicted[:200], color="tab:red", lw=2, alpha=0.8, label="prediction")
axes.set(xlabel="step of the test part", ylabel="value")
axes.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.15), frameon=False)
figure.savefig("02_stacked_dropout.png", dpi=90)
