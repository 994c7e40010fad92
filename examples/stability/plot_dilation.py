"""
A dilation seen by the Fourier modulus and by scattering
========================================================

Magnify a picture by a tenth, and its high frequencies move far: the Fourier modulus is invariant to shifts, but not
stable to dilations.

The bandwidth of a wavelet grows with its frequency, so that a dilation moves each frequency by a small part of the band
only: scattering changes by a multiple of the dilation, whatever the frequency. Mallat (2012), "Group invariant
scattering".
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import Scattering2D, warp
from kernelconv.stability import relative_change, translation_error

SIDE, WIDTH = 64, 9.0
u = np.indices((SIDE, SIDE)) - (SIDE - 1) / 2
frequencies = np.linspace(0.2, 2.6, 9)  # rad / px
X = np.exp(-(u**2).sum(axis=0) / (2 * WIDTH**2)) * np.cos(frequencies[:, None, None] * u[1])


def fourier(images):
    """Return the modulus of the Fourier transform."""
    return np.abs(np.fft.fft2(images)).reshape(len(images), -1)


# %%
# The field tau(u) = s u is linear: its Jacobian norm is s everywhere
scattering = Scattering2D(J=3, padding="zero").fit(X)
change = {"Fourier": {}, "scattering": {}}
for s in (0.025, 0.05, 0.1):
    dilated = warp(X, s * np.moveaxis(u, 0, -1), order="fourier")
    for name, phi in {"Fourier": fourier, "scattering": scattering.transform}.items():
        change[name][s] = relative_change(phi(X), phi(dilated))
        print(f"{name:10} s={s:.3f}:", change[name][s].round(2))

# %%
# The change of the Fourier modulus grows with the frequency, to more than its own norm; that of scattering is below 3 s
# everywhere
assert (np.diff(change["Fourier"][0.1]) > 0).all()
assert change["Fourier"][0.1][-1] > 1
assert all((values < 3 * s).all() for s, values in change["scattering"].items())
assert change["scattering"][0.1][-1] < 1.5 * change["scattering"][0.1][0]
# to circular shifts the Fourier modulus is invariant
assert translation_error(fourier, X, (3, 5), padding="circular").max() < 1e-12

# %%
# A picture, its dilation, and both changes by frequency
figure = plt.figure(figsize=(8, 2.8), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[1, 1.5])
for ax, image, title in zip(left.subplots(1, 2), (X[3], dilated[3]), ("picture", "dilated, s = 0.1"), strict=True):
    ax.imshow(image, cmap="gray")
    ax.set_title(title, fontsize=10)
    ax.set_axis_off()
ax = right.subplots()
for (name, of_s), colour in zip(change.items(), ("C3", "C0"), strict=True):
    for (s, values), style in zip(of_s.items(), (":", "--", "-"), strict=True):
        ax.plot(frequencies, values, style, color=colour, label=f"{name}, s = {s}")
ax.set_xlabel("frequency (rad/px)")
ax.set_ylabel("relative change")
ax.legend(fontsize=7)
plt.show()
