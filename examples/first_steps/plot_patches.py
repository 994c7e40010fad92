"""
One layer step by step: patches, mapping, pooling
=================================================

What the three steps of a convolutional kernel network's layer do to a digit: patches are extracted (P), mapped by a
kernel whose anchors are learned from the digits' own patches (M), and pooled (A).

`Layer` does all three in one call. After Mairal (NeurIPS 2016).
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv.datasets import load_digits_images
from kernelconv.operators import Exponential, GaussianPooling, KernelMapping, Layer, PatchExtraction

X, y = load_digits_images()
images = X[..., None]

# %%
# The layer, its anchors learned from the images
layer = Layer(PatchExtraction(3, padding="zero"), KernelMapping(16, Exponential(0.6)), GaussianPooling(2))
layer = layer.build((8, 8, 1), np.random.default_rng(0), data=images)
print(layer)

# %%
# The same step by step. In one call the layer pools before the whitening of its mapping, which costs less and gives the
# same result
patches = layer.patches.forward(images[:1])
mapped = layer.mapping.forward(patches)
pooled = layer.pooling.forward(mapped)
print("P x", patches.shape, " M P x", mapped.shape, " A M P x", pooled.shape)
assert np.allclose(pooled, layer.forward(images[:1]), atol=1e-5)
assert pooled.std() > 0.05

# The mapping never increases the norm of a patch; it keeps nearly all of it where the patch is close to the anchors
norms = np.linalg.norm(mapped, axis=-1) / np.maximum(np.linalg.norm(patches, axis=-1), 1e-12)
print(f"norm kept by the mapping, the largest of all patches: {norms.max():.4f}")
assert 0.98 < norms.max() <= 1 + 1e-5

# %%
# A digit, eight of the anchors, and the pooled map of each of them
figure, axes = plt.subplots(2, 9, figsize=(8, 2.2), layout="constrained")
axes[0, 0].imshow(X[0], cmap="gray")
axes[0, 0].set_title("digit", fontsize=9)
axes[1, 0].axis("off")
for k, (top, bottom) in enumerate(zip(axes[0, 1:], axes[1, 1:], strict=True)):
    top.imshow(layer.params["M.anchors"][k].reshape(3, 3), cmap="gray")
    bottom.imshow(pooled[0, :, :, k], cmap="viridis")
for ax in axes.ravel():
    ax.set_xticks([])
    ax.set_yticks([])
axes[0, 4].set_title("eight of the sixteen anchors", fontsize=9)
axes[1, 4].set_title("the pooled map of each", fontsize=9)
plt.show()
