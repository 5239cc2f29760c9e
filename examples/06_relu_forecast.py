"""The classic first forecast, LSTM(50, activation="relu") on windows of a series: CO2 at Mauna Loa, month by month."""

import os

import matplotlib.pyplot as plt
import numpy as np

import lstm_fast.datasets
from lstm_fast.layers import LSTM, Dense
from lstm_fast.models import Sequential
from lstm_fast.utils import set_random_seed

SHORT = os.environ.get("LSTM_FAST_EXAMPLES") == "short"
STEPS = 12
set_random_seed(6)


def split_sequence(sequence, n_steps):
    """Windows of n_steps values, and the value after each."""
    X, y = [], []
    for i in range(len(sequence) - n_steps):
        X.append(sequence[i : i + n_steps])
        y.append(sequence[i + n_steps])
    return np.array(X), np.array(y)


weekly = lstm_fast.datasets.load_co2().values
weekly = np.interp(np.arange(len(weekly)), np.flatnonzero(~np.isnan(weekly)), weekly[~np.isnan(weekly)])
monthly = weekly[: len(weekly) // 4 * 4].reshape(-1, 4).mean(axis=1)  # four weeks each
change = np.diff(monthly)  # the series has a trend, its changes have none
X, y = split_sequence(change, STEPS)
X = X.reshape((X.shape[0], X.shape[1], 1))
cut = 450

model = Sequential()
model.add(LSTM(50, activation="relu", input_shape=(STEPS, 1)))
model.add(Dense(1))
model.compile(optimizer="adam", loss="mse")
model.fit(X[:cut], y[:cut], epochs=5 if SHORT else 200, verbose=2)

yhat = model.predict(X[cut:], verbose=0)[:, 0]
rmse, naive = np.sqrt(np.mean((yhat - y[cut:]) ** 2)), np.sqrt(np.mean((X[cut:, -1, 0] - y[cut:]) ** 2))
print(f"RMSE of the next change: {rmse:.3f} ppm; the change before it: {naive:.3f} ppm")

figure, axes = plt.subplots(figsize=(10, 3), layout="constrained")
at = 1958.24 + np.arange(len(y[cut:])) * 4 / 52.18 + (cut + STEPS + 1) * 4 / 52.18
axes.bar(at, y[cut:], width=0.06, color="0.7", label="measured change in four weeks")
axes.plot(at, yhat, color="tab:red", label=f"told by the LSTM before (RMSE {rmse:.2f}, naive {naive:.2f})")
axes.set(xlabel="year", ylabel="change of CO$_2$, ppm")
axes.legend(ncols=2, loc="upper center", bbox_to_anchor=(0.5, 1.15), frameon=False)
figure.savefig("06_relu_forecast.png", dpi=90)
