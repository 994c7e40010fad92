"""
What networks learn from digits
===============================

A linear classifier, an MLP and a CNN trained on the same digits: their weights, what excites them most, and the outputs
of their first layers.

A linear classifier holds a template for each class, a hidden unit compares the whole digit with a template of its own,
a filter looks for a stroke anywhere and outputs a map. All weights begin as noise; how smooth they have become is
measured by the correlation of neighbouring weights. Zeiler & Fergus, "Visualizing and understanding convolutional
networks" (2014).
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import ConvNetClassifier, load_mnist, serial
from kernelconv.networks import strongest_patches
from kernelconv.operators import Convolution, Dense, Flatten, MaxPooling, ReLU
from kernelconv.report import plot_filters, plot_maps, plot_patches

X, y, X_test, y_test = load_mnist()
X, y, X_test, y_test = X[:1000], y[:1000], X_test[:1500], y_test[:1500]
networks = {
    "linear": serial(Dense(10)),
    "MLP": serial(Dense(32), ReLU(), Dense(10)),
    "CNN": serial(Convolution(8, 7), ReLU(), MaxPooling(3), Flatten(), Dense(10)),
}


def smoothness(pictures):
    """Return the correlation of neighbouring pixels, mean over pictures (k, h, w): 0 for white noise."""
    pairs = [pair for p in pictures for pair in ((p[:, :-1], p[:, 1:]), (p[:-1], p[1:]))]
    return float(np.mean([np.corrcoef(one.ravel(), other.ravel())[0, 1] for one, other in pairs]))


def weights(network):
    """Return the weights of the first layer as pictures (k, h, w), of its units' or filters' size."""
    weight = network.parts[0].params["weight"]
    side = round((weight.size // weight.shape[-1]) ** 0.5)
    return np.moveaxis(weight.reshape(side, side, -1), -1, 0)


# %%
# The smoothness of weights before and after training, and of the means of the 30 patches that excite each unit of the
# first layer most
fitted, found, right, smooth = {}, {}, {}, {}
for name, network in networks.items():
    clf = ConvNetClassifier(network, epochs=8, learning_rate=3e-3, random_state=0).fit(X, y)
    fitted[name], found[name], right[name] = clf, strongest_patches(clf, 0, X, n=30), clf.score(X_test, y_test)
    means = found[name].patches.mean(axis=1)[..., 0]
    start = network.build((28, 28, 1), np.random.default_rng(0))
    smooth[name] = [smoothness(pictures) for pictures in (weights(start), weights(clf.network_), means)]
    print(f"{name:6s} accuracy {right[name]:.3f}, neighbours before, after, in means {np.round(smooth[name], 2)}")
    assert abs(smooth[name][0]) < 0.1 < 0.3 < smooth[name][1] < smooth[name][2]
assert smooth["linear"][1] > smooth["MLP"][1] > smooth["CNN"][1]
assert right["CNN"] > right["linear"] + 0.03

# %%
# The weights, the strongest patches and the maps of the CNN
plot_filters(fitted)
plot_patches(found["CNN"])
plot_maps(fitted["CNN"], X_test[0])

# %%
# Side by side: four units that respond to some digit, the means of what excites them, and the first layer's output for
# one digit
figure, axes = plt.subplots(3, 9, figsize=(8, 3.3), layout="constrained", width_ratios=[1] * 8 + [1.6])
for line, (name, clf) in zip(axes, fitted.items(), strict=True):
    units = np.flatnonzero(found[name].answers[:, 0] > 0)[:4]
    pictures = [*weights(clf.network_)[units], *found[name].patches[units].mean(axis=1)]
    for ax, shown in zip(line, pictures, strict=False):
        ax.imshow(shown, cmap="gray")
    answers = clf.network_.parts[0].forward(X_test[:1, ..., None])[0]
    if name == "CNN":
        line[8].imshow(answers.reshape(22, 22, 2, 4).transpose(2, 0, 3, 1).reshape(44, 88), cmap="gray")
    else:
        line[8].bar(range(answers.size), answers.ravel())
    title = f"{name}: {100 * right[name]:.0f} % right, neighbouring weights correlate {smooth[name][1]:.2f}"
    line[4].set_title(title, fontsize=9)
    for ax in line:
        ax.set(xticks=[], yticks=[])
plt.show()
