"""
Classifying digits in twelve lines
==================================

Two representations of digits, each with a classifier: scattering with affine subspaces, and a convolutional kernel
network with ridge regression. The figure shows digits that each still gets wrong.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import RidgeClassifierCV
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from kernelconv import AffineSubspaceClassifier, ConvKernelNetwork, Scattering2D, load_digits_images

# %%
# Two pipelines of scikit-learn: features, then a classifier
X, y = load_digits_images()
X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=500, stratify=y, random_state=0)

scattering = make_pipeline(Scattering2D(J=2), AffineSubspaceClassifier(random_state=0)).fit(X_train, y_train)
ckn = ConvKernelNetwork(n_anchors=(64, 128), patch_size=3, subsampling=2, random_state=0)
kernel = make_pipeline(ckn, RidgeClassifierCV(alphas=[1e-4, 1e-3, 1e-2, 1e-1])).fit(X_train, y_train)
print(kernel[0].network_.summary())

# %%
# Digits that each pipeline labels wrongly
found = {
    "scattering and affine subspaces": scattering.predict(X_test),
    "kernel network and ridge": kernel.predict(X_test),
}
figure, axes = plt.subplots(2, 8, figsize=(8, 2.6))
for row, (name, labels) in zip(axes, found.items(), strict=True):
    wrong = np.flatnonzero(labels != y_test)
    accuracy = 1 - len(wrong) / len(y_test)
    print(f"{name}: {accuracy:.3f}")
    assert accuracy > 0.97
    for ax, i in zip(row, wrong, strict=False):
        ax.imshow(X_test[i], cmap="gray")
        ax.set_title(f"{y_test[i]} as {labels[i]}", fontsize=8)
    for ax in row:
        ax.set_axis_off()
    row[0].text(-1, -4.2, f"{name}: {100 * accuracy:.1f} % right, the first of {len(wrong)} others", fontsize=9)
figure.subplots_adjust(left=0.02, right=0.98, bottom=0.02, top=0.8, hspace=0.75)
plt.show()
