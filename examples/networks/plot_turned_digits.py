"""
Rotations that change the label: 6 and 9
========================================

A network trained on digits rotated by up to half a turn confuses 6 and 9, since half a turn makes one of the other.

Augmentation states which changes leave a label alone, and a network learns this, true or not. First the sixes and nines
of scikit-learn's digits; then the stored results of a study with all ten digits of MNIST, 1,000 of them to train
LeNet-5, `python benchmarks/experiments rotations`.
"""

import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import Augmentation, ConvNetClassifier, load_digits_images, serial
from kernelconv.operators import Convolution, Dense, Flatten, MaxPooling, ReLU, Standardization

X, y = load_digits_images()
X, y = X[np.isin(y, (6, 9))], y[np.isin(y, (6, 9))]
angles = (0, 45, 90, 180)

# %%
# The share of upright digits that are confused, by the largest rotation in training; three draws of 120 training images
network = serial(Standardization(), Convolution(8, 3), ReLU(), MaxPooling(2), Flatten(), Dense(2))
swapped = np.empty((len(angles), 3))
for i, angle in enumerate(angles):
    for draw in range(3):
        order = np.random.default_rng(draw).permutation(len(X))
        kept, others = order[:120], order[120:]
        turned = Augmentation(rotation=angle) if angle else None
        clf = ConvNetClassifier(
            network, epochs=12, learning_rate=5e-3, augmentation=turned, random_state=draw, n_jobs=1
        )
        swapped[i, draw] = 1 - clf.fit(X[kept], y[kept]).score(X[others], y[others])
print(dict(zip(angles, swapped.round(3).tolist(), strict=True)))
assert swapped[0].max() < 0.03
assert swapped[-1].min() > 0.25  # .5 would be guessing
assert (swapped[-1] > 5 * swapped[1:-1]).all()

# %%
# The study: shares of the test images, three draws
results = Path(sys.argv[0]).resolve().parents[2] / "benchmarks" / "results" / "rotations" / "results.json"
if not results.exists():
    raise FileNotFoundError(f"{results} is missing: run this example inside a checkout of the repository.")
cells = json.loads(results.read_text(encoding="utf-8"))
turns = sorted({c["angle"] for c in cells})
names = {"swapped": "6 taken for 9, 9 for 6", "of_both": "6 or 9 taken for any other", "error": "all ten digits"}
study = {name: np.array([[c[name] for c in cells if c["angle"] == turn] for turn in turns]) for name in names}
for name, text in names.items():
    print(f"{text:27s}", dict(zip(turns, study[name].mean(axis=1).round(4).tolist(), strict=True)))
means, deviations = study["swapped"].mean(axis=1), study["swapped"].std(axis=1, ddof=1)
assert turns[0] == 0
assert turns[-1] == 180
apart = means[-1] - means[:-1]  # from half a turn to each smaller one, in standard errors of three draws
assert (apart > 2 * np.sqrt((deviations[-1] ** 2 + deviations[:-1] ** 2) / 3)).all()

figure, axes = plt.subplot_mosaic("abbcc;dbbcc;ebbcc", figsize=(7.6, 3.2), layout="constrained")
six, nine = (X[y == digit].mean(axis=0) for digit in (6, 9))
for name, (title, image) in zip("ade", {"6": six, "6, half a turn": six[::-1, ::-1], "9": nine}.items(), strict=True):
    axes[name].imshow(image, cmap="gray_r")
    axes[name].set_title(title, fontsize=8)
    axes[name].set_axis_off()
axes["b"].plot(angles, swapped.mean(axis=1), "o-", color="tab:red")
axes["b"].plot(np.repeat(angles, 3), swapped.ravel(), "o", color="tab:red", markersize=3, alpha=0.4)
axes["b"].set_title("sixes and nines of 8 x 8 taken for each other", fontsize=8)
for (name, text), colour in zip(names.items(), ["tab:red", "tab:orange", "0.5"], strict=True):
    axes["c"].plot(turns, study[name].mean(axis=1), "o-", color=colour, label=text)
    axes["c"].plot(np.repeat(turns, 3), study[name].ravel(), "o", color=colour, markersize=3, alpha=0.4)
axes["c"].set_title("the study: MNIST, wrong", fontsize=8)
axes["c"].legend(fontsize=7)
for name in "bc":
    axes[name].set(xlabel="largest turn, degrees", xticks=(0, 45, 90, 135, 180), ylim=(0, None))
plt.show()
