"""
Filters made by hand
====================

Filters for edges, sharpening and averaging were designed long before filters were learned: nine of them on a
photograph.

Filters of edges and other differences sum to 0, so that their output is 0 where the picture is constant; those that
sharpen or average sum to 1 and keep the brightness. Prewitt (1970) for the edges, Gonzalez & Woods (2018, chapter 3)
for the others.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_images

from kernelconv.operators import HAND_MADE, Convolution

# %%
# The sum of a filter's weights is its output on a constant picture, as a multiple of the picture's value
for name, weights in HAND_MADE.items():
    grey = Convolution.from_weights(weights).forward(np.full((1, 5, 5, weights[0, 0].size), 0.7))
    kept = 1 if name in ("sharpen", "box", "gaussian") else 0
    print(f"{name:18} sums to {weights.sum():4.1f}, makes of 0.7 {abs(grey).max():.1f}")
    assert np.isclose(weights.sum(), kept, atol=1e-12)
    assert np.allclose(grey, 0.7 * kept, atol=1e-12)

# %%
# A vertical edge in one colour, bright on the left: the output of the red edge filter is 3 for red, and 0 for green and
# blue
red_edge = Convolution.from_weights(HAND_MADE["red_vertical_edge"])
for channel, expected in enumerate((3, 0, 0)):
    step = np.zeros((1, 3, 4, 3))
    step[:, :, :2, channel] = 1
    assert np.array_equal(red_edge.forward(step).ravel(), [expected, expected])

# %%
# All nine on a photograph: the red edge filter on its colours, the others on its grey values
photograph = load_sample_images().images[0][60:360, 150:550] / 255  # a temple
grey = photograph.mean(axis=2)
figure, axes = plt.subplots(2, 5, figsize=(8, 2.75), layout="constrained")
axes[0, 0].imshow(photograph)
axes[0, 0].set_title("photograph", fontsize=9)
for ax, (name, weights) in zip(axes.ravel()[1:], HAND_MADE.items(), strict=True):
    seen = photograph[None] if weights.ndim == 3 else grey[None, :, :, None]
    answer = Convolution.from_weights(weights, padding="symmetric").forward(seen)[0, :, :, 0]
    limits = {"vmin": 0, "vmax": 1} if weights.sum() > 0.5 else {"vmin": -0.5, "vmax": 0.5}
    ax.imshow(answer, cmap="gray", **limits)
    ax.set_title(name.replace("_", " "), fontsize=9)
for ax in axes.ravel():
    ax.set_axis_off()
plt.show()
