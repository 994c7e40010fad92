"""
The wavelets of scattering, and the energy of each order
========================================================

The wavelets of a filter bank, the bounds of its Littlewood-Paley sum, and how much of the energy of images each order
keeps.

A tight bank of wavelets loses no energy: the orders and what lies beyond them add up to the energy of the image. Bruna
& Mallat (2013).
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import Scattering2D, load_digits_images
from kernelconv.operators.wavelets.filter_bank import FilterBank

# %%
# Bounds of the Littlewood-Paley sum, for Morlet wavelets and for their tight bank
bank = FilterBank((32, 32), J=3, L=8)
for one in (bank, bank.tight()):
    lower, upper = one.frame_bounds()
    print(f"Littlewood-Paley sum, {one.kind}: between {lower:.3f} and {upper:.3f}")
bank.plot()

# %%
# Energy by order, with a tight bank
X, y = load_digits_images()
x = np.pad(X[:100].astype(np.float64), ((0, 0), (4, 4), (4, 4)))
scattering = Scattering2D(2, 4, padding="circular", oversampling=2, bank="tight", paths="all").fit(x)
order = np.array([path.order for path in scattering.paths_])
shares = np.bincount(order, scattering.energies(x)) / (x**2).sum(axis=(1, 2)).mean()
rest = scattering.residual_energy(x) / (x**2).sum(axis=(1, 2)).mean()
print("energy by order:", shares.round(4), "beyond:", round(rest, 4))
assert np.isclose(shares.sum() + rest, 1, rtol=1e-10)  # a tight bank loses nothing

# %%
# The same transform as a tree of parts: wavelets, modulus and average
tree = scattering.network_.parts[0].tree
few = x[:5, :, :, None]
first = tree.named_parts["tree"].branches[1].named_parts["wavelettransform_1"]
print("first branch:", first.out_shape(first.in_shape), "complex maps of", first.in_shape)
assert np.allclose(tree.forward(few), scattering.maps(few), atol=1e-10)

# %%
# Orders 0 to 2 hold more than nine tenths of the energy
figure, ax = plt.subplots(figsize=(5, 2.8), layout="constrained")
ax.bar(["0", "1", "2", "beyond"], [*shares, rest])
ax.set_ylabel("share of the energy")
ax.set_xlabel("order")
plt.show()
