"""
A network with the structure of its data
========================================

Colours were passed down a tree. A network that joins siblings first, and shares its weights, guesses the root of a deep
tree better than shallow networks that learn from the same 400 trees.

The number of leaves doubles with each level, and with it the number of weights of a shallow network; the tree-wise
network gains 36 per level. But depth is not needed here: with lambda = 0.8 a plain majority of the leaves needs no
weights at all and is slightly better still. Mossel, "Deep learning and hierarchical generative models" (2018), proves
where depth is needed.
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import ConvNetClassifier, serial
from kernelconv.datasets import make_hierarchical
from kernelconv.operators import Convolution, Dense, Tanh


# %%
# In the tree-wise network two siblings become one position at every level; the shallow networks see all leaves at once
def learners(depth):
    """Return three networks from the leaves (1, 2^depth, 1) to scores of two colours."""
    levels = [part for _ in range(depth) for part in (Convolution(4, (1, 2), stride=(1, 2)), Tanh())]
    return {
        "tree-wise": serial(*levels, Dense(2)),
        "64 units": serial(Dense(64), Tanh(), Dense(2)),
        "linear": serial(Dense(2)),
    }


# %%
# 400 trees for training, 2,000 for testing, two draws
depths, names = (2, 5, 8), list(learners(1))
right, weights = np.zeros((4, 3, 2)), np.zeros((3, 3), int)
for i, depth in enumerate(depths):
    for draw in range(2):
        X, root = make_hierarchical(2400, depth, copy_probability=0.8, random_state=10 * draw + depth)
        leaves = (2 * X - 1)[:, None, :, None].astype(np.float32)
        for j, network in enumerate(learners(depth).values()):
            clf = ConvNetClassifier(network, epochs=15, learning_rate=0.02, random_state=0)
            right[j, i, draw] = clf.fit(leaves[:400], root[:400]).score(leaves[400:], root[400:])
            weights[j, i] = clf.network_.n_params()
        votes = leaves[400:].sum(axis=(1, 2, 3)) * (2 * root[400:] - 1)
        right[3, i, draw] = (votes > 0).mean() + (votes == 0).mean() / 2
mean = right.mean(axis=-1)
for name, row in zip([*names, "majority"], mean, strict=True):
    print(f"{name:10s} {row.round(3)}")
assert (np.diff(weights[0]) == 3 * 36).all()
assert weights[:, -1].tolist() == [274, 16_578, 514]
assert mean[0, -1] - mean[2, -1] > 0.03
assert mean[0, -1] > mean[1, -1]
assert np.ptp(mean[:, 0]) < 0.01  # with four leaves, all are equally good
assert mean[0, -1] < mean[3, -1] + 0.005

figure, axes = plt.subplots(1, 2, figsize=(7.2, 2.8), layout="constrained")
for name, row, spread, colour in zip([*names, "majority"], mean, right, ["C0", "C1", "C2", "0.6"], strict=True):
    axes[0].plot(depths, row, "o-", markersize=4, linewidth=1.2, color=colour, label=name)
    axes[0].fill_between(depths, *spread.T, color=colour, alpha=0.12, linewidth=0)
for name, row in zip(names, weights, strict=True):
    axes[1].semilogy(depths, row, "o-", markersize=4, linewidth=1.2, label=name)
axes[0].set_title("roots guessed right", fontsize=9)
axes[1].set_title("weights", fontsize=9)
for ax in axes:
    ax.set(xticks=depths, xlabel="depth")
axes[0].legend(fontsize=8)
plt.show()
