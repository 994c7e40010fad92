"""
Nyström approximation: anchors in place of all patches
======================================================

A kernel network projects patches onto the span of a few anchors. With more anchors the inner products of its features
approach the exact kernel.

This is Nyström's approximation, here of the kernel between whole digits: 256 anchors in place of 4 make the relative
error more than 100 times smaller. Williams & Seeger (NeurIPS 2000), Mairal (NeurIPS 2016).
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import ConvKernel, ConvKernelNetwork, load_digits_images

X = load_digits_images()[0].astype(np.float64)
train, test = X[:500], X[1000:1060]
settings = {"patch_size": (3,), "subsampling": (2,)}

# %%
# The exact kernel of one layer, and inner products of the features for 4 to 256 anchors
exact = ConvKernel(**settings)(test)
networks, errors = {}, {}
for n_anchors in (4, 16, 64, 256):
    networks[n_anchors] = ConvKernelNetwork((n_anchors,), **settings, random_state=0).fit(train)
    features = networks[n_anchors].transform(test)
    errors[n_anchors] = np.linalg.norm(features @ features.T - exact) / np.linalg.norm(exact)
    print(f"{n_anchors:4} anchors: relative error {errors[n_anchors]:.5f}")

# %%
# Each step to four times as many anchors makes the error at least 2.5 times smaller; at the end it is below a
# thousandth
found = np.array(list(errors.values()))
assert (found[1:] < 0.4 * found[:-1]).all()
assert 0.05 < found[0] < 0.2
assert found[-1] < 1e-3
# The projection loses norm and never adds any
assert (features**2).sum(axis=1).max() < np.diag(exact).max()
assert ((features**2).sum(axis=1) <= np.diag(exact) * (1 + 1e-9)).all()

# %%
# Anchors look like patches of digits: edges in every direction
figure = plt.figure(figsize=(8, 2.8), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[1, 1])
axes = left.subplots(4, 8)
for ax, anchor in zip(axes.ravel(), networks[64].anchors_[0], strict=False):
    ax.imshow(anchor.reshape(3, 3), cmap="gray", vmin=0, vmax=0.7)
    ax.set_axis_off()
left.suptitle("32 of 64 anchors", fontsize=10)
ax = right.subplots()
ax.loglog(list(errors), found, "o-")
for n_anchors, error in errors.items():
    ax.annotate(f"{error:.4f}", (n_anchors, error), xytext=(4, 5), textcoords="offset points", fontsize=8)
ax.set_xlim(3, 700)
ax.set_ylim(4e-4, 0.4)
ax.set_xlabel("anchors")
ax.set_ylabel("relative error of the kernel")
plt.show()
