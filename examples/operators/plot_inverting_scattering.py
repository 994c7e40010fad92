"""
What scattering remembers
=========================

An image found from its scattering coefficients alone, by gradient descent.

Start from noise and minimise the distance to the coefficients of a digit, with the gradient of the transform.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize

from kernelconv import Scattering2D, load_digits_images

X, y = load_digits_images()
image = np.pad(X[3].astype(np.float64), 4)[None, :, :, None]
start = 0.1 * np.random.default_rng(0).random(image.shape)

figure, axes = plt.subplots(1, 4, figsize=(8, 2.3))
axes[0].imshow(image[0, :, :, 0], cmap="gray")
axes[0].set_title("digit")
for ax, J in zip(axes[1:], (1, 2, 3), strict=True):
    network = Scattering2D(J, 6).fit(image).network_
    target = network.forward(image)

    def distance(values, network=network, target=target):
        """Return half the squared distance of the coefficients, and its gradient in the image."""
        x = values.reshape(image.shape)
        difference = network.forward(x) - target
        gradient, _ = network.vjp(x, difference)
        return 0.5 * (difference**2).sum(), gradient.ravel()

    found = minimize(distance, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 60})
    error = np.linalg.norm(found.x - image.ravel()) / np.linalg.norm(image)
    print(f"J={J}: coefficients within {np.sqrt(2 * found.fun) / np.linalg.norm(target):.1e}, image within {error:.2f}")
    ax.imshow(found.x.reshape(image.shape[1:3]), cmap="gray")
    ax.set_title(f"from J={J}")
for ax in axes:
    ax.set_xticks([])
    ax.set_yticks([])
figure.tight_layout()
plt.show()
