"""
The two terms of scattering's stability bound
=============================================

Averages over 2^J px reduce the change of scattering under a shift as 2^-J or faster. Under a smooth deformation some
change remains at all scales: the bound's term in the Jacobian.

Mallat (2012): |S(L_tau x) - S(x)| <= C (2^-J |tau| + |D tau|) |x|, up to a logarithm and second derivatives of tau.
Here each term has a constant of its own, measured on digits.
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import Scattering2D, SmoothDeformation, Translation, load_digits_images
from kernelconv.stability import Architecture, Observations, fit_bound, observe
from kernelconv.stability.theorem.architecture import LayerShape

X = np.pad(load_digits_images()[0].astype(np.float64), ((0, 0), (12, 12), (12, 12)))
families = {"shift": (Translation(), (1.0, 2.0)), "deformation": (SmoothDeformation(cutoff=8), (0.2, 0.4))}
SCALES = (1, 2, 3, 4, 5)
rng = np.random.default_rng(0)


def seen(scattering, architecture, images, kind):
    """Return what is seen of the fields of a family, strength by strength."""
    family, strengths = families[kind]
    fields = [family.sample((32, 32), strength, rng, size=len(images)) for strength in strengths]
    return [observe(scattering, images, field, architecture) for field in fields]


# %%
# The bound describes scattering by two layers and averages over 2^J px. Its constants are fitted on some digits and
# tested on others
change, c1, c2 = {"shift": [], "deformation": []}, [], []
for J in SCALES:
    scattering = Scattering2D(J, L=4, padding="circular").fit(X)
    architecture = Architecture((LayerShape(1, 1, 1, 1), LayerShape(1, 1, 2**J, 2**J)))
    known = {kind: seen(scattering, architecture, X[500:520], kind) for kind in families}
    bound = fit_bound(architecture, *(Observations.join(known[kind]) for kind in families))
    fresh = Observations.join(seen(scattering, architecture, X[600:620], "deformation"))
    print(f"J={J}: C1 {bound.c1:.3f}, C2 {bound.c2:.3f}, above the bound {100 * bound.violations(fresh):.0f} %")
    assert bound.violations(fresh) <= 0.05
    c1.append(bound.c1)
    c2.append(bound.c2)
    for kind in families:
        change[kind].append(known[kind][0].change.mean())  # shifts by 1 px, Jacobian norms of 0.2

# %%
# C2 is at most about 1 at every scale, so that the change under shifts falls as 2^-J or faster. At large J it is nearly
# gone, and C1 accounts for what remains under deformations
shift, deformation = (np.array(change[kind]) for kind in families)
assert 0.8 < max(c2) < 1.5
assert shift[-1] < shift[0] / 2**4
assert deformation[-1] > deformation[0] / 2**3
assert c1[0] < 0.01 < 0.03 < c1[-1]
assert deformation[-1] > 2 * shift[-1]

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
left.semilogy(SCALES, shift, "o-", label="shift by 1 px")
left.semilogy(SCALES, deformation, "s-", label="smooth field, Jacobian norm 0.2")
left.semilogy(SCALES, shift[0] * 2.0 ** (1 - np.array(SCALES)), ":", color="0.5", label="$2^{-J}$")
left.set_ylabel("change over |x|")
left.legend(fontsize=8)
right.plot(SCALES, c2, "o-", label="C2, of the shift over $2^J$")
right.plot(SCALES, c1, "s-", label="C1, of the Jacobian")
right.set_ylim(-0.05, 1.6)
right.set_ylabel("measured constant")
right.legend(fontsize=8, loc="upper right")
for ax in (left, right):
    ax.set_xlabel("J")
    ax.set_xticks(SCALES)
plt.show()
