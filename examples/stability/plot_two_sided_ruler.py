"""
Three measures of robustness: typical, searched, guaranteed
===========================================================

Accuracy under random deformations, accuracy after a search for harmful ones, and accuracy that no deformation of a
family can reduce. The guarantee is for another classifier, the majority vote G of the classifier f over random fields
around each field. The measures must not be mixed: f may change its label where G cannot.

Cohen, Rosenfeld & Kolter (2019), "Certified adversarial robustness via randomized smoothing"; for the parameters of
deformations Alfarra et al. (2022), "DeformRS".
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline

from kernelconv import Scattering2D
from kernelconv.datasets import load_digits_images
from kernelconv.deformations import SmoothDeformation, warp
from kernelconv.stability import certify, smallest_flip

X, y = load_digits_images()
model = make_pipeline(Scattering2D(J=1, L=4), RidgeClassifier()).fit(X[:1000], y[:1000])
images, labels, family = X[1000:1030], y[1000:1030], SmoothDeformation(cutoff=2)
strengths = np.linspace(0, 0.8, 41)

# %%
# The classifier f: the share of images that it labels rightly under a random field of each strength, and the share for
# which, in addition, a search finds no field up to that strength that changes the label.
fields = [family.sample((8, 8), s, rng=0, size=len(images)) for s in strengths[1:]]
typical = [np.mean(model.predict(x) == labels) for x in (images, *(warp(images, tau) for tau in fields))]
flips = smallest_flip(model, images, family, n_evaluations=96, random_state=0)
found = flips.accuracy(labels, strengths)

# %%
# Its majority vote G over random fields (a "cloud") of three sizes: the share of images that it labels rightly and
# whose label no field up to each strength can change. A larger cloud guarantees larger strengths, and labels fewer
# images rightly.
sigmas = (0.25, 0.5, 1.0)
certificates = [certify(model, images, family, sigma, n_samples=300, random_state=0) for sigma in sigmas]
certified = [c.accuracy(labels, strengths) for c in certificates]

figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3), sharey=True, layout="constrained")
left.plot(strengths, typical, label="typical")
left.plot(strengths, found, label="found by search")
left.set(title="f, the classifier", xlabel="Jacobian norm", ylabel="accuracy", ylim=(0, 1.03))
for sigma, line in zip(sigmas, certified, strict=True):
    right.plot(strengths, line, label=f"guaranteed, cloud of {sigma:g} px")
right.set(title="G, its majority", xlabel="Jacobian norm")
for axes, corner in ((left, "lower left"), (right, "upper right")):
    axes.legend(frameon=False, loc=corner, fontsize=8)

# %%
# What the curves have to satisfy
assert found[0] == typical[0] > 0.9
assert (np.diff(found) <= 0).all()
assert found[-1] < typical[-1]
reach = [c.strength.max() for c in certificates]
assert reach[0] < reach[1] < reach[2]
assert all((np.diff(line) <= 0).all() for line in certified)
assert certified[0][0] >= certified[2][0]
# the fields of a cloud are larger than the strengths that they guarantee
assert all(c.noise.median_strength > np.median(c.strength) for c in certificates)
plt.show()
