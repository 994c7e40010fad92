"""
What the leaves of a tree tell about its root
=============================================

Colours are passed down a tree, each copied with probability lambda and drawn at random otherwise; only the leaves are
observed. How well can the root be guessed?

Two leaves whose paths meet h levels above have correlation lambda^(2h), so that the tree can be recovered even from
shuffled leaves. With two colours, the root of a deep tree of d children per node can be guessed better than by chance
if and only if d lambda^2 > 1, the threshold of Kesten & Stigum. Mossel, "Deep learning and hierarchical generative
models" (2018).
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv.datasets import make_hierarchical

# %%
# Among shuffled leaves, each correlates most with its sibling
X, _ = make_hierarchical(3000, 5, copy_probability=0.8, random_state=0)
order = np.random.default_rng(0).permutation(32)
shuffled = np.corrcoef(X[:, order].T)
nearest = (shuffled - 2 * np.eye(32)).argmax(axis=1)
assert np.array_equal(order[nearest] // 2, order // 2)

# %%
# Correlations fall by a factor of lambda^2 per level
correlations = np.corrcoef(X.T)
leaves = np.arange(32)
meet = np.array([[int(a ^ b).bit_length() for b in leaves] for a in leaves])
by_level = np.array([correlations[meet == h].mean() for h in range(1, 6)])
print("correlation of leaves that meet 1, ..., 5 levels above:", by_level.round(3))
assert np.allclose(by_level, 0.8 ** (2 * np.arange(1, 6)), atol=0.03)

# %%
# The majority of the leaves as a guess of the root; a tie counts as half a right guess
depths, lambdas = range(1, 11), (0.8, np.sqrt(0.5), 0.6, 0.5)
right = np.empty((len(lambdas), len(depths)))
for i, copied in enumerate(lambdas):
    for j, depth in enumerate(depths):
        X, root = make_hierarchical(3000, depth, copy_probability=copied, random_state=depth)
        votes = (2 * X - 1).sum(axis=1) * (2 * root - 1)
        right[i, j] = (votes > 0).mean() + (votes == 0).mean() / 2
    print(f"lambda {copied:.3f}, d lambda^2 = {2 * copied**2:.2f}:", right[i].round(2))
assert np.allclose(right[0, [1, 5, 9]], [0.87, 0.84, 0.82], atol=0.03)  # falls slowly, above chance
assert right[0, 5] - right[0, 9] < 0.04
assert 0.6 < right[1, 9] < 0.72  # at the threshold it keeps falling
assert right[2, 9] < 0.6
assert right[3, 9] < 0.53

figure, axes = plt.subplots(1, 3, figsize=(8, 2.7), width_ratios=[1, 1, 1.25], layout="constrained")
for ax, matrix, title in zip(axes, [shuffled, correlations], ["leaves, shuffled", "leaves, in order"], strict=False):
    ax.imshow(matrix, cmap="viridis", vmin=0, vmax=0.7)
    ax.set_title(f"correlation of {title}", fontsize=9)
    ax.set_xticks([])
    ax.set_yticks([])
for copied, row in zip(lambdas, right, strict=True):
    axes[2].plot(depths, row, "o-", markersize=3, linewidth=1, label=f"$2\\lambda^2$ = {2 * copied**2:.2f}")
axes[2].axhline(0.5, color="0.6", linewidth=0.8)
axes[2].set(xlabel="depth", ylim=(0.45, 1), xticks=[2, 4, 6, 8, 10])
axes[2].set_title("roots guessed by majority", fontsize=9)
axes[2].legend(fontsize=7, ncols=2)
plt.show()
