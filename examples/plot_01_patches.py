"""P, M, A by hand: what one layer does to a digit.

A patch extraction, a kernel mapping whose anchors are learned from the digits' own patches, and a Gaussian pooling:
the three steps of a convolutional kernel network's layer, and that the layer does them in one go.
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv.datasets import load_digits_images
from kernelconv.operators import Exponential, GaussianPooling, KernelMapping, Layer, PatchExtraction

X, y = load_digits_images()
images = X[..., None]

layer = Layer(PatchExtraction(3, padding="zero"), KernelMapping(16, Exponential(0.6)), GaussianPooling(2))
layer = layer.build((8, 8, 1), np.random.default_rng(0), data=images)
print(layer)

patches = layer.patches.forward(images[:1])
mapped = layer.mapping.forward(patches)
pooled = layer.pooling.forward(mapped)
print("P x", patches.shape, " M P x", mapped.shape, " A M P x", pooled.shape)
assert np.allclose(pooled, layer.forward(images[:1]), atol=1e-5)  # fused: pooled before whitening

figure, axes = plt.subplots(2, 9, figsize=(10, 2.6))
axes[0, 0].imshow(X[0], cmap="gray")
axes[0, 0].set_title("x")
axes[1, 0].axis("off")
for k, (top, bottom) in enumerate(zip(axes[0, 1:], axes[1, 1:], strict=True)):
    top.imshow(layer.params["M.anchors"][k].reshape(3, 3), cmap="gray")
    bottom.imshow(pooled[0, :, :, k], cmap="viridis")
for ax in axes.ravel():
    ax.set_xticks([])
    ax.set_yticks([])
axes[0, 4].set_title("anchors")
axes[1, 4].set_title("the pooled map of each")
figure.tight_layout()
plt.show()
