"""
A graph of the pixels that are inked together
=============================================

Two pixels are joined with a weight, the number of fives in which both are inked. The stationary distribution of a
random walk on this graph looks like a five.

Three questions about such graphs, for 200 fives of MNIST. Does the graph of a class give the neighbourhoods of a
convolution? Not by counts, which favour pixels that are often inked; but nine pixels in ten correlate most with a
neighbour. Does this depend on the order of the pixels? No: permuted pixels have the permuted graph, from which the same
pairs are found. What of two classes? Counts add up: the walk on the graph of both looks like neither.
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import load_mnist
from kernelconv.datasets import pixel_graph

X, y, _, _ = load_mnist()
fives = X[y == 5][:200]
graph = pixel_graph(fives)

# %%
# The density of the graph above three thresholds, for counts and for squared counts
shares = np.array([[100 * g.share(t) for t in (0, 0.1, 0.35)] for g in (graph, pixel_graph(fives, squared=True))])
print("% of pairs above 0, 10, 35 % of the largest count, and squared:", shares.round(2).tolist())
assert np.allclose(shares, [[30.69, 13.71, 4.25], [30.69, 4.99, 0.69]], atol=0.01)

# %%
# The walk's stationary distribution looks like the class it came from
pi = graph.stationary
means = np.array([X[y == digit].mean(axis=0).ravel() for digit in range(10)])
means[5] = fives.mean(axis=0).ravel()
alike = np.corrcoef(pi, means)[0, 1:]
print("correlation with the mean of each digit:", alike.round(3))
assert np.allclose(graph.transition.T @ pi, pi, atol=1e-15)
assert np.isclose(pi.sum(), 1)
assert abs(alike[5] - 0.991) < 1e-3
assert np.delete(alike, 5).max() < 0.87


# %%
# Are the pixels that are inked together neighbours?
def next_to_each_other(pairs):
    """Return the share of pairs of pixels (n, 2) that are a step apart."""
    rows, columns = np.divmod(pairs, 28)
    return np.mean(np.abs(np.diff(rows)) + np.abs(np.diff(columns)) == 1)


inked = fives.reshape(200, 784) > 0
often = np.flatnonzero(inked.sum(axis=0) >= 20)
correlations = np.corrcoef(inked[:, often].T) - 2 * np.eye(len(often))
partners = np.column_stack([often, often[correlations.argmax(axis=1)]])
by_counts, by_correlation = next_to_each_other(graph.strongest_pairs(400)), next_to_each_other(partners)
print(f"neighbours: {by_counts:.2f} of the strongest pairs, {by_correlation:.2f} of those most correlated")
assert by_counts < 0.25
assert by_correlation > 0.85

# %%
# Permuted pixels have the permuted graph; two classes have the sum of theirs
order = np.random.default_rng(0).permutation(784)
permuted = pixel_graph(fives.reshape(200, 784)[:, order])
assert np.array_equal(permuted.weights, graph.weights[np.ix_(order, order)])
eights = X[y == 8][:200]
both = pixel_graph(np.concatenate([fives, eights]))
assert np.array_equal(both.weights, graph.weights + pixel_graph(eights).weights)
assert np.corrcoef(both.stationary, means[[5, 8]])[0, 1:].max() < 0.97

figure, axes = plt.subplots(1, 5, figsize=(8.2, 2), width_ratios=[1, 1, 1, 1, 1.3], layout="constrained")
maps = [means[5], pi, both.stationary, graph.weights]
titles = ["mean five", "walk among fives", "fives and eights", "the graph"]
for ax, values, title in zip(axes, maps, titles, strict=False):
    ax.imshow(values.reshape(28, 28) if values.ndim == 1 else values, cmap="magma")
    ax.set_title(title, fontsize=9)
    ax.set_xticks([])
    ax.set_yticks([])
axes[4].bar(range(10), alike, color=["tab:red" if digit == 5 else "0.7" for digit in range(10)])
axes[4].set_title("likeness to mean digits", fontsize=9)
axes[4].set_xticks(range(10))
axes[4].tick_params(labelsize=7)
plt.show()
