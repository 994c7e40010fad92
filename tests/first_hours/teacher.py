"""The first hour of a teacher: one layer, filters, pooling, a path, a table of layers, a plot of stability."""

from pathlib import Path

import matplotlib
import numpy as np
from sklearn.datasets import load_sample_image

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from kernelconv import (
    ConvKernelNetwork,
    GaussianPooling,
    KernelMapping,
    Layer,
    PatchExtraction,
    Scattering2D,
    SmoothDeformation,
    load_digits_images,
    serial,
)
from kernelconv.operators import AveragePooling, Convolution, Identity, MaxPooling
from kernelconv.report import plot_filters, plot_maps, plot_receptive_field
from kernelconv.stability import compare_stability, equivariance_error, translation_error


def save(figure, name):
    figure.savefig(name, dpi=60)
    plt.close(figure)
    assert Path(name).stat().st_size > 500


rng = np.random.default_rng(0)
flower = load_sample_image("flower.jpg").mean(axis=2)[100:292:2, 200:392:2].astype(np.float32) / 255
assert flower.shape == (96, 96)
x = flower[None, :, :, None]

# One layer, P, M and A one after the other, its anchors learned from the picture's own patches.
layer = Layer(PatchExtraction(3, padding="symmetric"), KernelMapping(16), GaussianPooling(4)).build(
    x.shape[1:], rng, data=x
)
patches = layer.patches.forward(x)
mapped = layer.mapping.forward(patches)
pooled = layer.pooling.forward(mapped)
assert [step.shape for step in (patches, mapped, pooled)] == [(1, 96, 96, 9), (1, 96, 96, 16), (1, 24, 24, 16)]
assert np.allclose(pooled, layer.forward(x), atol=1e-4)
assert (np.linalg.norm(mapped, axis=-1) <= np.linalg.norm(patches, axis=-1) + 1e-5).all()
figure, axes = plt.subplots(1, 4, figsize=(12, 3))
for ax, (title, map_) in zip(axes, {"x": x, "P x": patches, "M P x": mapped, "A M P x": pooled}.items(), strict=True):
    ax.imshow(map_[0, :, :, -1], cmap="gray")
    ax.set_title(title)
save(figure, "layer.png")
save(plot_filters(layer), "anchors.png")
save(plot_maps(layer, flower), "maps.png")

# Filters of one's own, and those of scattering.
sobel = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
edges = Convolution.from_weights(np.stack([sobel, sobel.T], axis=-1)[:, :, None], padding="symmetric").build(
    x.shape[1:]
)
both = edges.forward(x)
assert both.shape == (1, 96, 96, 2)
assert np.isclose(both[0, 1, 1, 0], (sobel * flower[:3, :3]).sum(), atol=1e-5)
X = np.pad(load_digits_images()[0], ((0, 0), (4, 4), (4, 4)))
scattering = Scattering2D(J=2, L=4, padding="zero").fit(X)
save(plot_filters(scattering), "wavelets.png")

# What pooling does to a shift by one pixel: a maximum and an average change less than the map itself; the layer moves.
digit = X[:50, ..., None]
errors = {}
for name, pooling in {
    "none": Identity(),
    "average": AveragePooling(4),
    "maximum": MaxPooling(4),
    "Gaussian": GaussianPooling(4),
}.items():
    part = pooling.build((16, 16, 1))
    errors[name] = float(translation_error(part, digit, (0, 1)).mean())
print("change under a shift by 1 px:", {name: round(error, 2) for name, error in errors.items()})
assert max(errors["average"], errors["maximum"], errors["Gaussian"]) < errors["none"]
circular = serial(
    Layer(PatchExtraction(3, padding="circular"), KernelMapping(8), GaussianPooling(2, padding="circular"))
)
moving = circular.build((16, 16, 1), rng, data=digit)
assert equivariance_error(moving, digit[:5], (2, 0), padding="circular").max() < 1e-4

# A scattering path: wavelets one after the other, a modulus after each; then the average.
path = scattering.paths_[-1]
print(path, "is of order", path.order)
assert path.order == 2
assert path.scales == (0, 1)
moduli = scattering.propagate(X[:1], path)
figure, axes = plt.subplots(1, 3, figsize=(9, 3))
for ax, (title, map_) in zip(
    axes, {"x": X[0], "U[p] x": moduli[0, ..., 0], "S[p] x": scattering.maps(X[:1])[0, ..., -1]}.items(), strict=True
):
    ax.imshow(map_, cmap="gray")
    ax.set_title(title)
save(figure, "path.png")

# A table of a network's layers, and what its last unit sees.
ckn = ConvKernelNetwork(n_anchors=(16, 32), patch_size=3, subsampling=2, n_patches=4000, random_state=0).fit(X[:300])
table = ckn.network_.summary()
print(table)
assert "layer_2" in str(table)
save(plot_receptive_field(ckn), "field.png")

# Pixels against scattering, under the same fields.
rivals = {"pixels": lambda images: images, "scattering": scattering, "kernel network": ckn}
report = compare_stability(rivals, X[:60], SmoothDeformation(cutoff=3), strengths=(0.05, 0.1, 0.2, 0.4), random_state=0)
axes = report.plot(measure="relative_change")
save(axes.figure, "stability.png")
means = {name: [row.mean for row in report.select("relative_change", name)] for name in rivals}
assert all(np.diff(curve).min() > 0 for curve in means.values())
assert max(means["scattering"]) < max(means["pixels"])
assert next(row.mean for row in report.difference("pixels", "scattering", "relative_change")) > 0
