"""A sine wave goes on: LSTM(50) learns to tell the next value from 50, then feeds on its own forecasts."""

import os

import matplotlib.pyplot as plt
import numpy as np

from lstm_fast.layers import LSTM, Dense
from lstm_fast.models import Sequential
from lstm_fast.utils import set_random_seed

SHORT = os.environ.get("LSTM_FAST_EXAMPLES") == "short"
WINDOW, AHEAD = 50, 300
set_random_seed(1)

series = np.sin(np.arange(1500) * 0.1) * np.sin(np.arange(1500) * 0.013 + 1)
train, test = series[:1200], series[1200:]
x = np.array([train[k : k + WINDOW] for k in range(len(train) - WINDOW)])[..., None]  # (1150, 50, 1)
y = train[WINDOW:]

model = Sequential()
model.add(LSTM(50, input_shape=(WINDOW, 1)))
model.add(Dense(1))
model.compile(optimizer="adam", loss="mse")
model.summary()
history = model.fit(x, y, epochs=3 if SHORT else 60, batch_size=32, verbose=2)

window = list(train[-WINDOW:])
for _ in range(AHEAD):
    window.append(model.predict(np.array(window[-WINDOW:])[None, :, None], verbose=0)[0, 0])
forecast = np.array(window[WINDOW:])
print(f"root mean square error over {AHEAD} steps of its own forecasts: {np.sqrt(np.mean((forecast - test) ** 2)):.4f}")

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3), width_ratios=(3, 1), layout="constrained")
left.plot(np.arange(1000, 1200), train[1000:], color="0.3", label="seen in training")
left.plot(np.arange(1200, 1500), test, color="0.3", ls=":", label="what follows")
left.plot(np.arange(1200, 1500), forecast, color="tab:red", lw=2, alpha=0.8, label="forecast from its own forecasts")
left.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.15), frameon=False)
left.set(xlabel="step", ylabel="value")
right.semilogy(np.arange(1, len(history.epoch) + 1), history.history["loss"], color="tab:blue")
right.set(xlabel="epoch", ylabel="loss, mean square error")
figure.savefig("01_sine_wave.png", dpi=90)
