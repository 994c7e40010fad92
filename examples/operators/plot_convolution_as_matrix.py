"""
A convolution is a structured matrix
====================================

Written as a matrix, the convolution of a signal has one number along each diagonal: the matrix is Toeplitz, and
circulant if the borders are circular.

Products of circulant matrices are circulant, and so are their pseudo-inverses; not all of them have an inverse. Gray
(2006), "Toeplitz and circulant matrices: a review".
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.linalg import circulant, toeplitz

from kernelconv import serial
from kernelconv.operators import Convolution

rng = np.random.default_rng(0)


def matrix(mask, n, padding="circular"):
    """Return the matrix of a mask of one line on signals of n values."""
    return Convolution.from_weights(np.atleast_2d(mask), padding=padding).build((1, n, 1)).as_matrix()


# %%
# With valid borders the matrix is a band of diagonals, with circular ones a whole circulant matrix
banded, wrapped = matrix([1, 2, 0.5], 8, "valid"), matrix([1, 2, 0.5], 8)
assert np.array_equal(banded, toeplitz([1, *[0] * 5], [1, 2, 0.5, *[0] * 5]))
assert np.array_equal(wrapped, circulant(wrapped[:, 0]))

# %%
# Products of circulants are circulant, and commute
other = matrix(rng.standard_normal(5), 8)
product = serial(*[Convolution.from_weights([m], padding="circular") for m in ([1, 2, 0.5], [3, 1, -1])])
product = product.build((1, 8, 1)).as_matrix()
assert np.allclose(product, circulant(product[:, 0]), atol=1e-12)
assert np.allclose(other @ wrapped, wrapped @ other, atol=1e-12)

# %%
# The difference of the two neighbours of a value is 0 for constant and for alternating signals: the rank is 4 of 6.
# There is no inverse; the pseudo-inverse is circulant
difference = matrix([1, 0, -1], 6)
inverse = np.linalg.pinv(difference)
assert np.linalg.matrix_rank(difference) == 4
assert np.allclose(inverse, circulant(inverse[:, 0]), atol=1e-12)

# %%
# In two dimensions: a circulant arrangement of blocks, each of them circulant, though the matrix as a whole is not
plane = Convolution.from_weights(rng.standard_normal((3, 3)), padding="circular").build((5, 5, 1)).as_matrix()
blocks = plane.reshape(5, 5, 5, 5).swapaxes(1, 2)  # [i, k] is the block from row k of the image to row i
assert all(np.array_equal(blocks[i, k], blocks[(i + 1) % 5, (k + 1) % 5]) for i in range(5) for k in range(5))
assert all(np.array_equal(block, circulant(block[:, 0])) for block in blocks.reshape(-1, 5, 5))
assert not np.array_equal(plane, circulant(plane[:, 0]))

# %%
# The Toeplitz matrix T (zero padding) and the circulant C approach each other on average, |T - C| / sqrt(n) -> 0 in the
# Frobenius norm; in the operator norm their distance stays 1
sizes = [8, 32, 128, 512]
gaps = [matrix([1, 2, 0.5], n, "zero") - matrix([1, 2, 0.5], n) for n in sizes]
means = [np.linalg.norm(gap) / np.sqrt(n) for gap, n in zip(gaps, sizes, strict=True)]
assert np.allclose(means, [0.395, 0.198, 0.099, 0.049], atol=5e-4)
assert np.allclose([np.linalg.norm(gap, 2) for gap in gaps], 1, atol=1e-12)

# %%
# The four matrices, and the distance of Toeplitz from circulant by n
shown = {"Toeplitz": banded, "circulant": wrapped, "pseudo-inverse": inverse, "of an image": plane}
figure, axes = plt.subplots(1, 5, figsize=(8, 1.9), layout="constrained")
for ax, (name, values) in zip(axes, shown.items(), strict=False):
    largest = np.abs(values).max()
    ax.imshow(values, cmap="RdBu", vmin=-largest, vmax=largest)
    ax.set_title(name, fontsize=9)
    ax.set_xticks([])
    ax.set_yticks([])
axes[4].loglog(sizes, means, "o-", label="on average")
axes[4].loglog(sizes, [1] * 4, "s-", label="at most")
axes[4].set_title("Toeplitz - circulant", fontsize=9)
axes[4].set_xlabel("n", fontsize=8)
axes[4].tick_params(labelsize=7)
axes[4].legend(fontsize=7)
plt.show()
