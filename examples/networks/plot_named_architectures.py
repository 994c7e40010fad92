"""
Named architectures: sizes and receptive fields
===============================================

From LeNet-5 to DenseNet, each sized for small images: how its maps shrink, how far it sees, and how many weights it
has.

`summary()` lists all of this layer by layer, before any training. Some presets have the number of parameters of a
paper: the usual reimplementation of LeNet-5 (LeCun et al. 1998) has 61,706 where the original, with its sparse
connections, had 60,000; DenseNet of depth 40 (Huang et al. 2017) has 1.0 million; the small AlexNet of Zhang et al.
(2017), "Understanding deep learning requires rethinking generalization", has 1,387,786. The others are reduced
versions. The last figure has three networks on CIFAR-10, beside a table of Zhang et al.; ours are the stored results of
`python benchmarks/experiments regularization-cifar10`: 20 epochs, one draw, the convolutional network a quarter as
wide.
"""

import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from kernelconv.networks import preset

rng = np.random.default_rng(0)

# %%
# LeNet-5 in full
lenet = preset("lenet5", (32, 32, 1), 10).build((32, 32, 1), rng)
print(lenet.summary())
assert lenet.n_params() == 61_706
assert preset("small_alexnet", (28, 28, 3), 10).build((28, 28, 3), rng).n_params() == 1_387_786

# %%
# All of them on 32 x 32 x 3 images of ten classes
names = ("lenet5", "alexnet", "zfnet", "vgg", "inception", "resnet", "fractalnet", "densenet")
shape = (32, 32, 3)
networks = {name: preset(name, shape, 10).build(shape, rng) for name in names}
networks["densenet, depth 40"] = preset("densenet", shape, 10, depth=40).build(shape, rng)
weights = {name: network.n_params() for name, network in networks.items()}
fields = {name: network.receptive_field(shape)[0][0] for name, network in networks.items()}
for name in networks:
    print(f"{name:18s} {weights[name]:9,d} parameters, the last layer sees {fields[name]} px")
assert weights["densenet, depth 40"] == 1_019_722
assert weights["lenet5"] == 61_706 + 2 * 25 * 6  # two more input channels
assert weights["alexnet"] - weights["zfnet"] == 48 * 3 * (5**2 - 3**2)  # smaller first filters
assert all(f"{weights[name]:,}" in network.summary().splitlines()[-1] for name, network in networks.items())
assert [fields[name] for name in ("lenet5", "resnet", "densenet, depth 40")] == [32, 72, 202]

# %%
# One box per part: its width grows with the side of the maps, its height is their number on a logarithmic scale; dense
# layers are grey
figure = plt.figure(figsize=(8.4, 7.6), layout="constrained")
boxes, study = figure.subfigures(2, 1, height_ratios=[5.2, 2.4])
axes = boxes.subplots(3, 3, sharey=True)
for ax, (name, network) in zip(axes.ravel(), networks.items(), strict=True):
    left, previous = 0.0, shape
    for part in network.parts:
        height, _, channels = now = part.out_shape(previous)
        if part.n_params() or now[0] < previous[0]:
            width = 0.4 + height / 8
            ax.bar(left, channels, width, align="edge", color=plt.cm.viridis(height / 34) if height > 1 else "0.8")
            left += width + 0.15
        previous = now
    ax.set_title(f"{name}: {weights[name]:,}\nsees {fields[name]} px", fontsize=8)
    ax.set(yscale="log", xticks=[], ylim=(2, 3000))
    ax.tick_params(labelsize=7)
    ax.spines[["top", "right", "bottom"]].set_visible(False)
boxes.supylabel("channels", fontsize=9)

# %%
# The study on CIFAR-10, and the table of Zhang et al.: test accuracy (%) with and without crops and decay
results = Path(sys.argv[0]).resolve().parents[2] / "benchmarks" / "results" / "regularization-cifar10" / "results.json"
if not results.exists():
    raise FileNotFoundError(f"{results} is missing: run this example inside a checkout of the repository.")
cells = json.loads(results.read_text(encoding="utf-8"))
ways = [(True, True), (True, False), (False, True), (False, False)]  # crop, decay
published = {  # Zhang et al. (2017), table 1; of the perceptrons there are none with crops
    "small AlexNet, width 1/4": [81.22, 79.66, 77.36, 76.07],
    "MLP 3 x 512": [np.nan, np.nan, 53.35, 52.39],
    "MLP 1 x 512": [np.nan, np.nan, 50.39, 50.51],
}
accuracies = {(c["network"], c["crop"], c["decay"]): 100 * (1 - c["test_error"]) for c in cells}
ours = {name: [accuracies[name, *way] for way in ways] for name in published}
for name, found in ours.items():
    print(name, [round(v, 2) for v in found], "published", published[name])
alexnet, deep, wide = (np.array(ours[name]) for name in published)
assert min(alexnet) - max(*deep, *wide) > 10  # with at most a fourteenth of the perceptrons' weights
assert np.nanmax(np.abs(np.array([*deep, *wide]) - [*published["MLP 3 x 512"], *published["MLP 1 x 512"]])) < 6
assert all(len(c["losses"]) >= 20 for c in cells)
for k, (name, found) in enumerate(ours.items()):
    ax = study.add_subplot(1, 3, k + 1)
    ax.plot(range(4), found, "o", label="here, 20 epochs")
    ax.plot(range(4), published[name], "kx", label="Zhang et al., whole width")
    ax.set_xticks(range(4), ["crop,\ndecay", "crop", "decay", "none"])
    ax.set_title(name, fontsize=8)
    ax.set(ylim=(45, 92))
    ax.tick_params(labelsize=7)
    if not k:
        ax.set_ylabel("test accuracy (%)", fontsize=8)
        ax.legend(fontsize=7, loc="upper right")
plt.show()
