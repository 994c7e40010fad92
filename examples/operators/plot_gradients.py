"""
Which pixels change a feature
=============================

The gradient of one feature with respect to the image, by the vector-Jacobian product that also trains networks.

It is checked against central differences.
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import ConvKernelNetwork, load_digits_images

X, y = load_digits_images()
X = X.astype(np.float64)
ckn = ConvKernelNetwork(n_anchors=(16, 32), random_state=0).fit(X[:500])
image = X[600:601, :, :, None]

# %%
# The strongest feature of the top left position, and its gradient
features = ckn.network_.forward(image)
g = np.zeros_like(features)
g[0, 0, 0, features[0, 0, 0].argmax()] = 1
gradient, _ = ckn.network_.vjp(image, g)

# %%
# The change of the feature for a small step: as the gradient predicts it, and by central differences
step = 1e-6 * np.random.default_rng(0).standard_normal(image.shape) * image  # a patch of zeros has no derivative
change = ((ckn.network_.forward(image + step) - ckn.network_.forward(image - step)) * g).sum() / 2
print(f"predicted {np.vdot(gradient, step):.6e}, seen {change:.6e}")
assert np.isclose(np.vdot(gradient, step), change, rtol=1e-6, atol=0)

# %%
# Brightening a blue pixel raises the feature, brightening a red one lowers it
figure, axes = plt.subplots(1, 2, figsize=(5, 2.6))
axes[0].imshow(image[0, :, :, 0], cmap="gray")
axes[0].set_title("image")
axes[1].imshow(gradient[0, :, :, 0], cmap="RdBu", vmin=-np.abs(gradient).max(), vmax=np.abs(gradient).max())
axes[1].set_title("gradient of one feature")
figure.tight_layout()
plt.show()
