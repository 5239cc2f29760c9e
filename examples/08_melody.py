"""A melody: two LSTMs learn folk tunes note by note, then write their own in a sampling loop with predict."""

import os

import matplotlib.pyplot as plt
import numpy as np

from lstm_fast.layers import LSTM, Dense, Dropout
from lstm_fast.models import Sequential
from lstm_fast.optimizers import Adam
from lstm_fast.utils import set_random_seed, to_categorical

SHORT = os.environ.get("LSTM_FAST_EXAMPLES") == "short"
WINDOW, LOW, HOLD = 16, 55, 29  # HOLD is the last of the symbols
set_random_seed(8)
TUNES = {  # MIDI pitches on a grid of quavers; '-' holds the note
    "Twinkle": "60-60-67-67-69-69-67---65-65-64-64-62-62-60---67-67-65-65-64-64-62---67-67-65-65-64-64-62---",
    "Ode to Joy": "64-64-65-67-67-65-64-62-60-60-62-64-64--6262---64-64-65-67-67-65-64-62-60-60-62-64-62--6060---",
    "Frere Jacques": "60-62-64-60-60-62-64-60-64-65-67---64-65-67---67696765646067696765646060-55-60---60-55-60---",
    "Mary's Lamb": "64-62-60-62-64-64-64---62-62-62---64-67-67---64-62-60-62-64-64-64-64-62-62-64-62-60-------",
}


def symbols(tune):  # '60-62' -> [5, HOLD, 7]
    text = tune.replace("-", "..")
    return [HOLD if a == "." else int(a + b) - LOW for a, b in zip(text[::2], text[1::2])]


x, y = [], []
for tune in TUNES.values():
    for shift in (-3, 0, 4):  # in other keys
        notes = [n if n == HOLD else n + shift for n in symbols(tune) * 2 if n == HOLD or n + shift >= 0]
        x += [notes[k : k + WINDOW] for k in range(len(notes) - WINDOW)]
        y += notes[WINDOW:]
x, y = to_categorical(x, HOLD + 1), to_categorical(y, HOLD + 1)

model = Sequential()
model.add(LSTM(128, input_shape=(WINDOW, HOLD + 1), return_sequences=True))
model.add(Dropout(0.2))
model.add(LSTM(128))
model.add(Dense(HOLD + 1, activation="softmax"))
model.compile(loss="categorical_crossentropy", optimizer=Adam(learning_rate=0.003), metrics=["accuracy"])
model.fit(x, y, batch_size=64, epochs=1 if SHORT else 30, verbose=2)

rng = np.random.default_rng(8)
melody = symbols(TUNES["Ode to Joy"])[:WINDOW]
for _ in range(128):
    p = model.predict(to_categorical([melody[-WINDOW:]], HOLD + 1), verbose=0)[0].astype("float64") ** (1 / 0.9)
    melody.append(int(rng.choice(HOLD + 1, p=p / p.sum())))
print("melody:", " ".join("-" if n == HOLD else str(n + LOW) for n in melody))

figure, axes = plt.subplots(figsize=(10, 3), layout="constrained")
starts = [k for k, n in enumerate(melody) if n != HOLD] + [len(melody)]
for k, length in zip(starts[:-1], np.diff(starts), strict=True):
    axes.barh(melody[k] + LOW, length - 0.15, left=k, height=0.9, color="0.6" if k < WINDOW else "tab:red")
axes.axvline(WINDOW - 0.1, color="0.4", ls=":")
axes.set_yticks([55, 57, 59, 60, 62, 64, 65, 67, 69], ["G3", "A3", "B3", "C4", "D4", "E4", "F4", "G4", "A4"])
axes.set(xlabel="quavers; grey: given, red: composed", ylabel="pitch", xlim=(0, len(melody)))
figure.savefig("08_melody.png", dpi=90)
