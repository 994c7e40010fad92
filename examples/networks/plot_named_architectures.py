"""
Architectures by name
=====================

From LeNet-5 to DenseNet, each sized to small images: how its maps shrink, how far it sees, how many weights it has.

`summary()` tells all of it, layer by layer, before any training. Many of them keep a paper's count: the usual rebuild
of LeNet-5 (LeCun et al. 1998) has 61,706 parameters where its own sparse connections had 60,000, DenseNet of depth 40
(Huang et al. 2017) 1.0 million, the small AlexNet of Zhang et al. (2017) 1,387,786. The others are cut down: see each.
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv.networks import preset

rng = np.random.default_rng(0)

# %%
# The first of them in full
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
assert weights["lenet5"] == 61_706 + 2 * 25 * 6  # two more colours
assert weights["alexnet"] - weights["zfnet"] == 48 * 3 * (5**2 - 3**2)  # smaller first filters
assert all(f"{weights[name]:,}" in network.summary().splitlines()[-1] for name, network in networks.items())
assert [fields[name] for name in ("lenet5", "resnet", "densenet, depth 40")] == [32, 72, 202]

# %%
# A box a part: as wide as its maps are, as high as they are many, on a scale of logarithms; dense layers in grey
figure, axes = plt.subplots(3, 3, figsize=(8.4, 5.2), sharey=True, layout="constrained")
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
figure.supylabel("channels", fontsize=9)
plt.show()
