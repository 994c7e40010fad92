"""
First-order scattering from its parts
=====================================

Wavelets, a modulus and an average, joined by hand, give the first-order coefficients of `Scattering2D`.

The transform works on coarser grids where a map has no fine detail. That is part of its definition: with every map on
the finest grid the coefficients differ slightly. Bruna & Mallat (2013).
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import Scattering2D, load_digits_images, serial
from kernelconv.operators import FilterBank, LowPass, Modulus, WaveletTransform

J, L = 3, 8
x = np.pad(load_digits_images()[0][:30].astype(np.float64), ((0, 0), (12, 12), (12, 12)))[..., None]
SHAPE = x.shape[1:]

# %%
# S x = |x * psi| * phi for the wavelets of every scale, each part on the image's own grid
bank = FilterBank(SHAPE[:2], J=J, L=L)
by_hand = [LowPass(bank).build(SHAPE).forward(x)]
for scale in range(J):
    branch = serial(WaveletTransform(scale, bank=bank), Modulus(), LowPass(bank)).build(SHAPE)
    by_hand.append(branch.forward(x))
by_hand = np.concatenate(by_hand, axis=-1)

# %%
# `Scattering2D` without any subsampling
ready = Scattering2D(J, L, max_order=1, padding="circular", oversampling=J).fit(x).maps(x)
error = np.linalg.norm(by_hand - ready) / np.linalg.norm(ready)
print(f"by hand against ready: {error:.1e}")
assert by_hand.shape == ready.shape == (30, 32, 32, 1 + J * L)
assert error < 1e-14

# %%
# By default every scale has a grid of its own: this costs less, and the coefficients differ by less than a hundredth
steps = Scattering2D(J, L, padding="circular").fit(x)
fine = Scattering2D(J, L, padding="circular", oversampling=J).fit(x)
coarse, sampled = steps.maps(x), fine.maps(x)[:, :: 2**J, :: 2**J]
for order in (1, 2):
    of_order = [i for i, path in enumerate(steps.paths_) if path.order == order]
    change = np.linalg.norm((coarse - sampled)[..., of_order]) / np.linalg.norm(sampled[..., of_order])
    print(f"order {order}: strides inside change the coefficients by {100 * change:.2f} %")
    assert 0.002 < change < 0.02
assert np.allclose(coarse[..., 0], sampled[..., 0], atol=1e-12)  # order 0 is one average

# %%
# The steps for one digit and one wavelet
digit = x[3:4]
wavelets = WaveletTransform(1, bank=bank).build(SHAPE)
complex_maps = wavelets.forward(digit)
moduli = np.abs(complex_maps)
averaged = LowPass(bank).build(moduli.shape[1:]).forward(moduli)
strongest = moduli.sum(axis=(0, 1, 2)).argmax()
shown = {"x": digit[..., 0], "real part of x * psi": complex_maps[..., strongest].real}
shown |= {"|x * psi|": moduli[..., strongest], "|x * psi| * phi": averaged[..., strongest]}
figure, axes = plt.subplots(1, 4, figsize=(8, 2.3), layout="constrained")
for ax, (name, image) in zip(axes, shown.items(), strict=True):
    largest = np.abs(image).max()
    ax.imshow(
        image[0],
        **({"cmap": "RdBu", "vmin": -largest} if "real" in name else {"cmap": "gray", "vmin": 0}),
        vmax=largest,
    )
    ax.set_title(name, fontsize=10)
    ax.set_xticks([])
    ax.set_yticks([])
plt.show()
