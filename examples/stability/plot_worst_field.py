"""
The worst deformation of each digit
===================================

A search finds fields that change the features of a kernel network on average more than twice as much as random fields
of the same Jacobian norm do.

Bietti & Mairal (JMLR 2019) bound the change by C1 times the size of the Jacobian and C2 times that of the field, up to
factors of the architecture; here both constants are fitted.
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import ConvKernelNetwork, SmoothDeformation, Translation, load_digits_images, warp
from kernelconv.stability import Architecture, check_recommendations, fit_bound, observe, worst_case

X, _ = load_digits_images()
X = np.pad(X, ((0, 0), (2, 2), (2, 2)))  # room for what moves
network = ConvKernelNetwork(n_anchors=(16, 32), subsampling=2, random_state=0).fit(X[:500]).network_
test, family, rng = X[500:540], SmoothDeformation(cutoff=3), np.random.default_rng(0)

# %%
# The field that changes the features most, searched for with the gradient of the network
found = worst_case(network, test, family, strength=0.2, n_evaluations=48, random_state=0)
print(f"{found.method}, {found.n_evaluations} evaluations an image, Jacobian norm 0.2")
print(f"relative change: random fields {found.random_change.mean():.3f}, worst found {found.change.mean():.3f}")
assert found.change.mean() > 2 * found.random_change.mean()
assert (found.change >= found.random_best).all()

# %%
# The theorem's bound with constants fitted on shifts and on the worst fields: at most 5 % of random fields, on other
# digits, are above this envelope
architecture = Architecture.of(network)
shifts = observe(network, test, Translation().sample((12, 12), 1.0, rng, size=40), architecture)
bound = fit_bound(architecture, shifts, observe(network, test, found.fields, architecture), level=0.95)
fields = family.sample((12, 12), 0.2, rng, size=40)
above = bound.violations(observe(network, X[540:580], fields, architecture))
print(f"C1 {bound.c1:.3f}, C2 {bound.c2:.3f}; random fields above the fitted envelope: {100 * above:.0f} %")
assert above <= 0.05
for recommendation in check_recommendations(architecture, invariance=2.0):
    print(f"{'kept' if recommendation.kept else 'broken':6} {recommendation.name}: {recommendation.explanation}")

# %%
# The digits, and what random fields and the worst ones make of them
figure, axes = plt.subplots(3, 8, figsize=(8, 3.2), layout="constrained")
rows = {"digit": test, "random": warp(test, fields), "worst": warp(test, found.fields)}
for row, (name, images) in zip(axes, rows.items(), strict=True):
    for ax, image in zip(row, images, strict=False):
        ax.imshow(image, cmap="gray", vmin=0, vmax=1)
        ax.set_xticks([])
        ax.set_yticks([])
    row[0].set_ylabel(name)
for ax, change in zip(axes[2], found.change, strict=False):
    ax.set_xlabel(f"features: {100 * change:.0f} %", fontsize=8)
plt.show()
