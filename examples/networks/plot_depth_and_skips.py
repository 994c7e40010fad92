"""
A way around every block
========================

Eight layers learn, twenty-six do not; with a way around every two of them, twenty-six fit better than eight.

Maps, weights and steps are the same: a block computes x + f(x) in place of f(x). Normalised, the deep plain network is
no victim of vanishing values: it is the training loss that stays high. He, Zhang, Ren & Sun, "Deep residual learning
for image recognition" (2016), figures 1 and 6, in small: the digits of scikit-learn, three epochs.
"""

import matplotlib.pyplot as plt

from kernelconv import ConvNetClassifier, load_digits_images, serial
from kernelconv.operators import (
    BatchNorm,
    Convolution,
    Dense,
    GlobalPooling,
    MaxPooling,
    ReLU,
    Residual,
    Standardization,
)

X, y = load_digits_images()


# %%
# Blocks of two convolutions between a first and a last layer
def normalized():
    """Return a convolution of 12 maps and its normalisation."""
    return Convolution(12, 3, padding="zero", bias=False, initialization="he_normal"), BatchNorm()


def network(blocks, skip):
    """Return 2 + 2 blocks layers with weights, with a way around each block or without."""
    parts = [Standardization(), *normalized(), MaxPooling(2), ReLU()]
    for _ in range(blocks):
        block = serial(*normalized(), ReLU(), *normalized())
        parts += [Residual(block) if skip else block, ReLU()]
    return serial(*parts, GlobalPooling(), Dense(10))


# %%
# Four networks, trained alike
fitted = {}
for blocks in (3, 12):
    for skip in (False, True):
        settings = {"epochs": 3, "batch_size": 32, "learning_rate": 0.01, "random_state": 0, "n_jobs": 1}
        clf = ConvNetClassifier(network(blocks, skip), **settings).fit(X[:500], y[:500])
        fitted[2 + 2 * blocks, skip] = clf
losses = {key: [epoch["loss"] for epoch in clf.history_] for key, clf in fitted.items()}
right = {key: clf.score(X[500:1500], y[500:1500]) for key, clf in fitted.items()}
for (layers, skip), loss in losses.items():
    name = f"{layers} layers, {'skip' if skip else 'plain'}"
    print(f"{name:17s} loss {loss[-1]:.2f}, accuracy {right[layers, skip]:.3f}")
assert fitted[26, True].network_.n_params() == fitted[26, False].network_.n_params()
assert losses[26, True][-1] < losses[8, True][-1] < losses[8, False][-1] < losses[26, False][-1]
assert losses[26, True][-1] < 0.4
assert losses[26, False][-1] > 0.8
assert right[26, True] - right[26, False] > 0.2

figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
for (layers, skip), loss in losses.items():
    colour, dash = ("tab:red", "tab:blue")[layers == 26], ("--", "-")[skip]
    ax.plot(range(1, 4), loss, dash, marker="o", markersize=4, color=colour)
    text = f"{layers} layers{', skips' if skip else ''}: {100 * right[layers, skip]:.0f} % of new digits"
    ax.annotate(text, (3, loss[-1]), (8, 0), textcoords="offset points", va="center", fontsize=8, color=colour)
ax.set(xlabel="epoch", ylabel="training loss", xticks=range(1, 4), xlim=(0.9, 4.2), ylim=(-0.15, None))
ax.spines[["top", "right"]].set_visible(False)
plt.show()
