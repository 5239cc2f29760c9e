"""English to French: an encoder-decoder learns from 300 sentences and is decoded step by step on others."""

import os
from itertools import product

import matplotlib.pyplot as plt
import numpy as np

from lstm_fast.layers import LSTM, Dense, Input
from lstm_fast.models import Model
from lstm_fast.utils import set_random_seed

set_random_seed(10)
SHORT = os.environ.get("LSTM_FAST_EXAMPLES") == "short"
PRONOUNS = {"i": "je", "you": "tu", "she": "elle", "we": "nous", "they": "ils"}
VERBS = {"see": "vois vois voit voyons voient", "sell": "vends vends vend vendons vendent"}
ARTICLES = {"the": "le la", "a": "un une", "my": "mon ma"}
COLOURS = {"red": "rouge rouge", "green": "vert verte", "black": "noir noire", "white": "blanc blanche"}
NOUNS = {"hat": "le chapeau", "book": "le livre", "dog": "le chien", "house": "la maison", "car": "la voiture"}
choices = product(enumerate(PRONOUNS.items()), *(d.items() for d in (VERBS, ARTICLES, COLOURS, NOUNS)))
pairs = []
for (person, (i, je)), (verb, forms), (the, le), (red, rouge), (car, voiture) in choices:
    gender = voiture.startswith("la")  # the colour follows the noun and agrees with it
    french = ["<", je, forms.split()[person], le.split()[gender], voiture.split()[1], rouge.split()[gender], ">"]
    pairs.append(([i, verb + "s" * (i == "she"), the, red, car], french))
np.random.default_rng(10).shuffle(pairs)
words = [sorted({w for pair in pairs for w in pair[k]}) for k in (0, 1)]
one_hot = [dict(zip(side, np.eye(len(side)), strict=True)) for side in words]
source, target = (np.array([[one_hot[k][w] for w in pair[k]] for pair in pairs]) for k in (0, 1))

encoder_inputs, decoder_inputs = (Input((None, len(side))) for side in words)
_, h, c = LSTM(64, return_state=True)(encoder_inputs)
decoder, dense = LSTM(64, return_sequences=True, return_state=True), Dense(len(words[1]), activation="softmax")
model = Model([encoder_inputs, decoder_inputs], dense(decoder(decoder_inputs, initial_state=[h, c])[0]))
model.compile(optimizer="rmsprop", loss="categorical_crossentropy")
model.fit([source[:300], target[:300, :-1]], target[:300, 1:], batch_size=16, epochs=5 if SHORT else 80, verbose=2)

encoder_model = Model(encoder_inputs, [h, c])
outputs, *after = decoder(decoder_inputs, initial_state=(states := [Input((64,)), Input((64,))]))
decoder_model = Model([decoder_inputs, *states], [dense(outputs), *after])
mistakes = 0
for k in range(300, 400):
    state, text = encoder_model.predict(source[k : k + 1], verbose=0), ["<"]
    while text[-1] != ">" and len(text) < 9:
        p, *state = decoder_model.predict([one_hot[1][text[-1]][None, None], *state], verbose=0)
        text.append(words[1][p[0, -1].argmax()])
    mistakes += text != pairs[k][1]
    print(f"{' '.join(pairs[k][0]):30} -> {' '.join(text[1:-1])}")
print(f"{100 - mistakes} of 100 new sentences translated without a mistake")

thought = np.hstack(encoder_model.predict(source, verbose=0))
thought = thought @ np.linalg.svd(thought - thought.mean(axis=0))[2][:2].T
figure, panels = plt.subplots(1, 3, figsize=(10, 3.6), subplot_kw={"xticks": [], "yticks": []}, layout="constrained")
for panel, what, k in zip(panels, ("pronoun", "verb", "noun"), (0, 1, 4)):
    for name in sorted({pair[0][k].rstrip("s") for pair in pairs}):
        panel.plot(*thought[[pair[0][k].rstrip("s") == name for pair in pairs]].T, ".", ms=3, label=name)
    panel.legend(title=what, frameon=False, fontsize=8)
figure.suptitle("what the encoder hands to the decoder, all 600 sentences (two principal directions)")
figure.savefig("10_translation.png", dpi=80)
