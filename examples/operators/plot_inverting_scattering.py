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

# %%
# From coefficients back to pixels: `invert` asks Phi for its gradient, starts twice, keeps the better end.
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
# The digit, and what each transform gives back of it.
figure, axes = plt.subplots(1, 4, figsize=(8, 2.3))
pictures = {"digit": image} | {f"from {2**J} px averages": found[J].image for J in found}
for ax, (title, picture) in zip(axes, pictures.items(), strict=True):
    ax.imshow(picture, cmap="gray")
    ax.set_title(title)
    ax.set_axis_off()
figure.tight_layout()
plt.show()
