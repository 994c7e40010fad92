"""
How stable is a representation?
===============================

Pixels, scattering and a convolutional kernel network under the same deformations: how far do their features move?

Bietti & Mairal (JMLR 2019) and Mallat (2012) bound the change of scattering and of kernel networks by the Jacobian norm
and the size of the deformation.
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import ConvKernelNetwork, Scattering2D, SmoothDeformation, load_digits_images, measure_stability

# %%
# Three representations of the same digits
X, y = load_digits_images()
train, test = X[:800], X[800:1000]

representations = {
    "pixels": lambda images: images.reshape(len(images), -1),
    "scattering": Scattering2D(J=2).fit(train),
    "ckn": ConvKernelNetwork(n_anchors=(32, 64), random_state=0).fit(train),
}
# %%
# The same smooth fields for all three, at four Jacobian norms
figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
changes = {}
for name, phi in representations.items():
    report = measure_stability(
        phi, test, SmoothDeformation(cutoff=3), (0.05, 0.1, 0.2, 0.4), measures=["relative_change"], random_state=0
    )
    print(name, report, sep="\n")
    report.plot(ax, label=name)
    changes[name] = np.array([row.mean for row in report.select("relative_change")])
ax.legend()

# Stronger deformations change all of them more, and pixels more than features: here more than twice as much
assert all((np.diff(change) > 0).all() for change in changes.values())
assert (changes["scattering"] < 0.5 * changes["pixels"]).all()
assert (changes["ckn"] < 0.8 * changes["pixels"]).all()
print(changes)
plt.show()
