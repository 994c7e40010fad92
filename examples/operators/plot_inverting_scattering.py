"""
Inverting scattering
====================

An image is recovered from its scattering coefficients alone, by minimisation with the gradient of the transform.

L-BFGS starts from noise and minimises the distance to the coefficients of a digit. From averages over 2 or 4 px it
recovers the digit; from averages over 8 px it ends at another image, whose coefficients are within a tenth of the
digit's.
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import Scattering2D, load_digits_images
from kernelconv.stability import invert

X, y = load_digits_images()
image = np.pad(X[3].astype(np.float64), 4)

# %%
# `invert` uses the gradient of the transform, starts twice and keeps the better result.
found, lost = {}, {}
for J in (1, 2, 3):
    scattering = Scattering2D(J, 6).fit(image[None])
    target = scattering.transform(image[None])
    found[J] = invert(scattering, target, n_starts=2, bounds=(0, 1), max_iter=100, random_state=0)
    lost[J] = np.linalg.norm(found[J].image - image) / np.linalg.norm(image)
    ends = " and ".join(f"{error:.1e}" for error in found[J].errors)
    print(f"J={J}: two starts end with coefficients within {ends}; the better one's image is within {lost[J]:.1e}")
assert lost[1] < 1e-3
assert lost[2] < 1e-2 < 0.3 < lost[3]

# %%
# The digit, and the image recovered from each transform.
figure, axes = plt.subplots(1, 4, figsize=(8, 2.3))
pictures = {"digit": image} | {f"from {2**J} px averages": found[J].image for J in found}
for ax, (title, picture) in zip(axes, pictures.items(), strict=True):
    ax.imshow(picture, cmap="gray")
    ax.set_title(title)
    ax.set_axis_off()
figure.tight_layout()
plt.show()
