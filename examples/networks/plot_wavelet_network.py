"""
A wavelet network fits a curve
==============================

A wavelon is a wavelet with a learned place and scale; seven of them, fitted together, approximate a curve with a kink.

A tanh is a step that acts on everything to one side of it: a sum of seven has to cancel far away what it does locally.
A wavelon is localised. The curve is that of Zhang & Benveniste, "Wavelet networks" (IEEE Trans. Neural Networks, 1992).
"""

import copy
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from kernelconv.networks import WaveletNetworkRegressor

x = np.linspace(-10, 10, 200)[:, None]
oscillation = 10 * np.exp(-0.05 * x - 0.5) * np.sin((0.03 * x + 0.7) * x)
y = np.where(x < -2, -2.186 * x - 12.864, np.where(x < 0, 4.246 * x, oscillation)).ravel()


def error(estimator, inputs):
    """Return the root mean squared error over the deviation of the curve."""
    return np.sqrt(np.mean((estimator.predict(inputs) - y) ** 2)) / y.std()


# %%
# Both networks from eight starts: 23 parameters with wavelons, 22 with tanh. Not all runs reach a minimum: the best
# with wavelons stop at 200 evaluations of least squares, half of those with tanh at 2,000 iterations of L-BFGS
tanh = {"hidden_layer_sizes": 7, "activation": "tanh", "solver": "lbfgs", "alpha": 0, "max_iter": 2000}
tanh |= {"tol": 1e-9, "max_fun": 10**5}
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)
    wavelons = WaveletNetworkRegressor(7, n_starts=8, random_state=0).fit(x, y)
    mlps = [MLPRegressor(**tanh, random_state=start).fit(x / 10, y) for start in range(8)]
of_mlps = np.array([error(mlp, x / 10) for mlp in mlps])
for name, errors in (("wavelons", wavelons.errors_), ("tanh", of_mlps)):
    print(f"{name:9s} {np.sort(errors).round(4)}")
assert np.isclose(error(wavelons, x), wavelons.errors_.min(), rtol=1e-6)
assert wavelons.errors_.min() <= 0.02
assert wavelons.errors_.min() < 0.6 * of_mlps.min()
assert np.median(wavelons.errors_) < 0.6 * np.median(of_mlps)

# %%
# A wavelon alone is the network with all other weights at zero
best = mlps[int(of_mlps.argmin())]
figure, axes = plt.subplots(2, 2, figsize=(7.2, 4.6), width_ratios=[3, 2], layout="constrained")
axes[0, 0].plot(x, y, color="0.8", linewidth=6)
axes[0, 0].plot(x, wavelons.predict(x), color="tab:blue", linewidth=1.2)
axes[0, 0].set_title("the curve, and seven wavelons", fontsize=9)
axes[1, 0].plot(x, best.predict(x / 10) - y, color="tab:orange", linewidth=1, label="7 tanh")
axes[1, 0].plot(x, wavelons.predict(x) - y, color="tab:blue", linewidth=1, label="7 wavelons")
axes[1, 0].legend(fontsize=8)
axes[1, 0].set_title("what is left, best of eight starts each", fontsize=9)
for i in range(7):
    one = copy.copy(wavelons)
    one.weights_, one.coef_, one.intercept_ = wavelons.weights_ * (np.arange(7) == i), np.zeros(1), 0.0
    (line,) = axes[0, 1].plot(x, one.predict(x), linewidth=1)
    axes[0, 1].plot(wavelons.translations_[i], 0, "o", color=line.get_color(), markersize=4)
axes[0, 1].set_xlim(-10, 10)
axes[0, 1].set_title("each wavelon and its place", fontsize=9)
for row, (errors, colour) in enumerate([(of_mlps, "tab:orange"), (wavelons.errors_, "tab:blue")]):
    axes[1, 1].semilogx(errors, np.full(8, row), "o", color=colour, alpha=0.6)
axes[1, 1].set_yticks([0, 1], ["tanh", "wavelons"])
axes[1, 1].set_ylim(-0.7, 1.7)
axes[1, 1].set_title("relative errors of all starts", fontsize=9)
for ax in axes.ravel():
    ax.tick_params(labelsize=8)
plt.show()
