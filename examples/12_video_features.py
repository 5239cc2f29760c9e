"""500 clips of 30 frames with 2048 features each (as an image network gives them): which of five actions is it?

The clips are synthetic: an action is an order of four poses, and each pose looks alike in every action.
"""

import os

import matplotlib.pyplot as plt
import numpy as np

from lstm_fast.callbacks import EarlyStopping
from lstm_fast.layers import LSTM, Dense, Dropout
from lstm_fast.models import Sequential
from lstm_fast.utils import set_random_seed

SHORT = os.environ.get("LSTM_FAST_EXAMPLES") == "short"
CLIPS, FRAMES, FEATURES = 100 if SHORT else 500, 30, 2048
ACTIONS = {"jump": "ABCD", "throw": "ABDC", "sit down": "DCBA", "dance": "ACBD", "wave": "BADC"}
set_random_seed(12)

rng = np.random.default_rng(12)
poses = {name: rng.standard_normal(FEATURES) for name in "ABCD"}
x = np.empty((CLIPS, FRAMES, FEATURES), np.float32)
y = rng.integers(len(ACTIONS), size=CLIPS)
for clip, label in zip(x, y, strict=True):
    order = list(ACTIONS.values())[label]
    cuts = np.sort(rng.choice(np.arange(4, FRAMES - 3), 3, replace=False))  # when one pose becomes the next
    for t in range(FRAMES):
        clip[t] = 0.7 * poses[order[np.searchsorted(cuts, t, side="right")]] + rng.standard_normal(FEATURES)
cut = CLIPS * 4 // 5

model = Sequential()
model.add(LSTM(256, input_shape=(None, FEATURES)))
model.add(Dropout(0.5))
model.add(Dense(len(ACTIONS), activation="softmax"))
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x[:cut], y[:cut], epochs=2 if SHORT else 10, batch_size=32, validation_data=(x[cut:], y[cut:]), verbose=2,
          callbacks=[EarlyStopping(monitor="val_loss", patience=4, restore_best_weights=True)])  # fmt: skip
loss, accuracy = model.evaluate(x[cut:], y[cut:], verbose=0)
print(f"test accuracy {accuracy:.3f} of {CLIPS - cut} clips (chance: {1 / len(ACTIONS):.2f})")

frames = np.arange(3, FRAMES + 1, 3)
early = [model.evaluate(x[cut:, :n], y[cut:], verbose=0)[1] for n in frames]  # before the clip is over
table = np.zeros((len(ACTIONS), len(ACTIONS)), int)
np.add.at(table, (y[cut:], model.predict(x[cut:], verbose=0).argmax(axis=1)), 1)
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.2), width_ratios=(2, 1), layout="constrained")
left.plot(frames, early, "o-", color="tab:red")
left.axhline(1 / len(ACTIONS), color="0.5", ls=":")
left.text(FRAMES, 1 / len(ACTIONS) + 0.02, "chance", ha="right", color="0.5")
left.text(3, 0.8, "before the last pose it bets on\nan action that ends in the pose it sees", color="0.5")
left.set(xlabel="frames seen", ylabel="test accuracy", ylim=(0, 1.03))
right.imshow(table, cmap="Blues")
right.set(xticks=range(5), yticks=range(5), yticklabels=list(ACTIONS))
right.set_xticklabels(list(ACTIONS), rotation=30)
for i, j in np.ndindex(*table.shape):
    right.text(j, i, table[i, j] or "", ha="center", va="center", color="white" if i == j else "0.4")
figure.savefig("12_video_features.png", dpi=90)
