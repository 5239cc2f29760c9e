"""Four stacked LSTMs with Dropout tell CO2 at Mauna Loa a quarter of a year ahead, from 60 weeks; RMSE beside naive."""

import os

import matplotlib.pyplot as plt
import numpy as np

import lstm_fast.datasets
from lstm_fast.layers import LSTM, Dense, Dropout
from lstm_fast.models import Sequential
from lstm_fast.utils import set_random_seed

SHORT = os.environ.get("LSTM_FAST_EXAMPLES") == "short"
WINDOW, AHEAD = 60, 13
set_random_seed(3)

series = lstm_fast.datasets.load_co2().values  # ppm, weekly, 1958 to 2001; some weeks are missing
weeks = np.arange(len(series))
series = np.interp(weeks, weeks[~np.isnan(series)], series[~np.isnan(series)])
years = 1958.24 + weeks / 52.18

now = np.arange(WINDOW, len(series) - AHEAD)  # the last week that is known
x = np.array([series[k - WINDOW : k] - series[k] for k in now])[..., None] / 5  # (2211, 60, 1), relative to now
y = (series[now + AHEAD] - series[now])[:, None] / 5
cut = 1800

model = Sequential()
model.add(LSTM(units=50, return_sequences=True, input_shape=(WINDOW, 1)))
model.add(Dropout(0.2))
model.add(LSTM(units=50, return_sequences=True))
model.add(Dropout(0.2))
model.add(LSTM(units=50, return_sequences=True))
model.add(Dropout(0.2))
model.add(LSTM(units=50))
model.add(Dropout(0.2))
model.add(Dense(units=1))
model.compile(optimizer="adam", loss="mean_squared_error")
model.fit(x[:cut], y[:cut], epochs=1 if SHORT else 25, batch_size=32, verbose=2)

start = series[now[cut:]]
predicted = start + 5 * model.predict(x[cut:], verbose=0)[:, 0]
truth = series[now[cut:] + AHEAD]
rmse = np.sqrt(np.mean((predicted - truth) ** 2))
naive = np.sqrt(np.mean((start - truth) ** 2))
print(f"test RMSE {rmse:.2f} ppm {AHEAD} weeks ahead; if nothing changed: {naive:.2f}")

figure, axes = plt.subplots(figsize=(10, 3), layout="constrained")
axes.plot(years, series, color="0.6", label="measured")
axes.plot(
    years[now[cut:] + AHEAD],
    predicted,
    color="tab:red",
    label=f"{AHEAD} weeks ahead, RMSE {rmse:.2f} (naive {naive:.2f})",
)
axes.axvspan(years[now[cut] + AHEAD], years[-1], color="tab:red", alpha=0.06)
axes.set(ylabel="CO$_2$ at Mauna Loa, ppm", xlim=(1988, 2002), ylim=(345, 376))
axes.legend(loc="upper left", frameon=False)
figure.savefig("03_four_stacked_lstms.png", dpi=90)
