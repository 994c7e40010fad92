"""
A way around every block
========================

Twenty-six plain layers fit worse than eight; with a way around every two of them, they fit best of all.

Maps, weights and steps are the same: a block computes x + f(x) in place of f(x). Normalised, the deep plain network is
no victim of vanishing values: it learns, but slowly. Without normalisation it is start weights that decide whether
anything of the image arrives. He, Zhang, Ren & Sun, "Deep residual learning for image recognition" (2016), figures 1
and 6, and "Delving deep into rectifiers" (2015), in small: the digits of scikit-learn, three epochs of 320.
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import ConvNetClassifier, load_digits_images, serial
from kernelconv.operators import BatchNorm, Convolution, Dense, GlobalPooling, MaxPooling, ReLU, Residual

X, y = load_digits_images()


# %%
# Blocks of two convolutions between a first and a last layer
def network(layers, skip, norm=True, initialization="he_normal"):
    """Return a network of so many layers with weights, with a way around each block or without."""

    def convolved():
        weights = Convolution(12, 3, padding="zero", initialization=initialization)
        return (weights, BatchNorm()) if norm else (weights,)

    blocks = []
    for _ in range((layers - 2) // 2):
        block = serial(*convolved(), ReLU(), *convolved())
        blocks += [Residual(block) if skip else block, ReLU()]
    return serial(*convolved(), MaxPooling(2), ReLU(), *blocks, GlobalPooling(), Dense(10))


# %%
# Three networks, normalised, trained alike
losses = {}
for layers, skip in ((8, False), (26, False), (26, True)):
    settings = {"epochs": 3, "batch_size": 32, "learning_rate": 0.01, "random_state": 0, "n_jobs": 1}
    clf = ConvNetClassifier(network(layers, skip), **settings).fit(X[:320], y[:320])
    losses[layers, skip] = [epoch["loss"] for epoch in clf.history_]
    print(f"{layers:2d} layers, {'skip ' if skip else 'plain'} losses {np.round(losses[layers, skip], 2)}")
assert losses[26, True][-1] + 0.5 < losses[8, False][-1] < losses[26, False][-1] - 0.1

# %%
# Not normalised: how much of the images' differences leaves 25 convolutions. Start weights of a sixth of He's variance
# take a factor of the root of 6 at each
arrives = {}
for name in ("torch_default", "he_normal"):
    built = network(26, skip=False, norm=False, initialization=name).build((8, 8, 1), np.random.default_rng(0))
    arrives[name] = list(built.trace(X[:100, ..., None].astype(float)).values())[-3].std(axis=0).mean()
    print(f"{name:13s} images differ by {arrives[name]:.1e}")
assert 0.2 < arrives["torch_default"] / arrives["he_normal"] * 6**12.5 < 5

figure, ax = plt.subplots(figsize=(5, 3.4), layout="constrained")
for (layers, skip), loss in losses.items():
    colour, dash = ("tab:red", "tab:blue")[layers == 26], ("--", "-")[skip]
    ax.plot(range(1, 4), loss, dash, marker="o", markersize=4, color=colour)
    ax.annotate(
        f"{layers} layers{', skips' if skip else ''}", (3, loss[-1]), (8, -3), textcoords="offset points", color=colour
    )
ax.set(xlabel="epoch", ylabel="training loss", xticks=range(1, 4), xlim=(0.9, 3.9), ylim=(0, None))
plt.show()
