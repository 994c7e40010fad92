"""
What scattering remembers
=========================

An image found from its scattering coefficients alone, by gradient descent.

Start from noise and minimise the distance to the coefficients of a digit, with the gradient of the transform. Averaged
over 2 or 4 px they give the digit back; over 8 px the descent ends at another image, whose coefficients are within a
tenth.
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import Scattering2D, load_digits_images
from kernelconv.stability import invert

X, y = load_digits_images()
image = np.pad(X[3].astype(np.float64), 4)

figure, axes = plt.subplots(1, 4, figsize=(8, 2.3))
axes[0].imshow(image, cmap="gray")
axes[0].set_title("digit")
lost = {}
for ax, J in zip(axes[1:], (1, 2, 3), strict=True):
    scattering = Scattering2D(J, 6).fit(image[None])
    target = scattering.transform(image[None])
    found = invert(scattering, target, n_starts=2, bounds=(0, 1), max_iter=100, random_state=0)
    lost[J] = np.linalg.norm(found.image - image) / np.linalg.norm(image)
    ends = " and ".join(f"{error:.1e}" for error in found.errors)
    print(f"J={J}: two starts end with coefficients within {ends}; the better one's image is within {lost[J]:.1e}")
    ax.imshow(found.image, cmap="gray")
    ax.set_title(f"from {2**J} px averages")
for ax in axes:
    ax.set_xticks([])
    ax.set_yticks([])
figure.tight_layout()
assert lost[1] < 1e-3
assert lost[2] < 1e-2 < 0.3 < lost[3]
plt.show()
