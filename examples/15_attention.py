"""LSTM with Attention: dates as people write them become ISO dates; the picture shows where it looks."""

import datetime
import os

import matplotlib.pyplot as plt
import numpy as np

from lstm_fast.layers import LSTM, Attention, Bidirectional, Concatenate, Dense, Embedding, Input
from lstm_fast.models import Model
from lstm_fast.optimizers import Adam
from lstm_fast.utils import set_random_seed

SHORT = os.environ.get("LSTM_FAST_EXAMPLES") == "short"
FORMS = ["{0:%B} {0.day}, {0:%Y}", "{0.day} {0:%b} {0:%Y}", "{0:%A}, {0:%d} {0:%B} {0:%Y}", "{0:%d}.{0:%m}.{0:%Y}"]
LENGTH = 28
set_random_seed(15)
rng = np.random.default_rng(15)

days = [datetime.date.fromordinal(712000 + k) for k in rng.integers(0, 30000, 400 if SHORT else 4000).tolist()]
written = [rng.choice(FORMS).format(day).lower() for day in days]
iso = ["<" + day.isoformat() for day in days]
letters = ["", *sorted(set("".join(written)))]
signs = sorted(set("".join(iso)))
x = np.array([[letters.index(c) for c in text] + [0] * (LENGTH - len(text)) for text in written])
y = np.array([[signs.index(c) for c in text] for text in iso])  # (4000, 11)
cut = len(x) * 9 // 10

source, target = Input((LENGTH,)), Input((None,))
encoded = Bidirectional(LSTM(48, return_sequences=True))(Embedding(len(letters), 16)(source))
decoded = LSTM(96, return_sequences=True)(Embedding(len(signs), 16)(target))
seen = Attention()([decoded, encoded])
outputs = Dense(len(signs), activation="softmax")(Concatenate()([seen, decoded]))
model = Model([source, target], outputs)
model.compile(optimizer=Adam(learning_rate=0.003), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit([x[:cut], y[:cut, :-1]], y[:cut, 1:], epochs=2 if SHORT else 15, batch_size=64, verbose=2)

text = np.full((len(x) - cut, 1), signs.index("<"))
for _ in range(10):  # one sign after the other, for all dates at once
    p = model.predict([x[cut:], text], verbose=0)
    text = np.hstack([text, p[:, -1:].argmax(axis=2)])
print(f"{np.mean((text == y[cut:]).all(axis=1)):.3f} of {len(text)} new dates are written without a mistake")

looks = Model([source, target], [decoded, encoded])
figure, panels = plt.subplots(1, 3, figsize=(10, 3.6), layout="constrained")
for panel, form in zip(panels, (FORMS[0], FORMS[2], FORMS[3])):
    k = next(k for k in range(cut, len(x)) if written[k] == form.format(days[k]).lower())
    q, v = (a[0] for a in looks.predict([x[k : k + 1], text[k - cut : k - cut + 1, :-1]], verbose=0))
    scores = np.exp(q @ v.T - (q @ v.T).max(axis=1, keepdims=True))
    panel.imshow(scores / scores.sum(axis=1, keepdims=True), cmap="Blues", aspect="auto")
    panel.set_xticks(range(len(written[k])), written[k], fontsize=8)
    panel.set_yticks(range(10), [signs[c] for c in text[k - cut, 1:]], fontsize=8)
    panel.set(xlim=(-0.5, len(written[k]) - 0.5), xlabel="letters read")
panels[0].set_ylabel("signs written")
figure.savefig("15_attention.png", dpi=80)
