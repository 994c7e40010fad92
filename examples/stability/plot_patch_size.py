"""
Smaller patches are more stable
===============================

The theory of kernel networks recommends patches of at most 3 px and strides below the patch size. How much stability do
larger patches cost?

Bietti & Mairal (JMLR 2019, sections 3.1 and 3.2): the constant of the bound grows with the patch, and with strides
wider than a patch the picture can no longer be recovered.
"""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import ConvKernelNetwork, SmoothDeformation, load_digits_images, measure_stability
from kernelconv.stability import Architecture, check_recommendations

X = np.pad(load_digits_images()[0], ((0, 0), (4, 4), (4, 4)))
SIZES = (3, 5, 7, 9)

# %%
# Networks of one layer, with patches of 3 to 9 px: R is the sensitivity to deformation over that to noise of the same
# size
kept, relative = {}, {}
for size in SIZES:
    ckn = ConvKernelNetwork((64,), patch_size=size, subsampling=2, random_state=0).fit(X[:500])
    recommendations = check_recommendations(Architecture.of(ckn.network_), invariance=1.0)
    kept[size] = {r.name: bool(r.kept) for r in recommendations}
    report = measure_stability(
        ckn, X[1000:1100], SmoothDeformation(cutoff=3), (0.1,), measures=["relative_stability"], random_state=0
    )
    (relative[size],) = report.select("relative_stability")
    print(f"{size} px: R = {relative[size].mean:.2f}, {kept[size]}")

# %%
# `check_recommendations` reports the patches above 3 px; the larger the patch, the less stable the network
assert [size for size in SIZES if kept[size]["small patches"]] == [3]
assert all(relative[a].high < relative[b].low for a, b in pairwise(SIZES))
assert relative[9].mean > 2 * relative[3].mean

# %%
# A stride wider than the patch breaks the second recommendation
coarse = ConvKernelNetwork((64,), patch_size=2, subsampling=4, random_state=0).fit(X[:500])
broken = [r for r in check_recommendations(Architecture.of(coarse.network_), invariance=1.0) if not r.kept]
print(broken[0].explanation)
assert broken[0].name == "subsampling below the patch size"

figure, ax = plt.subplots(figsize=(6.5, 3), layout="constrained")
rows = list(relative.values())
middle = np.array([row.mean for row in rows])
spread = np.abs([[row.low, row.high] for row in rows] - middle[:, None]).T
ax.errorbar(SIZES, middle, spread, fmt="-", color="0.6", ecolor="0.3", capsize=3, zorder=1)
for within, colour, label in ((True, "C0", "as the theory asks"), (False, "C3", "wider than 3 px")):
    chosen = [i for i, size in enumerate(SIZES) if kept[size]["small patches"] is within]
    ax.scatter(np.array(SIZES)[chosen], middle[chosen], color=colour, label=label, zorder=2)
ax.set_ylim(0, None)
ax.set_xlabel("patch (px)")
ax.set_ylabel("deformation over noise, R")
ax.legend()
plt.show()
