r"""
Scattering with short separable wavelets
========================================

Six directions in place of eight, and short filters in place of long ones: the error on digits rises from about 1 % to
about 2 %, in much less time.

Each wavelet is the tensor product of two filters of four samples on positive frequencies: m on the lower half of the
band, g on the upper one. Products with conjugates point into the other quadrant, as in the dual-tree transform of
Selesnick, Baraniuk & Kingsbury (2005), with which Cotter & Kingsbury (2017) compute scattering.
"""

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kernelconv import Scattering2D, SeparableScattering2D, load_digits_images
from kernelconv.operators.wavelets.separable import DIRECTIONS, separable_frame_bounds, separable_wavelet

# %%
# One scale is a low-pass filter and six wavelets, each subsampled by two: bounds of the share of an image's energy that
# they keep
lower, upper = separable_frame_bounds()
print(f"one scale keeps between {lower:.2f} and {upper:.2f} of the energy of an image")
assert 0.5 < lower < upper < 1 + 1e-12

# %%
# Gratings at all angles: which wavelet of scale 1 responds most. The diagonal wavelets have higher frequencies than the
# others, and than the gratings, so that they respond less.
angles, (v, u) = np.arange(0, 180, 3), np.mgrid[:48, :48]
frequency = 0.97 * np.array([np.sin(np.radians(angles)), np.cos(np.radians(angles))])  # rad/px, along rows and columns
gratings = np.cos(np.tensordot(frequency.T, [v, u], axes=1))
scattering = SeparableScattering2D(J=2, max_order=1).fit(gratings)
answers = scattering.maps(gratings)[:, 3:9, 3:9, 7:13].mean(axis=(1, 2))  # the maps of j = 1, away from the border
for k, direction in enumerate(DIRECTIONS):
    best = angles[answers[:, k].argmax()]
    print(f"wavelet {k}, of {direction} degrees, answers most at {best}")
    assert abs(best - direction) <= 9

# %%
# Digits: the test error, and the time that the coefficients take
X, y = load_digits_images()
x = np.pad(X, ((0, 0), (4, 4), (4, 4))).astype(np.float32)
train, test = slice(800), slice(800, None)
shown = {}
for name, phi in {
    "separable, 49 paths": SeparableScattering2D(2, n_jobs=1),
    "Morlets, L = 6, 49 paths": Scattering2D(2, 6, n_jobs=1),
    "Morlets, L = 8, 81 paths": Scattering2D(2, 8, n_jobs=1),
}.items():
    phi.fit(x).transform(x[:100])
    start = perf_counter()
    rows = phi.transform(x)
    seconds = perf_counter() - start
    head = make_pipeline(StandardScaler(), RidgeClassifierCV(np.logspace(1, 4, 4))).fit(rows[train], y[train])
    error = 100 * (1 - head.score(rows[test], y[test]))
    shown[name] = seconds / len(x) * 1e6, error
    print(f"{name}: error {error:.1f} %, {shown[name][0]:.0f} us an image")
    assert error < 6
assert shown["separable, 49 paths"][1] < shown["Morlets, L = 6, 49 paths"][1] + 2 < 4

# %%
# Pairs of wavelets, the responses to gratings, and the error by time
figure, axes = plt.subplot_mosaic("abc;dbc;ebc", figsize=(8.4, 2.9), width_ratios=[1.3, 1.3, 1.4], layout="constrained")
for ax, pair in zip((axes["a"], axes["d"], axes["e"]), ((0, 5), (1, 4), (2, 3)), strict=True):
    psi = [np.pad(separable_wavelet(2, k).real, 1) for k in pair]
    ax.imshow(np.hstack(psi), cmap="gray")
    ax.set_axis_off()
axes["a"].set_title("wavelets of scale 2, real parts", fontsize=9)
axes["b"].plot(angles, answers)
axes["b"].set_xticks(DIRECTIONS)
axes["b"].set_yticks([])
axes["b"].set_title("modulus, by angle of a grating", fontsize=9)
for name, (seconds, error) in shown.items():
    axes["c"].plot(seconds, error, "o", label=name)
axes["c"].set_xlim(0, 1.1 * max(seconds for seconds, _ in shown.values()))
axes["c"].set_xlabel("us an image", fontsize=8)
axes["c"].set_ylim(0, None)
axes["c"].set_title("error on digits (%), by time", fontsize=9)
axes["c"].legend(fontsize=7, loc="lower left")
for ax in (axes["b"], axes["c"]):
    ax.tick_params(labelsize=7)
plt.show()
