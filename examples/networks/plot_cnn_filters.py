"""
What a CNN looks for
====================

To which patches of two photographs its first filters answer, and the maps of every layer.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_images

from kernelconv import ConvNetClassifier, serial
from kernelconv.operators import Convolution, Dense, GlobalPooling, MaxPooling, ReLU, Standardization, extract_patches

SIDE, rng = 24, np.random.default_rng(0)
photographs = [photo[::2, ::2].astype(np.float32) / 255 for photo in load_sample_images().images]  # temple, flower


def crops(left, n=200):
    """Return n squares of each photograph, from its left or its right half."""
    columns = (0, 160 - SIDE) if left else (160, 320 - SIDE)
    corners = [(rng.integers(214 - SIDE), rng.integers(*columns)) for _ in range(2 * n)]
    return np.array([photographs[i % 2][r : r + SIDE, c : c + SIDE] for i, (r, c) in enumerate(corners)])


X, X_test, y = crops(left=True), crops(left=False), np.tile(["temple", "flower"], 200)
layers = [Standardization(), Convolution(16, 7), ReLU(), MaxPooling(2), Convolution(16, 3), ReLU(), GlobalPooling()]
clf = ConvNetClassifier(serial(*layers, Dense(2)), epochs=6, random_state=0).fit(X, y)
print(f"accuracy on the other halves: {clf.score(X_test, y):.3f}")

# A trained filter looks like noise: it moves little from where it was drawn. The patches it answers to do not.
first = clf.network_.parts[1]
patches = extract_patches(X, first.size, stride=2).reshape(-1, first.params["weight"].shape[0])
answers = (patches - patches.mean(axis=0)) @ first.params["weight"]
figure, axes = plt.subplots(2, 8, figsize=(7, 2.2), layout="constrained")
for axis, answer in zip(axes.ravel(), answers.T, strict=True):
    axis.imshow(patches[np.argsort(answer)[-50:]].mean(axis=0).reshape(*first.size, 3))
    axis.set_axis_off()
figure.suptitle("the 50 patches that each filter of the first layer answers to most, averaged")

crop = photographs[1][None, 100:124, 210:234]
maps = {name: m[0] for name, m in clf.network_.trace(crop).items() if m.shape[1] > 1}
figure, axes = plt.subplots(len(maps), 8, figsize=(7, 0.9 * len(maps)), layout="constrained")
for row, (name, m) in zip(axes, maps.items(), strict=True):
    for axis in row:
        axis.set_xticks([])
        axis.set_yticks([])
    for axis, channel in zip(row, np.moveaxis(m, -1, 0), strict=False):
        axis.imshow(channel, cmap="gray")
    for axis in row[m.shape[-1] :]:
        axis.set_axis_off()
    row[0].set_ylabel(name.rpartition("_")[0], rotation=0, ha="right", va="center", fontsize=8)
figure.suptitle("the maps of each layer for the rim of the flower")
plt.show()
