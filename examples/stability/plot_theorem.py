"""
A stability theorem, on the exact kernel and on features
========================================================

How far a deformation moves a digit, in the feature space of the exact kernel and in that of a network with anchors,
beside the bound of a theorem. The bound's two constants are fitted on other digits: it is an envelope that guarantees
nothing.

Bietti & Mairal (JMLR 2019), theorem 7: |Phi(L_tau x) - Phi(x)| <= (C1 (1 + n) |D tau| + C2 / sigma_n |tau|) |x|.
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import ConvKernel, ConvKernelNetwork, SmoothDeformation, Translation, load_digits_images, warp
from kernelconv.stability import Architecture, Observations, fit_bound, observe

X = np.pad(load_digits_images()[0].astype(np.float64), ((0, 0), (2, 2), (2, 2)))  # room for what moves
layers = {"patch_size": (3, 3), "subsampling": 2}
network = ConvKernelNetwork(n_anchors=(32, 64), **layers, random_state=0).fit(X[:300]).network_
kernel, architecture = ConvKernel(**layers), Architecture.of(network)
rng = np.random.default_rng(0)


# %%
# The left-hand side for the exact kernel: distances in its feature space, without anchors
def observe_exactly(images, fields):
    """Return what the theorem speaks of, the change measured by the kernel's own distances."""
    pairs = zip(images, warp(images, fields), strict=True)
    distances = np.array([kernel.distances(x[None], deformed[None])[0, 0] for x, deformed in pairs])
    change = architecture.normalization * distances / np.linalg.norm(images, axis=(1, 2))
    return Observations(fields.jacobian_sup_norm, fields.sup_norm, change)


def both(images, family, strengths):
    """Return what is seen on features and on the kernel, for the same fields."""
    seen = {"features": [], "exact kernel": []}
    for strength in strengths:
        fields = family.sample((12, 12), strength, rng, size=len(images))
        seen["features"].append(observe(network, images, fields, architecture))
        seen["exact kernel"].append(observe_exactly(images, fields))
    return {name: Observations.join(parts) for name, parts in seen.items()}


# %%
# C2 is fitted on shifts and C1 on smooth fields of some digits; both are tested on other fields and digits
shifts = both(X[500:530], Translation(), (1.0,))
smooth = both(X[500:530], SmoothDeformation(cutoff=3), (0.2, 0.4))
fresh = both(X[600:630], SmoothDeformation(cutoff=3), (0.2, 0.4))
figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained", sharex=True, sharey=True)
for ax, name in zip(axes, fresh, strict=True):
    bound = fit_bound(architecture, shifts[name], smooth[name], level=0.95)
    right = bound.right_hand_side(fresh[name].jacobian_norm, fresh[name].sup_norm)
    ratio = fresh[name].change / right
    print(f"{name}: C1 {bound.c1:.3f}, C2 {bound.c2:.3f}, over the bound {ratio.mean():.2f}, at most {ratio.max():.2f}")
    assert bound.violations(fresh[name]) <= 0.05
    assert ratio.max() > 0.6  # the envelope is not far above the largest change
    for strength, mark in ((0.2, "o"), (0.4, "s")):
        of = np.isclose(fresh[name].jacobian_norm, strength)
        ax.plot(right[of], fresh[name].change[of], mark, markersize=4, label=f"Jacobian norm {strength}")
    ax.axline((0, 0), slope=1, color="0.5", linestyle="--", label="fitted envelope")
    ax.set_title(f"{name}: C1 = {bound.c1:.3f}, C2 = {bound.c2:.2f}", fontsize=10)
    ax.set_xlabel("right-hand side over |x|")
axes[0].set_ylabel("change over |x|")

# %%
# The projection onto anchors loses norm: the network's features move no further than those of the exact kernel
assert (fresh["features"].change <= fresh["exact kernel"].change).all()
axes[0].set_xlim(0, 0.14)
axes[0].set_ylim(0, 0.115)
axes[0].legend(fontsize=8)
plt.show()
