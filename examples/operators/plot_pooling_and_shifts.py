"""
Max pooling and average pooling under small shifts
==================================================

Max pooling ignores where in its window an edge lies, but its map changes abruptly when the edge crosses into the next
window.

Averages over overlapping windows change little by little. Boureau, Ponce & LeCun (ICML 2010) compare maxima and
averages; Zhang (ICML 2019) lets an average follow a maximum.
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import serial
from kernelconv.operators import HAND_MADE, Convolution, GaussianPooling, MaxPooling, ReLU

WIDTH, WINDOW = 24, 4
places = np.arange(6, 18)  # of the edge: the first column that is dark

# %%
# A bright half plane whose edge moves by one pixel at a time, and its map by an edge filter
pictures = (np.arange(WIDTH) < places[:, None]).astype(float)[:, None, :, None] * np.ones((1, 4, 1, 1))
edge = serial(Convolution.from_weights(HAND_MADE["vertical_edge"] / 3, padding="symmetric"), ReLU()).build(
    (4, WIDTH, 1)
)
found = edge.forward(pictures)[:, 1, :, 0]
assert np.array_equal(found.argmax(axis=1), places - 1)

# %%
# Three ways to subsample by four
poolings = {
    "largest of each window": MaxPooling(WINDOW),
    "Gaussian average": GaussianPooling(WINDOW, padding="symmetric"),
    "every fourth place": Convolution.from_weights([[1.0]], stride=WINDOW),
}
maps = {name: pool.forward(edge.forward(pictures))[:, 0, :, 0] for name, pool in poolings.items()}
changes = {
    name: np.linalg.norm(np.diff(m, axis=0), axis=1) / np.linalg.norm(m, axis=1).mean() for name, m in maps.items()
}

# %%
# The edge's map is two columns wide, places - 1 and places: while both stay in one window, its maxima do not change
same = (places[:-1] - 1) // WINDOW == (places[:-1] + 1) // WINDOW  # after the step the columns are one further
assert np.array_equal(changes["largest of each window"] == 0, same)
assert 0 < same.sum() < len(same)
assert changes["largest of each window"].max() > 0.5
assert 0 < changes["Gaussian average"].min() < changes["Gaussian average"].max() < 0.5
print({name: change.round(2).tolist() for name, change in changes.items()})

# %%
# The maps by place of the edge, one row each
figure, axes = plt.subplots(1, 4, figsize=(8, 2.6), layout="constrained", sharey=True)
for ax, (name, m) in zip(axes, {"edge": found, **maps}.items(), strict=True):
    ax.imshow(
        m, aspect="auto", cmap="viridis", extent=(0, WIDTH, places[-1] + 0.5, places[0] - 0.5), interpolation="none"
    )
    ax.set_title(name, fontsize=9)
    ax.set_xlabel("column (px)", fontsize=8)
axes[0].set_ylabel("place of the edge (px)", fontsize=8)
plt.show()
