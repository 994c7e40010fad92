"""
Ising spins on a torus, and their exact energy
==============================================

Neighbouring spins tend to agree, the more so the lower the temperature: samples of the Ising model, whose mean energy
is known exactly.

These are data of known distribution: `sample_ising` draws them by heat-bath sweeps (Geman & Geman 1984), `ising_energy`
is the closed form for a finite torus, Kaufman, "Crystal statistics II" (1949).
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv.datasets import ising_energy, sample_ising

# %%
# A spin's energy is minus the sum of its products with two of its neighbours, so that each pair counts once
betas = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
energies = np.empty((len(betas), 1500))
for row, beta in zip(energies, betas, strict=True):
    spins = sample_ising(1500, (10, 10), beta=beta, n_sweeps=100, random_state=0)
    row[:] = -(spins * (np.roll(spins, 1, axis=1) + np.roll(spins, 1, axis=2))).mean(axis=(1, 2))
mean, error = energies.mean(axis=1), energies.std(axis=1) / np.sqrt(1500)
exact = np.array([ising_energy((10, 10), beta=beta) for beta in betas])
for line in zip(betas, mean, error, exact, strict=True):
    print("beta {:.1f}: sampled {:.4f} +- {:.4f}, exact {:.4f}".format(*line))
assert np.allclose(exact[[3, 4]], [-1.18510, -1.74543], atol=5e-6)
assert (np.abs(mean - exact) < 3 * error).all()
assert (error < 0.01).all()

# %%
# Larger tori, above, at and below the critical temperature of the infinite lattice
critical = np.log(1 + np.sqrt(2)) / 2
large = {beta: sample_ising(1, 64, beta=beta, n_sweeps=1000, random_state=1)[0] for beta in (0.3, critical, 0.5)}
assert abs(large[0.3].mean()) < 0.1
assert abs(abs(large[0.5].mean()) - (1 - np.sinh(1) ** -4) ** (1 / 8)) < 0.04  # Yang (1952): .911, infinite lattice

figure, axes = plt.subplots(1, 4, figsize=(8.4, 2.5), width_ratios=[1, 1, 1, 1.3], layout="constrained")
for ax, (beta, spins) in zip(axes, large.items(), strict=False):
    ax.imshow(spins, cmap="gray_r", vmin=-1, vmax=1)
    ax.set_title(rf"$\beta$ = {beta:.2f}", fontsize=9)
    ax.set_xticks([])
    ax.set_yticks([])
fine = np.linspace(0.05, 0.65, 100)
axes[3].plot(fine, [ising_energy((10, 10), beta=beta) for beta in fine], color="0.6", label="exact, 10 x 10")
axes[3].errorbar(betas, mean, 3 * error, fmt="o", markersize=3, capsize=2, label="1,500 samples")
axes[3].axvline(critical, color="0.8", linewidth=0.8, linestyle="--")
axes[3].set_title(r"energy a spin, by $\beta$", fontsize=9)
axes[3].tick_params(labelsize=8)
axes[3].legend(fontsize=7)
plt.show()
