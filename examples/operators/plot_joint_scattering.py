"""
Rising or falling: joint time-frequency scattering
==================================================

Two sounds, one rising in frequency and one falling, have nearly the same scattering coefficients in time. Joint
time-frequency scattering tells them apart: its wavelets also extend along log-frequency, each of them rising or
falling.

Andén, Lostanlen & Mallat, "Joint time-frequency scattering" (2019).
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import JointTimeFrequencyScattering, Scattering1D

n = 4096
t = np.arange(n) / n


def sweeps(rate):
    """Return four sounds in a row, each an octave and a half up (or down, of a negative rate)."""
    phase = (4 * t) % 1 if rate > 0 else 1 - (4 * t) % 1
    frequency = 150 * 2 ** (1.5 * phase)
    return np.cos(2 * np.pi * np.cumsum(frequency) / n) * np.sin(np.pi * ((4 * t) % 1)) ** 2


rising, falling = sweeps(1), sweeps(-1)

# %%
# Scattering in time, averaged over the whole sound, measures how each frequency varies, but not which one came first
plain = Scattering1D(J=10, Q=8, T="global", padding="circular").fit(rising[None])
same = np.linalg.norm(plain.transform(falling[None]) - plain.transform(rising[None])) / np.linalg.norm(
    plain.transform(rising[None])
)
print(f"scattering in time changes by {100 * same:.1f} %")

# %%
# Joint scattering has as many rising wavelets as falling ones
joint = JointTimeFrequencyScattering(J=10, Q=8, J_fr=3, T="global", padding="circular").fit(rising[None])
spins = np.array([path.spin for path in joint.paths_])
energy = {}
for name, x in (("rising", rising), ("falling", falling)):
    maps = joint.maps(x[None])[0]
    energy[name] = [float((maps[:, spins == spin] ** 2).sum()) for spin in (1, -1)]
    print(f"{name}: {energy[name][0] / energy[name][1]:.2g} times as much energy in wavelets that rise")
assert energy["rising"][0] > 5 * energy["rising"][1]
assert energy["falling"][1] > 5 * energy["falling"][0]
change = np.linalg.norm(joint.transform(falling[None]) - joint.transform(rising[None])) / np.linalg.norm(
    joint.transform(rising[None])
)
print(f"joint scattering changes by {100 * change:.0f} %")
assert change > 5 * same

# %%
# Scalograms, and the energy in rising and in falling wavelets (spins 1 and -1) by their rate of change in time
figure, axes = plt.subplots(1, 3, figsize=(9, 2.8), layout="constrained")
scalogram = Scattering1D(J=7, Q=8, T=16, max_order=1, padding="circular").fit(rising[None])
for ax, (name, x) in zip(axes, (("rising", rising), ("falling", falling)), strict=False):
    ax.imshow(scalogram.maps(x[None])[0, :, 1:].T, aspect="auto", cmap="magma")
    ax.set_title(name)
    ax.set_xlabel("time")
    ax.set_ylabel("log-frequency")
    ax.set_xticks([])
    ax.set_yticks([])
rates = [w.xi * n for w in joint.wavelets_[1]]
maps = joint.maps(rising[None])[0]
for spin, mark in ((1, "o"), (-1, "v")):
    of = [[i for i, p in enumerate(joint.paths_) if (p.spin, p.n2) == (spin, n2)] for n2 in range(len(rates))]
    label = "wavelets that rise" if spin > 0 else "that fall"
    kept = [(rate, (maps[:, index] ** 2).sum()) for rate, index in zip(rates, of, strict=True) if index]
    axes[2].loglog(*zip(*kept, strict=True), mark + "-", markersize=4, label=label)
axes[2].set_title("energy of the rising sound", fontsize=10)
axes[2].set_xlabel("rate, periods")
axes[2].legend(fontsize=8)
plt.show()
