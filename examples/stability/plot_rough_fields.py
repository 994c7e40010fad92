"""
How rough may a deformation be?
===============================

Scattering is stable to fields of Hölder exponent a > 1. Fields of exponent a < 1 can be small in the C^a norm and still
change the coefficients strongly, more so on signals that are sampled more finely.

Nicola & Trapasso (2022) prove both. First a tone is deformed by one wave for each exponent, at the same norm; then come
the stored results of a study, `python benchmarks/experiments regularity`.
"""

import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import Scattering1D
from kernelconv.deformations import FourierField, holder_norm
from kernelconv.stability import relative_change

EXPONENTS = (0.5, 0.75, 1.0, 1.25, 1.5)


def wave(n, k, a):
    """Return a displacement sin(2 pi k u), in image sides, at n points of a circle, its C^a norm 0.1."""
    series = np.zeros((2, 1, 2 * k + 1))
    series[1, 0, -1] = n
    size = 0.1 / holder_norm(FourierField((1, n + 1), series, (1.0, float(n))), a)
    return size * np.sin(2 * np.pi * k * np.arange(n) / n)


# %%
# A tone of n / 8 periods, displaced by a wave of n / 16 periods: at the same C^a norm its amplitude is the larger, the
# smaller a is
found = {}
for n in (128, 512, 2048):
    u = np.arange(n) / n
    scattering = Scattering1D(J=int(np.log2(n)), padding="circular").fit(np.zeros((1, n)))
    still = scattering.transform(np.cos(2 * np.pi * n / 8 * u)[None])
    for a in EXPONENTS:
        moved = scattering.transform(np.cos(2 * np.pi * n / 8 * (u - wave(n, n // 16, a)))[None])
        found[a, n] = float(relative_change(still, moved)[0])
    print(f"n = {n:5}", ", ".join(f"a = {a:g}: {found[a, n]:.4f}" for a in EXPONENTS))
assert found[0.75, 2048] > 2 * found[0.75, 128]
assert found[1.5, 2048] < found[1.5, 128]

# %%
# The study: the largest change found by a search over tones and over fields with waves of up to n / 16 periods
results = Path(sys.argv[0]).resolve().parents[2] / "benchmarks" / "results" / "regularity" / "results.json"
if not results.exists():
    raise FileNotFoundError(f"{results} is missing: run this example inside a checkout of the repository.")
cells = json.loads(results.read_text(encoding="utf-8"))
figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained", sharey=True)
for dimension, ax in enumerate(axes, 1):
    for a, mark in zip(EXPONENTS, "os^vD", strict=True):
        of = [c for c in cells if (c["dimension"], c["exponent"]) == (dimension, a)]
        ax.loglog([c["side"] for c in of], [c["found"] for c in of], mark + "-", markersize=4, label=f"a = {a:g}")
    ax.set_title(f"{dimension}-D, C^a norm 0.1", fontsize=10)
    sides = sorted({c["side"] for c in cells if c["dimension"] == dimension})
    ax.set_xticks(sides, [f"{n:,}" for n in sides], fontsize=8)
    ax.minorticks_off()
    ax.set_xlabel("samples a side")
axes[0].set_ylabel("change found, |S L x - S x| / |x|")
axes[1].legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()
