r"""
Energies of molecules from their densities
==========================================

The energy of a molecule does not change when the molecule is rotated. Coefficients that do not change either learn it
from 150 molecules.

The molecules are random: two to five atoms at least 2 voxels apart, each a Gaussian blob of its charge. What is learned
is the energy :math:`\sum_{i < j} z_i z_j / |r_i - r_j|` of their charges. It is quadratic in the density, and so are
the coefficients of power q = 2, integrals of squared moduli at several scales. After Eickenberg, Exarchakis, Hirn &
Mallat (2017), who learn quantum energies in this way.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kernelconv import Scattering3D

SIDE, WIDTH = 20, 0.9
rng = np.random.default_rng(0)


def molecule():
    """Return places (voxels, from the middle) and charges of a molecule that fits into a ball."""
    charges, places = rng.choice([1.0, 2.0, 3.0], rng.integers(2, 6)), []
    while len(places) < len(charges):
        place = rng.uniform(-4, 4, 3)
        if np.linalg.norm(place) < 4 and all(np.linalg.norm(place - other) > 2 for other in places):
            places.append(place)
    return np.array(places), charges


def density(places, charges):
    """Return a Gaussian blob for each atom, summed, float32."""
    blobs = np.exp(-((np.arange(SIDE) - SIDE // 2 - places[..., None]) ** 2) / 2 / WIDTH**2)
    return np.einsum("a,ai,aj,ak->ijk", charges, *blobs.swapaxes(0, 1)).astype(np.float32)


def energy(places, charges):
    """Return the sum over pairs of atoms of charge times charge over distance."""
    i, j = np.triu_indices(len(charges), 1)
    return (charges[i] * charges[j] / np.linalg.norm(places[i] - places[j], axis=1)).sum()


def turned(places):
    """Return the places after a rotation, or a reflection, about the middle."""
    return places @ np.linalg.qr(rng.standard_normal((3, 3)))[0]


molecules = [molecule() for _ in range(250)]
x = np.stack([density(*one) for one in molecules])
y = np.array([energy(*one) for one in molecules])
train, test = slice(150), slice(150, None)
x_turned = np.stack([density(turned(places), charges) for places, charges in molecules[test]])

# %%
# The test molecules, rotated or reflected: their coefficients change by less than 5 %, their voxels by half or more
scattering = Scattering3D(J=1, L=2).fit(x)
rows, rows_turned = scattering.transform(x), scattering.transform(x_turned)
change = np.abs(rows_turned / rows[test] - 1).max(axis=0)
print(f"largest change of a coefficient by a turn: {100 * change.max():.2f} %")
assert change.max() < 0.05
voxels, voxels_turned = x[:, 4:17, 4:17, 4:17].reshape(250, -1), x_turned[:, 4:17, 4:17, 4:17].reshape(100, -1)
moved = np.linalg.norm(voxels_turned - voxels[test], axis=1) / np.linalg.norm(voxels[test], axis=1)
print(f"change of the voxels, median: {np.median(moved):.0%}")
assert np.median(moved) > 0.5

# %%
# Ridge regression of the energies of 150 molecules on voxels and on coefficients: errors on 100 other molecules
power = np.array([name.rpartition("q")[2] for name in scattering.get_feature_names_out()]).astype(float)
features = {
    "voxels": (voxels, voxels_turned),
    "q = 1": (rows[:, power == 1], rows_turned[:, power == 1]),
    "q = 2": (rows[:, power == 2], rows_turned[:, power == 2]),
    "all": (rows, rows_turned),
}
errors, predicted = {}, {}
for name, (seen, seen_turned) in features.items():
    ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-8, 5, 14))).fit(seen[train], y[train])
    predicted[name] = ridge.predict(seen[test])
    errors[name] = [np.abs(found - y[test]).mean() for found in (predicted[name], ridge.predict(seen_turned))]
    print(f"{name}: mean error {errors[name][0]:.3f}, of the turned molecules {errors[name][1]:.3f}")
spread = np.abs(y[test] - np.median(y)).mean()
print(f"energies {y.min():.1f} to {y.max():.1f}, on average {spread:.2f} from their median")
assert max(errors["q = 2"]) < 0.1 < 1 < min(errors["voxels"])
assert max(errors["all"]) < 0.1 < min(errors["q = 1"])

# %%
# A density, the predicted energies, and the errors by features
figure, axes = plt.subplots(1, 3, figsize=(8.4, 2.7), width_ratios=[1, 1.2, 1.2], layout="constrained")
axes[0].imshow(x[np.argmax(y)].sum(axis=0), cmap="magma")
axes[0].set_title("a density, seen from above", fontsize=9)
axes[0].set_axis_off()
axes[1].plot([0, y.max()], [0, y.max()], color="0.4", linewidth=0.8)
for name, colour in (("voxels", "0.6"), ("q = 2", "C3")):
    axes[1].plot(y[test], predicted[name], ".", markersize=4, color=colour, label=name)
axes[1].set_title("energy predicted, by energy", fontsize=9)
axes[1].legend(fontsize=7)
axes[2].bar(np.arange(4) - 0.2, [first for first, _ in errors.values()], 0.4, label="as drawn")
axes[2].bar(np.arange(4) + 0.2, [second for _, second in errors.values()], 0.4, label="turned")
axes[2].axhline(spread, color="0.6", linewidth=0.8, linestyle="--", label="the median for all")
axes[2].set_yscale("log")
axes[2].set_xticks(range(4), list(errors))
axes[2].set_title("mean error, by features", fontsize=9)
axes[2].legend(fontsize=7, loc="center right")
for ax in axes[1:]:
    ax.tick_params(labelsize=8)
plt.show()
