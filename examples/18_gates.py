"""One LSTM unit learns a latch, the sign of the last pulse; its gates, printed step by step and drawn over time."""

import os

import matplotlib.pyplot as plt
import numpy as np

import lstm_fast.functional
from lstm_fast.layers import LSTM, Dense, TimeDistributed
from lstm_fast.models import Sequential
from lstm_fast.optimizers import Adam
from lstm_fast.utils import set_random_seed

SHORT = os.environ.get("LSTM_FAST_EXAMPLES") == "short"
STEPS = 40
set_random_seed(18)
rng = np.random.default_rng(18)

x = rng.choice([-1.0, 0.0, 1.0], p=[0.08, 0.84, 0.08], size=(1500, STEPS, 1)).astype("float32")  # pulses
y = np.zeros_like(x)
for t in range(STEPS):
    y[:, t] = np.where(x[:, t] != 0, x[:, t], y[:, t - 1] if t else 0)  # the last pulse

model = Sequential()
model.add(LSTM(1, return_sequences=True, input_shape=(STEPS, 1)))
model.add(TimeDistributed(Dense(1)))
model.compile(optimizer=Adam(learning_rate=0.02), loss="mse")
model.fit(x, y, epochs=3 if SHORT else 40, batch_size=32, verbose=2)

row = int((x[:, 0, 0] * (np.abs(x).sum(axis=(1, 2)) == 6)).argmax())  # starts with a pulse and has six
gates = lstm_fast.functional.lstm_gates(x[row], *model.layers[0].get_weights())  # each (T,1)
print("step      x       i      f      g      o      c      h")
for t in range(STEPS):
    values = (f"{getattr(gates, name)[t, 0]:7.3f}" for name in "ifgoch")
    print(f"{t:4d} {x[row, t, 0]:6.0f}  ", "".join(values))
print(f"mean error of the latch over all steps: {np.abs(model.predict(x, verbose=0) - y).mean():.3f}")

figure, (top, bottom) = plt.subplots(2, 1, figsize=(10, 4.2), sharex=True, layout="constrained")
for name, label in {"i": "i, lets in", "f": "f, keeps", "o": "o, shows"}.items():
    top.plot(getattr(gates, name)[:, 0], drawstyle="steps-mid", lw=2, label=label)
top.set(ylabel="gates", ylim=(-0.05, 1.05))
top.legend(ncols=3, frameon=False, loc="upper center", bbox_to_anchor=(0.5, 1.2))
bottom.stem(x[row, :, 0], linefmt="0.7", markerfmt=" ", basefmt=" ", label="x, pulses")
bottom.plot(y[row, :, 0], color="0.4", ls=":", drawstyle="steps-mid", label="the last pulse")
bottom.plot(gates.c[:, 0] / np.abs(gates.c).max(), color="tab:purple", drawstyle="steps-mid", label="c, scaled")
bottom.plot(gates.h[:, 0], color="tab:red", drawstyle="steps-mid", label="h")
bottom.set(xlabel="step", ylabel="memory", ylim=(-1.15, 1.6))
bottom.legend(ncols=4, frameon=False, loc="upper center")
figure.savefig("18_gates.png", dpi=80)
