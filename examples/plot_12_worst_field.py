"""The worst deformation of each digit for a kernel network, beside random ones; and the theorem's bound from data."""

import numpy as np

from kernelconv import ConvKernelNetwork, SmoothDeformation, Translation, load_digits_images
from kernelconv.stability import Architecture, check_recommendations, fit_bound, observe, worst_case

X, _ = load_digits_images()
X = np.pad(X, ((0, 0), (2, 2), (2, 2)))  # room for what moves
network = ConvKernelNetwork(n_anchors=(16, 32), subsampling=2, random_state=0).fit(X[:500]).network_
test, family, rng = X[500:540], SmoothDeformation(cutoff=3), np.random.default_rng(0)

found = worst_case(network, test, family, strength=0.2, n_evaluations=48, random_state=0)
print(f"{found.method}, {found.n_evaluations} evaluations an image, Jacobian norm 0.2")
print(f"relative change: random fields {found.random_change.mean():.3f}, worst found {found.change.mean():.3f}")

architecture = Architecture.of(network)
shifts = observe(network, test, Translation().sample((12, 12), 1.0, rng, size=40), architecture)
bound = fit_bound(architecture, shifts, observe(network, test, found.fields, architecture), level=0.95)
fresh = observe(network, X[540:580], family.sample((12, 12), 0.2, rng, size=40), architecture)
print(f"C1 {bound.c1:.3f}, C2 {bound.c2:.3f}; random fields above the bound: {100 * bound.violations(fresh):.0f} %")
for recommendation in check_recommendations(architecture, invariance=2.0):
    print(f"{'kept' if recommendation.kept else 'broken':6} {recommendation.name}: {recommendation.explanation}")
