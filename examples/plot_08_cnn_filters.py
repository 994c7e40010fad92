"""What a CNN learns: the filters of its first layer, and the maps of every layer for one image."""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import ConvNetClassifier, load_digits_images

X, y = load_digits_images()
clf = ConvNetClassifier("wide_lenet", epochs=8, random_state=0).fit(X[:1000], y[:1000])
print(f"accuracy on digits it has not seen: {clf.score(X[1000:], y[1000:]):.3f}")

first = next(part for part in clf.network_.parts if part.params)
filters = first.params["weight"].reshape(*first.size, -1, first.n_filters)[:, :, 0]  # (k_h, k_w, n_filters)
figure, axes = plt.subplots(4, 8, figsize=(6, 3.2))
largest = np.abs(filters).max()
for axis, kernel in zip(axes.ravel(), np.moveaxis(filters, -1, 0), strict=True):
    axis.imshow(kernel, cmap="RdBu", vmin=-largest, vmax=largest)
    axis.set_axis_off()
figure.suptitle("filters of the first layer")

maps = clf.network_.trace(X[1000:1001, :, :, None])
spatial = {name: m[0] for name, m in maps.items() if m.shape[1] * m.shape[2] > 1}
figure, axes = plt.subplots(len(spatial), 8, figsize=(6, 0.9 * len(spatial)))
for row, (name, m) in zip(axes, spatial.items(), strict=True):
    for axis, channel in zip(row, range(8), strict=True):
        axis.set_xticks([])
        axis.set_yticks([])
        if channel < m.shape[2]:
            axis.imshow(m[:, :, channel], cmap="gray")
        else:
            axis.set_axis_off()
    row[0].set_ylabel(name.rpartition("_")[0], rotation=0, ha="right", fontsize=7)
figure.suptitle("activations, layer by layer, for one image")
plt.show()
