"""
What weight sharing saves
=========================

How many weights a layer has if every unit sees every pixel, if each sees its neighbourhood only, and if all
neighbourhoods share their weights.

The gradient of a shared weight is the sum of the gradients that it would have at each place. LeCun (1989).
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv.operators import Convolution, Dense, LocallyConnected

rng = np.random.default_rng(0)

# %%
# The parameters of a hundred units on 28 x 28 px, and of a hundred filters of 5 x 5
small = (28, 28, 1)
print(Dense(100).build(small, rng).n_params(), Convolution(100, 5).build(small, rng).n_params())
assert Dense(100).build(small, rng).n_params() == 78_500
assert Convolution(100, 5).build(small, rng).n_params() == 2_600

# %%
# A dense layer is the convolution whose filter is as large as the map
x, dense = rng.standard_normal((4, 5, 6, 2)), Dense(3).build((5, 6, 2), rng)
whole = Convolution.from_weights(dense.params["weight"].reshape(5, 6, 2, 3)).forward(x)
assert np.allclose(whole, dense.forward(x), atol=1e-12)
assert whole.shape == (4, 1, 1, 3)

# %%
# Ten maps of 200 x 200 units. Where no weight is shared, each is used once: the number of multiply-adds is that of the
# weights, and none of the 16,000,000,000 has to be drawn
large = (200, 200, 1)
parts = {
    "fully connected": Dense(400_000, bias=False),
    "locally connected": LocallyConnected(10, 10, padding="zero", bias=False),
    "convolution": Convolution(10, 10, padding="zero", bias=False),
}
uses = {name: part.multiply_adds(large) for name, part in parts.items()}
weights = uses | {"convolution": parts["convolution"].build(large, rng).n_params()}
print(weights)
assert weights == {"fully connected": 16_000_000_000, "locally connected": 40_000_000, "convolution": 1_000}
assert uses["convolution"] == uses["locally connected"]  # sharing saves weights, not multiply-adds
for part in (Dense(12, bias=False), LocallyConnected(2, 3, padding="zero", bias=False)):
    assert part.multiply_adds((6, 5, 2)) == part.build((6, 5, 2), rng).n_params()

# %%
# Tied weights, and untied ones of the same values: the gradient of the tied weights is the sum of the others'
tied = Convolution(4, 3, padding="zero", bias=False).build((10, 10, 2), rng)
untied = LocallyConnected(4, 3, padding="zero", bias=False).build((10, 10, 2), rng)
untied = untied.replace({"weight": np.broadcast_to(tied.params["weight"], (10, 10, 18, 4))})
x, g = rng.standard_normal((5, 10, 10, 2)), rng.standard_normal((5, 10, 10, 4))
assert np.allclose(tied.forward(x), untied.forward(x), atol=1e-12)
together, each = tied.vjp(x, g)[1]["weight"], untied.vjp(x, g)[1]["weight"]
error = np.abs(each.sum(axis=(0, 1)) - together).max() / np.abs(together).max()
print(f"sum of the untied gradients against the tied one: {error:.1e}")
assert error < 1e-12

figure, ax = plt.subplots(figsize=(7, 2), layout="constrained")
bars = ax.barh(list(weights)[::-1], list(weights.values())[::-1], color=["C2", "C1", "C0"])
ax.bar_label(bars, [f"{n:,}" for n in list(weights.values())[::-1]], padding=4)
ax.set_xscale("log")
ax.set_xlim(100, 1e13)
ax.set_xlabel("weights from 200 x 200 px to ten maps of as many units")
plt.show()
