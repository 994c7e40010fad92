"""
Least squares on all shifts of an image gives a convolution
===========================================================

A matrix is fitted by least squares from all circular shifts of an image to the same shifts of its edges: the solution
is a convolution, though nothing constrains it to be one.

A shift of all images only permutes the training pairs, so that the solution of least norm, W = Y Z+ with the
pseudo-inverse Z+ of the inputs, commutes with shifts. This also holds where Z has no inverse, and with one bias for
each pixel.
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import load_digits_images
from kernelconv.operators import HAND_MADE, Convolution

digit = load_digits_images()[0][3].astype(np.float64)
SHAPE = (*digit.shape, 1)
edges = Convolution.from_weights(HAND_MADE["vertical_edge"], padding="circular").build(SHAPE)


def shifts(image):
    """Return the image at each of its h w places, one a column."""
    h, w = image.shape
    return np.stack([np.roll(image, (i, j), (0, 1)).ravel() for i in range(h) for j in range(w)], axis=1)


def as_a_convolution(w):
    """Return the convolution with circular borders whose filter is the first row of a matrix."""
    middle = tuple((side - 1) // 2 for side in SHAPE[:2])  # where a filter is anchored
    return Convolution.from_weights(np.roll(w[0].reshape(SHAPE[:2]), middle, (0, 1)), padding="circular").build(SHAPE)


# %%
# Three tasks: from a digit to its edges; from the digit without its mean, whose shifts do not span all images, to its
# edges plus a part of itself; and to itself, shifted by one row and brighter by a constant
flat = digit - digit.mean()
questions = {
    "digit to edges": (digit, edges.forward(digit[None, :, :, None])[0, :, :, 0]),
    "no mean, so no inverse": (flat, edges.forward(flat[None, :, :, None])[0, :, :, 0] + 0.3 * flat),
    "with a bias": (flat, np.roll(flat, 1, axis=0) + 2.0),
}
learned = {}
for name, (image, target) in questions.items():
    Z, Y = shifts(image), shifts(target)
    if name == "with a bias":
        Z = np.vstack([Z, np.ones(Z.shape[1])])
    w = Y @ np.linalg.pinv(Z)
    w, bias = w[:, : digit.size], w[:, digit.size :]
    error = np.abs(w - as_a_convolution(w).as_matrix()).max()
    print(f"{name}: rank {np.linalg.matrix_rank(Z)} of {digit.size}, away from a convolution by {error:.1e}")
    assert error < 1e-10
    assert np.abs(w).max() > 0.1
    assert np.allclose(bias, 2.0, atol=1e-10)
    learned[name] = w
assert np.linalg.matrix_rank(shifts(digit)) == 64
assert np.linalg.matrix_rank(shifts(flat)) < 64

# %%
# Where Z has an inverse, the learned filter is the one that made the edges
assert np.allclose(learned["digit to edges"], edges.as_matrix(), atol=1e-10)

# %%
# The learned matrix of 64 x 64 numbers, and the filter to which it amounts
figure, axes = plt.subplots(1, 4, figsize=(8, 2.2), layout="constrained")
w = learned["digit to edges"]
kernel = np.roll(w[0].reshape(8, 8), (3, 3), (0, 1))
images = [digit, questions["digit to edges"][1], w, kernel]
for ax, title, image in zip(
    axes, ("every shift of this", "to these edges", "matrix learned", "its filter"), images, strict=True
):
    limit = np.abs(image).max()
    ax.imshow(image, cmap="gray" if image is digit else "RdBu", vmin=0 if image is digit else -limit, vmax=limit)
    ax.set_title(title, fontsize=9)
    ax.set_xticks([])
    ax.set_yticks([])
plt.show()
