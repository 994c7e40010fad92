"""
Equivariance: maps move with the picture
========================================

Convolutions of a shifted picture are the shifted maps of the picture, unless borders or strides interfere.

With circular borders and a stride of 1 this holds up to rounding. Zero padding breaks it; with a stride of 2 it holds
for even shifts only.
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import load_digits_images, serial
from kernelconv.operators import Convolution, ReLU
from kernelconv.stability import equivariance_error

X = load_digits_images()[0][:50, :, :, None].astype(np.float64)


def network(padding, stride):
    """Return two random convolutions with a ReLU between them: of one seed, so of the same weights."""
    parts = Convolution(8, 3, padding=padding), ReLU(), Convolution(8, 3, stride=stride, padding=padding)
    return serial(*parts).build((8, 8, 1), np.random.default_rng(0))


# %%
# Circular shifts by whole pixels
shifts = range(9)
networks = {
    "circular borders": network("circular", 1),
    "zeros at the border": network("zero", 1),
    "circular, steps of 2 px": network("circular", 2),
}
errors = {
    name: np.array([equivariance_error(phi, X, (0, shift), padding="circular").mean() for shift in shifts])
    for name, phi in networks.items()
}
for name, error in errors.items():
    print(f"{name:24}", " ".join(f"{e:8.1e}" for e in error))

# %%
# Where the error is only rounding, and where it is not
circular, zero, stepping = errors.values()
assert circular.max() < 1e-12
assert zero[2:7].min() > 0.1
assert stepping[::2].max() < 1e-12
assert stepping[1::2].min() > 0.1

# %%
# A digit shifted across the right border: with zero padding its map changes near the border
figure = plt.figure(figsize=(8, 2.8), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[1.2, 1])
axes = left.subplots(2, 3)
moved = np.roll(X[3:4], 3, axis=2)
for row, (image, what) in zip(axes, ((X[3:4], "digit"), (moved, "moved 3 px")), strict=True):
    seen = [image, networks["circular borders"].forward(image), networks["zeros at the border"].forward(image)]
    for ax, values, title in zip(row, seen, (what, "circular", "zeros"), strict=True):
        ax.imshow(values[0, :, :, 0], cmap="gray" if values is image else "viridis")
        ax.set_title(title, fontsize=9)
        ax.set_xticks([])
        ax.set_yticks([])
ax = right.subplots()
for (name, error), marker in zip(errors.items(), "os^", strict=True):
    ax.plot(shifts, error, marker + "-", label=name, markersize=4)
ax.set_ylim(-0.05, 1.15)
ax.set_xlabel("shift (px)")
ax.set_ylabel("equivariance error")
ax.legend(fontsize=7, loc="upper left")
plt.show()
