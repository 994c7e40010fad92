"""
Why a CNN needs fewer samples
=============================

Which half of a row has the larger sum of squares? A network that pools squares needs about 10 to 25 rows at lengths of
8 to 32; a learner that is invariant to rotations needs a number of rows that grows about as the square of the length.

A rotation of all rows turns this rule into another one; a learner that is invariant to rotations has to tell all these
rules apart. Li, Zhang & Arora, "Why are convolutional nets more sample-efficient than fully-connected nets?" (ICLR
2021). First rows of one length; then the stored results of a study of five lengths, `python benchmarks/experiments
sample-complexity`.
"""

import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from kernelconv import ConvNetClassifier, NetworkTransformer, serial
from kernelconv.datasets import make_orthogonal_quadratic
from kernelconv.operators import AveragePooling, Convolution, Dense, Flatten, Square

halves, row = AveragePooling((1, 8)), {"image_shape": (1, 16)}
pooled = NetworkTransformer(serial(Square(), halves, Flatten()), **row)
convolved = serial(Convolution(4, 1), Square(), halves, Dense(2))
trained = {"epochs": 60, "learning_rate": 0.1, "weight_decay": 0, "random_state": 0}
learners = {
    "pooled squares": (make_pipeline(pooled, LogisticRegression(C=100)), (10, 20, 40, 80, 160, 320, 640)),
    "ConvNet": (ConvNetClassifier(convolved, **trained, **row), (20, 40, 80)),
    "quadratic SVC": (SVC(kernel="poly", degree=2, coef0=0, C=100), (10, 20, 40, 80, 160, 320, 640)),
}

# %%
# Rows of 16 values: accuracy on 2,000 new rows, means of three draws. The kernel of the SVC is a function of inner
# products, which rotations leave alone
right = {name: np.zeros(len(numbers)) for name, (_, numbers) in learners.items()}
for draw in range(3):
    X, y = make_orthogonal_quadratic(2640, 16, random_state=draw)
    for name, (learner, numbers) in learners.items():
        right[name] += [learner.fit(X[:n], y[:n]).score(X[640:], y[640:]) / 3 for n in numbers]
for name, shares in right.items():
    print(f"{name:15s}", dict(zip(learners[name][1], shares.round(3).tolist(), strict=True)))
assert right["pooled squares"][3] > 0.95
assert right["ConvNet"][1] > 0.93
assert right["quadratic SVC"][2] < 0.75
assert right["quadratic SVC"][-1] < right["ConvNet"][1]

# %%
# The study: the fewest rows with which each learner is right on 95 % of new rows, eight draws per length
results = Path(sys.argv[0]).resolve().parents[2] / "benchmarks" / "results" / "sample-complexity" / "results.json"
if not results.exists():
    raise FileNotFoundError(f"{results} is missing: run this example inside a checkout of the repository.")
cells, lengths = json.loads(results.read_text(encoding="utf-8")), (8, 12, 16, 24, 32)
needed, slopes = {}, {}
for name in learners:
    kept = [[np.log(c["samples"]) for c in cells if (c["learner"], c["d"]) == (name, length)] for length in lengths]
    needed[name] = np.exp(np.mean(kept, axis=1))
    slopes[name] = np.polyfit(np.log(lengths), np.log(needed[name]), 1)[0]
    print(f"{name:15s} {needed[name].round()}, as d^{slopes[name]:.2f}")
assert 1.5 < slopes["quadratic SVC"] < 2.3
assert max(slopes["pooled squares"], slopes["ConvNet"]) < 1

figure, (left, ax) = plt.subplots(1, 2, figsize=(7.2, 3.3), layout="constrained")
for name, colour in zip(learners, ["tab:blue", "tab:green", "tab:orange"], strict=True):
    left.semilogx(learners[name][1], right[name], "o-", markersize=4, color=colour)
    ax.loglog(lengths, needed[name], "o-", markersize=4, color=colour, label=f"{name}: $d^{{{slopes[name]:.2f}}}$")
left.set(xlabel="rows of 16", ylabel="accuracy on new rows", ylim=(0.45, 1.02), title="here")
left.set_xticks(numbers := (10, 40, 160, 640), map(str, numbers))
ax.set(xlabel="length $d$ of a row", ylabel="rows to .95", ylim=(5, 15000), title="the study")
ax.set_xticks(lengths, map(str, lengths))
for one in (left, ax):
    one.minorticks_off()
    one.title.set_size(9)
ax.legend(fontsize=8)
plt.show()
