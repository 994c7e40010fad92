"""
The lattice of spins recovered from samples
===========================================

Join the pairs of pixels that agree most often: with enough samples above the critical temperature, these are exactly
the edges of the torus.

So data can tell which pixels are neighbours for a convolution, though their places are not given. This needs enough
samples, and a temperature that is not too low: below the critical one of the Ising model (beta above 0.441) distant
spins agree as well.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import LineCollection

from kernelconv.datasets import pixel_graph, sample_ising

# %%
# The torus of 10 x 10 has 200 edges, from every site to the next one in its row and in its column
sites = np.arange(100).reshape(10, 10)
ends = np.concatenate([np.stack([sites, np.roll(sites, -1, axis)], axis=-1).reshape(-1, 2) for axis in (0, 1)])
edges = {tuple(sorted(edge)) for edge in ends.tolist()}

# %%
# The 200 strongest pairs, by temperature and by number of samples
numbers, betas = (50, 100, 200, 500, 1000, 2000), (0.3, 0.4, 0.5)
found = {}
for beta in betas:
    spins = sample_ising(2000, (10, 10), beta=beta, n_sweeps=100, random_state=0)
    for n in numbers:
        graph = pixel_graph(spins[:n], states="equal")
        found[beta, n] = {tuple(pair) for pair in graph.strongest_pairs(200).tolist()}
right = {key: len(pairs & edges) for key, pairs in found.items()}
for beta in betas:
    print(f"beta {beta}: edges among the 200 strongest pairs:", [right[beta, n] for n in numbers])
assert len(edges) == 200
assert found[0.4, 2000] == found[0.3, 2000] == edges
assert right[0.5, 200] < 80
assert right[0.5, 2000] < 190

# %%
# Wrong pairs in red; edges that wrap around the torus are not drawn
figure, axes = plt.subplots(1, 3, figsize=(8, 2.8), width_ratios=[1, 1, 1.2], layout="constrained")
for ax, (beta, n) in zip(axes, [(0.4, 2000), (0.5, 200)], strict=False):
    for pairs, colour in ((found[beta, n] - edges, "tab:red"), (found[beta, n] & edges, "tab:blue")):
        lines = np.array([[(site % 10, site // 10) for site in pair] for pair in sorted(pairs)])
        apart = lines[np.abs(np.diff(lines, axis=1)).max(axis=(1, 2)) < 9] if colour == "tab:blue" else lines
        ax.add_collection(LineCollection(apart, colors=colour, linewidths=1 if colour == "tab:blue" else 0.4))
    ax.plot(sites % 10, sites // 10, "o", color="0.2", markersize=2)
    ax.set_aspect("equal")
    ax.set_axis_off()
    ax.set_title(rf"$\beta$ = {beta}, {n:,} samples", fontsize=9)
for beta in betas:
    axes[2].semilogx(numbers, [right[beta, n] for n in numbers], "o-", markersize=3, label=rf"$\beta$ = {beta}")
axes[2].set_title("edges among the 200 strongest pairs", fontsize=9)
axes[2].set_xlabel("samples", fontsize=9)
axes[2].legend(fontsize=8)
plt.show()
