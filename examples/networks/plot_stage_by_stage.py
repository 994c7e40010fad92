"""
A network trained stage by stage
================================

The filters are centroids of patches, and training never passes through more than one stage. On digits of MNIST a second
stage still lowers the error.

Malach & Shalev-Shwartz, "A provably correct algorithm for deep learning that actually works" (2018): cluster patches,
convolve with the centroids, pool, train a 1x1 convolution with a linear layer behind it, drop that layer, and repeat.
First on small digits; then the stored results of a study on MNIST, `python benchmarks/experiments layerwise`.
"""

import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import load_digits_images
from kernelconv.networks import LayerwiseConvNet

# %%
# One stage on 8x8 digits, which leave little for a second one. Adding a second stage does not change the first
X, y = load_digits_images()
one = LayerwiseConvNet((32,), 3, n_patches=4000, epochs=20, random_state=0).fit(X[:700], y[:700])
two = LayerwiseConvNet((32, 64), 3, n_patches=4000, epochs=1, random_state=0).fit(X[:700], y[:700])
print(f"digits: one stage is right on {100 * one.score(X[700:], y[700:]):.1f} %")
assert np.array_equal(one.centroids_[0], two.centroids_[0])
assert np.array_equal(one.network_.parts[1].params["weight"], two.network_.parts[1].params["weight"])
assert one.score(X[700:], y[700:]) > 0.93

# %%
# The study: 2,000 digits of MNIST, three draws, beside a network trained end to end
results = Path(sys.argv[0]).resolve().parents[2] / "benchmarks" / "results" / "layerwise" / "results.json"
if not results.exists():
    raise FileNotFoundError(f"{results} is missing: run this example inside a checkout of the repository.")
cells = json.loads(results.read_text(encoding="utf-8"))
errors = {
    learner: 100 * np.array([c["error"] for c in cells if c["learner"] == learner])
    for learner in ("one stage", "two stages", "wide LeNet")
}
gain = errors["one stage"] - errors["two stages"]
spread = gain.std(ddof=1) / len(gain) ** 0.5
for learner, of in errors.items():
    print(f"MNIST, {learner}: {of.mean():.2f} % wrong")
print(f"what the second stage gains: {gain.mean():.2f} points, standard error {spread:.2f}")
assert len(gain) == 3
assert gain.mean() > spread
assert errors["two stages"].mean() <= 2 * errors["wide LeNet"].mean()

figure, axes = plt.subplot_mosaic([["filters", "errors"]], figsize=(7.4, 2.9), layout="constrained")
tiles = one.centroids_[0].reshape(4, 8, 3, 3)
tiles = np.pad(tiles / np.abs(tiles).max(axis=(2, 3), keepdims=True), ((0, 0), (0, 0), (0, 1), (0, 1)))
axes["filters"].imshow(tiles.transpose(0, 2, 1, 3).reshape(16, 32), cmap="gray", vmin=-1, vmax=1)
axes["filters"].set_axis_off()
axes["filters"].set_title("centroids of the stage on 8x8 digits", fontsize=9)
for k, of in enumerate(errors.values()):
    axes["errors"].bar(k, of.mean(), 0.6, color=["tab:orange", "tab:blue", "0.6"][k])
    axes["errors"].plot(np.full(3, k), of, "k.", markersize=4)
axes["errors"].set_xticks(range(3), errors)
axes["errors"].set_title("test error, %, MNIST, 2,000 training images", fontsize=9)
plt.show()
