"""
Why a CNN needs fewer samples
=============================

Which half of a row has the larger sum of squares? A network that pools squares needs a few dozen rows of any length; a
learner that is blind to rotations needs more of them, by the square of the length.

A rotation of all rows turns this rule into another one; who cannot see the difference has to tell all of them apart.
Li, Zhang & Arora, "Why are convolutional nets more sample-efficient than fully-connected nets?" (ICLR 2021). Here, in
small: the rows it takes to be right on 19 of 20 new ones, by learners of two sums and of all products of two features.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from kernelconv import ConvNetClassifier, serial
from kernelconv.datasets import make_orthogonal_quadratic
from kernelconv.operators import AveragePooling, Convolution, Dense, Square

lengths, steps = (8, 12, 16, 20), np.geomspace(8, 4000, 56).round().astype(int)


# %%
# The rows from which a learner passes .95, among steps of 12 %, from a first one on
def rows_needed(learner, X, y, first):
    """Return how many of the first 4,000 rows `learner` takes to be right on .95 of the others."""
    for n in steps[steps >= first]:
        if len(set(y[:n])) == 2 and learner.fit(X[:n], y[:n]).score(X[4000:], y[4000:]) >= 0.95:
            return n
    raise ValueError("more rows are needed")


# %%
# Features of a convolutional network against a kernel of inner products alone, five draws each
needed = {"pooled squares": np.empty((4, 5)), "quadratic kernel": np.empty((4, 5))}
for i, d in enumerate(lengths):
    pooling = serial(Square(), AveragePooling((1, d // 2))).build((1, d, 1))
    for draw in range(5):
        X, y = make_orthogonal_quadratic(6000, d, random_state=draw)
        pooled = pooling.forward(X[:, None, :, None]).reshape(6000, 2)
        needed["pooled squares"][i, draw] = rows_needed(LogisticRegression(C=100), pooled, y, 8)
        kernel = SVC(kernel="poly", degree=2, C=100)
        needed["quadratic kernel"][i, draw] = rows_needed(kernel, X, y, 3 * d**2)
for name, rows in needed.items():
    print(f"{name:17s}", rows.mean(axis=1).round().tolist())
slopes = {name: np.polyfit(np.log(lengths), np.log(rows.mean(axis=1)), 1)[0] for name, rows in needed.items()}
print({name: f"rows grow as d^{slope:.2f}" for name, slope in slopes.items()})
