"""LSTM against GRU: both forecast five years of sunspots; error, parameters and loss beside each other."""

import os

import matplotlib.pyplot as plt
import numpy as np

import lstm_fast.datasets
from lstm_fast.layers import GRU, LSTM, Dense, Input
from lstm_fast.models import Sequential
from lstm_fast.utils import set_random_seed

SHORT = os.environ.get("LSTM_FAST_EXAMPLES") == "short"
WINDOW, AHEAD = 22, 5  # two cycles of the sun; the forecast has one output per year
series = np.sqrt(lstm_fast.datasets.load_sunspots().values)  # yearly, 1700 to 2008; square roots have an even spread
years = 1700 + np.arange(len(series))
scaled = (series - series.mean()) / series.std()
starts = np.arange(WINDOW, len(series) - AHEAD + 1)
x = np.array([scaled[k - WINDOW : k] for k in starts])[..., None]
y = np.array([scaled[k : k + AHEAD] for k in starts])
cut = 200

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.2), width_ratios=(3, 2), layout="constrained")
left.plot(years, series**2, color="0.6", label="observed")
for layer, colour in ((LSTM, "tab:red"), (GRU, "tab:blue")):
    set_random_seed(14)
    model = Sequential()
    model.add(Input(shape=(WINDOW, 1)))
    model.add(layer(40))
    model.add(Dense(AHEAD))
    model.compile(optimizer="adam", loss="mse")
    history = model.fit(x[:cut], y[:cut], epochs=3 if SHORT else 20, batch_size=16, verbose=2)
    predicted = model.predict(x[cut:], verbose=0)
    error = np.sqrt(np.mean((predicted - y[cut:]) ** 2)) / np.sqrt(np.mean(y[cut:] ** 2))
    name = f"{layer.__name__}, {model.count_params()} parameters"
    print(f"{name}: test error {error:.3f} of the deviation over {AHEAD} years")
    for k in range(cut, len(x), AHEAD):  # a new forecast every five years
        forecast = (np.maximum(predicted[k - cut] * series.std() + series.mean(), 0)) ** 2
        left.plot(years[starts[k]] + np.arange(AHEAD), forecast, color=colour, lw=2, label=name if k == cut else None)
    right.semilogy(np.arange(1, len(history.epoch) + 1), history.history["loss"], color=colour)
left.set(xlim=(1900, 2009), ylabel="sunspot number", ylim=(0, 260))
left.legend(frameon=False, loc="upper left", ncols=3, fontsize=8)
right.set(xlabel="epoch", ylabel="training loss")
figure.savefig("14_lstm_against_gru.png", dpi=80)
