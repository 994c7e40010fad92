"""
A convolution by hand
=====================

A filter slides over a picture; at every place the pixels below it are multiplied by its weights and summed. The numbers
are small enough to be followed on paper.

CNNs apply the filter as it stands, which mathematics calls a cross-correlation; a convolution first turns it by 180
degrees. The arithmetic is in LeCun et al. (1998) and in Dumoulin & Visin (2016), "A guide to convolution arithmetic for
deep learning".
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.signal import convolve2d, correlate2d

from kernelconv.operators import Convolution, MaxPooling

# %%
# The sum of products at every place where the filter lies within the picture: 5 - 3 + 1 = 3 places along each side
picture = np.array([[int(bit) for bit in row] for row in ("10110", "11011", "00110", "01100", "11101")], float)
kernel = np.array([[0, 1, 0], [1, 1, 0], [0, 0, 1]], float)
image = picture[None, :, :, None]  # one image of one channel: (1, 5, 5, 1)
answer = Convolution.from_weights(kernel).forward(image)[0, :, :, 0]
assert np.array_equal(answer, [[3, 3, 2], [2, 1, 3], [2, 3, 3]])

four = np.array([[1, 2, 0, 1], [0, 1, 3, 1], [2, 2, 1, 0], [1, 0, 2, 2]], float)[None, :, :, None]
assert np.array_equal(
    Convolution.from_weights([[1, -1], [0, 1]]).forward(four)[0, :, :, 0], [[0, 5, 0], [1, -1, 2], [0, 3, 3]]
)

# %%
# The filter as it stands, or turned by 180 degrees: `correlate2d` and `convolve2d` of SciPy
turned = Convolution.from_weights(kernel, flip=True).forward(image)[0, :, :, 0]
assert np.array_equal(answer, correlate2d(picture, kernel, "valid"))
assert np.array_equal(turned, convolve2d(picture, kernel, "valid"))
assert not np.array_equal(answer, turned)

# %%
# Size of the output: floor((n + 2 p - k) / s) + 1 for n px, a filter of k px, a stride of s px and p px of padding at
# each border
for n, k, s, p in [(5, 3, 1, 0), (5, 3, 1, 1), (5, 3, 2, 1), (28, 5, 1, 2), (227, 11, 4, 0)]:
    side = Convolution(1, k, stride=s, padding=p).out_shape((n, n, 1))[0]
    print(f"n={n:3}  k={k:2}  s={s}  p={p}: {side}")
    assert side == (n + 2 * p - k) // s + 1

# %%
# Pooling slides a window too; as a rule its windows lie side by side, without overlap
few = np.array([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]], float)
largest = MaxPooling(2).forward(few[None, :, :, None])[0, :, :, 0]
assert np.array_equal(largest, [[6, 8], [3, 4]])

# %%
# The outlined window of the picture gives the outlined number of each answer
grids = {
    "picture": picture,
    "filter": kernel,
    "answer": answer,
    "filter turned": kernel[::-1, ::-1],
    "its answer": turned,
}
outlined = {"picture": (0, 2, 3), "answer": (0, 2, 1), "its answer": (0, 2, 1)}
figure, axes = plt.subplots(1, 5, figsize=(8, 2), width_ratios=[5, 3, 3, 3, 3], layout="constrained")
for ax, (name, grid) in zip(axes, grids.items(), strict=True):
    ax.imshow(grid, cmap="Blues", vmin=0, vmax=5)
    for (row, column), value in np.ndenumerate(grid):
        ax.text(column, row, f"{value:.0f}", ha="center", va="center")
    if name in outlined:
        row, column, side = outlined[name]
        ax.add_patch(
            plt.Rectangle(
                (column - 0.5, row - 0.5), side, side, fill=False, edgecolor="C3", linewidth=2.5, clip_on=False
            )
        )
    ax.set_title(name, fontsize=10)
    ax.set_xticks([])
    ax.set_yticks([])
plt.show()
