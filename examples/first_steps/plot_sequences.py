"""
Signals as images of one row
============================

A signal is an image of height 1: a convolutional kernel network tells rising from falling chirps, wherever they begin.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import make_pipeline

from kernelconv import ConvKernelNetwork

# %%
# Rising and falling chirps in noise
rng = np.random.default_rng(0)
t = np.linspace(0, 1, 128)


def chirp(rising):
    """Return a chirp whose frequency rises or falls, at a random place, in noise."""
    start, u = rng.uniform(0.1, 0.5), np.zeros_like(t)
    inside = (t >= start) & (t < start + 0.4)
    s = (t[inside] - start) / 0.4
    s = s if rising else 1 - s
    u[inside] = np.sin(2 * np.pi * (2 * s + 5 * s**2)) * np.hanning(inside.sum())
    return u + 0.15 * rng.standard_normal(len(t))


y = rng.integers(0, 2, 400)
X = np.stack([chirp(label) for label in y])
# %%
# Two layers whose patches are one row high; half of the signals are for training
ckn = ConvKernelNetwork(
    n_anchors=(24, 48),
    patch_size=((1, 9), (1, 5)),
    subsampling=((1, 4), (1, 8)),
    image_shape=(1, -1),
    random_state=0,
)
model = make_pipeline(ckn, RidgeClassifierCV(np.logspace(-4, 2, 7))).fit(X[:200], y[:200])
print(ckn.network_.summary())
accuracy = model.score(X[200:], y[200:])
print(f"accuracy on the rest: {accuracy:.3f}")
assert accuracy > 0.95

# %%
# A signal of each kind, and its maps in the first layer
figure, axes = plt.subplots(2, 2, figsize=(8, 3.6), layout="constrained", sharex="col")
for row, label in enumerate((0, 1)):
    signal = X[y == label][:1]
    axes[row, 0].plot(signal[0])
    axes[row, 0].set_ylabel(("falling", "rising")[label])
    axes[row, 1].imshow(ckn.network_.trace(signal.reshape(1, 1, -1, 1))["layer_1"][0, 0].T, aspect="auto")
axes[0, 0].set_title("signal")
axes[0, 1].set_title("layer 1: channels over time")
plt.show()
