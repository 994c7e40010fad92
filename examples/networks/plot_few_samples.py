"""
Why a CNN needs fewer samples
=============================

Which half of a row has the larger sum of squares? A network that pools squares needs a few dozen rows of any length; a
learner that is blind to rotations needs more of them, by the square of the length.

A rotation of all rows turns this rule into another one; who cannot see the difference has to tell all of them apart.
Li, Zhang & Arora, "Why are convolutional nets more sample-efficient than fully-connected nets?" (ICLR 2021). Here, in
small: the rows it takes to be right on 19 of 20 new ones, by learners of two sums and of all products of two features.
"""

import bisect

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from kernelconv import ConvNetClassifier, serial
from kernelconv.datasets import make_orthogonal_quadratic
from kernelconv.operators import AveragePooling, Convolution, Dense, Square

lengths, steps = (8, 10, 12, 16), np.geomspace(8, 2500, 52).round().astype(int)


# %%
# The rows from which on a learner passes .95, to 12 %, by halving
def rows_needed(learner, X, y):
    """Return how many of the first 2,500 rows `learner` takes to be right on .95 of the others."""

    def passes(n):
        return len(set(y[:n])) == 2 and learner.fit(X[:n], y[:n]).score(X[2500:], y[2500:]) >= 0.95

    return steps[bisect.bisect_left(steps, True, key=passes)]


# %%
# Features of a convolutional network against a kernel of inner products alone, five draws each
needed = {"pooled squares": np.empty((4, 5)), "quadratic kernel": np.empty((4, 5))}
for i, d in enumerate(lengths):
    pooling = serial(Square(), AveragePooling((1, d // 2))).build((1, d, 1))
    for draw in range(5):
        X, y = make_orthogonal_quadratic(4000, d, random_state=draw)
        pooled = pooling.forward(X[:, None, :, None]).reshape(4000, 2)
        needed["pooled squares"][i, draw] = rows_needed(LogisticRegression(C=100), pooled, y)
        kernel = SVC(kernel="poly", degree=2, C=100)
        needed["quadratic kernel"][i, draw] = rows_needed(kernel, X, y)
for name, rows in needed.items():
    print(f"{name:17s}", rows.mean(axis=1).round().tolist())
slopes = {name: np.polyfit(np.log(lengths), np.log(rows.mean(axis=1)), 1)[0] for name, rows in needed.items()}
print({name: f"rows grow as d^{slope:.2f}" for name, slope in slopes.items()})
assert 1.5 < slopes["quadratic kernel"] < 2.3
assert needed["pooled squares"].mean(axis=1).max() < 60
assert (needed["quadratic kernel"].mean(axis=1) > 10 * needed["pooled squares"].mean(axis=1)).all()

# %%
# The network that finds its filter itself, from 40 rows of 16
right = []
for draw in range(5):
    X, y = make_orthogonal_quadratic(3000, 16, random_state=draw)
    network = serial(Convolution(4, 1), Square(), AveragePooling((1, 8)), Dense(2))
    clf = ConvNetClassifier(network, epochs=60, learning_rate=0.1, weight_decay=0, random_state=0)
    rows = X[:, None, :, None]
    right.append(clf.fit(rows[:40], y[:40]).score(rows[40:], y[40:]))
print(f"40 rows, a convolution, squares and pooling: {np.round(right, 3)}")
assert np.mean(right) > 0.93

figure, ax = plt.subplots(figsize=(5.4, 3.6), layout="constrained")
for (name, rows), colour in zip(needed.items(), ["tab:blue", "tab:orange"], strict=True):
    ax.loglog(np.repeat(lengths, 5), rows.ravel(), "o", color=colour, markersize=3, alpha=0.4)
    ax.loglog(lengths, rows.mean(axis=1), "o-", color=colour, label=name)
ax.loglog(lengths, 6 * np.square(lengths), "--", color="0.6", label="$6 d^2$")
ax.set(xlabel="length $d$ of a row", ylabel="rows to .95", xticks=lengths, xticklabels=lengths)
ax.minorticks_off()
ax.legend(fontsize=8, loc="center right")
plt.show()
