"""
Receptive fields: how far a network sees
========================================

Each layer of filters of k px adds k - 1 px to the receptive field of an output: it is 1 + L (k - 1) px after L layers.
A stride multiplies what all later layers add.

The gradient of one output with respect to the image shows the same: it is zero outside the receptive field. Most of it
lies in the middle, the effective receptive field of Luo, Li, Urtasun & Zemel (NeurIPS 2016).
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import serial
from kernelconv.operators import Convolution, MaxPooling

rng = np.random.default_rng(0)
SIDE = 23


def stack(depth):
    """Return a network of random 3 x 3 filters."""
    return serial(*[Convolution(8, 3, padding="zero") for _ in range(depth)]).build((SIDE, SIDE, 1), rng)


def gradient(network):
    """Return the gradient of the middle output, all channels together, in the image."""
    image = rng.standard_normal((1, *network.in_shape))
    g = np.zeros_like(network.forward(image))
    g[:, g.shape[1] // 2, g.shape[2] // 2] = 1
    return network.vjp(image, g)[0][0, :, :, 0]


# %%
# Stacks of one, two, three and five layers of 3 x 3 filters: fields of 3, 5, 7 and 11 px, by formula, by `summary()`
# and by gradient
seen = {}
for depth in (1, 2, 3, 5):
    network = stack(depth)
    seen[depth] = np.sqrt(np.mean([gradient(stack(depth)) ** 2 for _ in range(50)], axis=0))
    rows, columns = np.nonzero(seen[depth] > 1e-10 * seen[depth].max())  # rounding left aside
    by_gradient = (int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1)
    by_table = network.summary().splitlines()[depth + 1].split()[2]
    print(f"{depth} layers: formula {1 + 2 * depth}, summary() {by_table}, gradient {by_gradient}")
    assert by_gradient == (1 + 2 * depth,) * 2
    assert by_table == f"{1 + 2 * depth}x{1 + 2 * depth}"
assert [1 + 2 * depth for depth in seen] == [3, 5, 7, 11]

# %%
# With random filters the mean square of the gradient is the distribution of a random walk of five steps of -1, 0 or 1
# in each direction: of (1 + 1 + 1)^5 = 243 walks along rows, 45 + 51 + 45 end within 1 px of the middle
square = seen[5] ** 2
share, expected = square[10:13, 10:13].sum() / square.sum(), (141 / 243) ** 2
print(f"share of the middle 3 x 3 px of 11 x 11: {share:.3f}, expected {expected:.3f}, of the area {9 / 121:.3f}")
assert np.isclose(share, expected, rtol=0.1)

# %%
# Pooling widens the field faster: each stride of 2 doubles what later filters add
pooled = serial(Convolution(8, 3), MaxPooling(2), Convolution(8, 3), MaxPooling(2)).build((SIDE, SIDE, 1), rng)
print(pooled.summary())
assert pooled.receptive_field((SIDE, SIDE, 1)) == ((10, 10), (4, 4))

figure, axes = plt.subplots(1, 4, figsize=(8, 2.3), layout="constrained")
for ax, (depth, size) in zip(axes, seen.items(), strict=True):
    ax.imshow(size, cmap="magma")
    half = depth + 0.5
    ax.add_patch(plt.Rectangle((SIDE // 2 - half,) * 2, 2 * half, 2 * half, fill=False, edgecolor="w", linestyle=":"))
    ax.set_title(f"{depth} layer{'s' * (depth > 1)}: {1 + 2 * depth} px", fontsize=10)
    ax.set_xticks([])
    ax.set_yticks([])
plt.show()
