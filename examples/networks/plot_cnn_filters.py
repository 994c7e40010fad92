"""
What the filters of a CNN respond to
====================================

The patches of photographs to which the filters of a trained network respond most, and the maps of every layer for one
crop.

The trained filters look like noise. The means of the patches that excite them most do not.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_images

from kernelconv import ConvNetClassifier, serial
from kernelconv.networks import strongest_patches
from kernelconv.operators import Convolution, Dense, GlobalPooling, MaxPooling, ReLU, Standardization
from kernelconv.report import plot_filters, plot_maps, plot_patches

SIDE, rng = 24, np.random.default_rng(0)
photographs = [photo[::2, ::2].astype(np.float32) / 255 for photo in load_sample_images().images]  # temple, flower


def crops(left, n=200):
    """Return n squares of each photograph, from its left or its right half."""
    columns = (0, 160 - SIDE) if left else (160, 320 - SIDE)
    corners = [(rng.integers(214 - SIDE), rng.integers(*columns)) for _ in range(2 * n)]
    return np.array([photographs[i % 2][r : r + SIDE, c : c + SIDE] for i, (r, c) in enumerate(corners)])


def smoothness(pictures):
    """Return the correlation of neighbours in a row, mean over pictures (k, h, w, 3): 0 for white noise."""
    centred = pictures - pictures.mean((1, 2), keepdims=True)
    left, right = centred[:, :, :-1], centred[:, :, 1:]
    return float(np.mean((left * right).sum((1, 2, 3)) / np.sqrt((left**2).sum((1, 2, 3)) * (right**2).sum((1, 2, 3)))))


X, X_test, y = crops(left=True), crops(left=False), np.tile(["temple", "flower"], 200)
layers = [Standardization(), Convolution(16, 7), ReLU(), MaxPooling(2), Convolution(16, 3), ReLU(), GlobalPooling()]
clf = ConvNetClassifier(serial(*layers, Dense(2)), epochs=6, random_state=0).fit(X, y)
score = clf.score(X_test, y)

# %%
# Neighbouring weights of the filters hardly correlate; neighbouring pixels in the means of their strongest patches do.
first = clf.network_.parts[1]
filters = np.moveaxis(first.params["weight"].reshape(*first.size, 3, -1), -1, 0)
found = strongest_patches(clf, "convolution_2", X, n=50)
print(f"accuracy on the other halves: {score:.3f}")
rough, smooth = smoothness(filters), smoothness(found.patches.mean(axis=1))
print(f"neighbouring pixels correlate {rough:.2f} in filters, {smooth:.2f} in the means of their 50 strongest patches")
assert score > 0.9
assert abs(rough) < 0.15 < 0.3 < smooth

# %%
# The filters, the maps, and the patches: sky, petals, shadow, columns, roofs.
plot_filters(clf).suptitle("the filters of the first layer")
plot_maps(clf, photographs[1][100:124, 210:234]).suptitle("the maps of each layer for the rim of the flower")
plot_patches(found, n=8).suptitle("what excites eight of its filters most")
plt.show()
