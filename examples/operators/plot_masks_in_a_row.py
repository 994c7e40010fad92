"""
A long filter factors into short ones
=====================================

A filter of 13 taps equals six masks of 3 taps in a row: its polynomial, of degree 12, is a product of six of degree 2.

So a deep linear CNN of small filters can represent any filter. Its 18 weights are more than the filter's
13, and far fewer than the entries of the matrix. This holds for valid borders only: padding before each mask changes
the output near the border. Zhou (2018).
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import serial
from kernelconv.operators import Convolution

rng = np.random.default_rng(0)

# %%
# The filter, and its six factors: each pair of conjugate roots, or of real ones, makes a mask
taps = np.hanning(15)[1:-1] * np.cos(np.arange(-6, 7))
roots = np.roots(taps)
real = np.sort(roots[np.isreal(roots)].real)
pairs = [(root, root.conj()) for root in roots[roots.imag > 0]] + list(real.reshape(-1, 2))
masks = [np.poly(pair).real * np.abs(taps[0]) ** (1 / 6) for pair in pairs]
masks[0] *= np.sign(taps[0])
assert [len(mask) for mask in masks] == [3] * 6

# %%
# A network of one long filter and one of six masks have the same output
n = 120
long = serial(Convolution.from_weights([taps])).build((1, n, 1))
row = serial(*[Convolution.from_weights([mask]) for mask in masks]).build((1, n, 1))
signal = np.cumsum(rng.standard_normal(n)).reshape(1, 1, n, 1)
error = np.abs(row.forward(signal) - long.forward(signal)).max()
print(f"largest difference: {error:.1e}")
assert error < 1e-12 * np.abs(signal).max()
assert np.abs(long.forward(signal)).max() > 1

# %%
# The number of weights of each, and of entries of the matrix
print(row.summary())
assert (long.n_params(), row.n_params(), long.as_matrix().size) == (13, 18, 108 * 120)
assert np.allclose(row.as_matrix(), long.as_matrix(), atol=1e-12)

# %%
# With zero padding before each mask, the output near the border is no longer that of the filter
padded = serial(*[Convolution.from_weights([mask], padding="zero") for mask in masks]).build((1, n, 1))
once = serial(Convolution.from_weights([taps], padding="zero")).build((1, n, 1))
apart = np.abs(padded.forward(signal) - once.forward(signal))[0, 0, :, 0]
assert apart[:6].max() > 0.01
assert apart[6:-6].max() < 1e-11

figure, axes = plt.subplots(1, 7, figsize=(8, 1.8), width_ratios=[2.5, *[1] * 6], layout="constrained", sharey=False)
for ax, weights in zip(axes, [taps, *masks], strict=True):
    ax.axhline(0, color="0.7", linewidth=0.8)
    ax.stem(weights, basefmt=" ")
    ax.set_xticks([])
    ax.tick_params(labelsize=7)
    ax.margins(x=0.15)
axes[0].set_title("13 taps", fontsize=9)
for k, ax in enumerate(axes[1:]):
    ax.set_title(f"{'=' if k == 0 else '*'}  mask {k + 1}", fontsize=9)
plt.show()
