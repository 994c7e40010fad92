"""
SGD is equivariant to rotations of the data, Adam is not
========================================================

Rotate all rows and the initial weights alike, and SGD trains the same network up to rounding. Adam does not.

An update of SGD is a sum of multiples of rows, which rotates with them; Adam divides each coordinate by a number of its
own, which does not commute with rotations. So a fully connected network with Gaussian initial weights learns, by SGD,
every rotation of a rule as well or as badly as the rule itself: Ng, "Feature selection, L1 vs. L2 regularization, and
rotational invariance" (2004), and Li, Zhang & Arora (2021).
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import serial
from kernelconv.datasets import make_orthogonal_quadratic
from kernelconv.networks.training.loop import train
from kernelconv.networks.training.optimizers import Optimizer
from kernelconv.operators import Dense, Tanh

d = 16
X, y = make_orthogonal_quadratic(500, d, random_state=0)
labels = (y > 0).astype(int)
rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((d, d)))[0]
start = serial(Dense(32), Tanh(), Dense(2)).build((1, 1, d), np.random.default_rng(0)).astype(np.float64)
first = next(name for name in start.params if name.endswith("weight"))
rotated = start.replace({**start.params, first: rotation.T @ start.params[first]})


# %%
# One network is trained on rows x, the other on rows x R, in the same batches and in float64
def both_scores(optimizer, learning_rate, epochs):
    """Return the scores that both networks give to their rows, (2, 500, 2)."""
    found = []
    for network, rows in ((start, X), (rotated, X @ rotation)):
        settings = {"batch_size": 25, "learning_rate": learning_rate, "optimizer": Optimizer(optimizer)}
        trained, _ = train(
            network, rows[:, None, None], labels, rng=np.random.default_rng(1), epochs=epochs, **settings
        )
        found.append(trained.forward(rows[:, None, None]).reshape(500, 2))
    return np.array(found)


numbers = (1, 2, 4, 8, 16)
found = {name: [both_scores(name, rate, n) for n in numbers] for name, rate in (("sgd", 0.05), ("adam", 0.01))}
apart = {name: np.array([np.abs(one - other).max() for one, other in rows]) for name, rows in found.items()}
moved = np.abs(found["sgd"][-1][0] - start.forward(X[:, None, None]).reshape(500, 2)).max()
print(apart, f"moved by SGD: {moved:.2f}", sep="\n")
assert (apart["sgd"] < 1e-12).all()
assert (apart["adam"] > 0.01).all()
assert apart["adam"][-1] > 0.1
assert moved > 0.3

figure, axes = plt.subplots(1, 3, figsize=(8, 2.7), layout="constrained")
for ax, (name, rows), colour in zip(axes, found.items(), ["tab:blue", "tab:orange"], strict=False):
    one, other = np.diff(rows[-1], axis=-1)[..., 0]
    ax.axline((0, 0), slope=1, color="0.7", linewidth=0.8)
    ax.plot(one, other, ".", color=colour, markersize=3)
    ax.set(xlabel="margin, rows x", ylabel="margin, rows xR", aspect="equal")
    ax.set_title({"sgd": "SGD", "adam": "Adam"}[name] + ", 16 epochs", fontsize=9)
    axes[2].loglog(numbers, apart[name], "o-", color=colour, label=name)
axes[2].set_title("largest difference of scores", fontsize=9)
axes[2].set(xlabel="epochs", xticks=numbers, xticklabels=numbers)
axes[2].minorticks_off()
axes[2].legend(fontsize=8, loc="center right")
plt.show()
