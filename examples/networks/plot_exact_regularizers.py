"""
Four regularisers and their exact effects
=========================================

Weight decay, ridge, batch normalisation and dropout each have an effect on weights or values that is known without any
training. What decay, crops and batch normalisation do to the errors of networks has to be measured.

A step of SGD with decay multiplies weights by 1 - rate x decay; ridge multiplies a least-squares solution, along each
singular direction, by s^2 / (s^2 + alpha); before a batch normalisation the scale of weights has no effect; dropout,
which divides by the share kept, leaves means unchanged. Krogh & Hertz (1991); Hoerl & Kennard (1970); Ioffe & Szegedy
(2015); Srivastava et al. (2014). The errors are the stored results of a study, `python benchmarks/experiments
regularization-mnist`: 1,000 digits, three draws.
"""

import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import ConvNetClassifier, serial
from kernelconv.operators import BatchNorm, Dense, Dropout
from kernelconv.streams import IncrementalRidge

rng = np.random.default_rng(0)
plt.rc("axes", titlesize=9)
places = [["top", "right"], ["left", "low"], ["study", "study"]]
figure, axes = plt.subplot_mosaic(places, figsize=(6.6, 7.0), layout="constrained")
top, right, left, low, study = axes.values()


# %%
# Weight decay: on black images the gradient of the weights is 0, and decay alone changes them
def weights(X, **settings):
    """Return the weights of one dense layer after SGD, one step in each epoch."""
    settings |= {"optimizer": "sgd", "momentum": 0, "schedule": "constant", "batch_size": 60, "learning_rate": 0.5}
    clf = ConvNetClassifier(serial(Dense(3)), **settings, random_state=0).fit(X, np.arange(60) % 3)
    return clf.network_.params["dense_1.weight"]


black, noise, steps = np.zeros((60, 4, 4, 1)), rng.standard_normal((60, 4, 4, 1)), np.array([1, 5, 20, 40])
start = weights(black, epochs=1, weight_decay=0)
kept = [np.linalg.norm(weights(black, epochs=n, weight_decay=0.1)) / np.linalg.norm(start) for n in steps]
assert np.allclose(kept, 0.95**steps, rtol=1e-12)
with_decay, without = (weights(noise, epochs=1, weight_decay=decay) for decay in (0.1, 0))
assert np.abs(without - start).max() > 0.01  # where there is a gradient, decay comes on top
assert np.allclose(with_decay - without, -0.05 * start, atol=1e-14)
top.plot(np.arange(41), 0.95 ** np.arange(41), "0.7", steps, kept, "C0o", markersize=4)
top.set(xlabel="steps", ylabel="size of the weights", ylim=(0, 1.05), title="decay: $(1-\\eta\\lambda)^t$")

# %%
# Ridge: along the j-th right singular vector, the least-squares solution times s^2 / (s^2 + alpha) with s = s_j
X = (rng.standard_normal((200, 12)) * np.geomspace(0.1, 3, 12)) @ np.linalg.qr(rng.standard_normal((12, 12)))[0]
X, y = X - X.mean(axis=0), X @ rng.standard_normal(12) + rng.standard_normal(200)
U, s, Vt = np.linalg.svd(X, full_matrices=False)
for alpha in (1, 30, 1000):
    shrunk = Vt @ IncrementalRidge(alpha, cv=None).fit(X, y).coef_ / (U.T @ y / s)
    assert np.allclose(shrunk, s**2 / (s**2 + alpha), rtol=1e-8)
    right.semilogx(s, shrunk, "o-", markersize=4, linewidth=0.7, label=f"$\\alpha$ = {alpha:,}")
right.set(xlabel="singular value $s$", ylabel="share left", xlim=(1, 200), title="ridge: $s^2/(s^2+\\alpha)$")
right.legend(fontsize=7)

# %%
# Batch normalisation: BN(a W x) = BN(W x) up to the effect of epsilon, which is added to a variance of a^2 times W x's
network = serial(Dense(8, bias=False), BatchNorm()).build((4, 4, 1), rng).astype(np.float64)
once, variance = network.pullback(noise, train=True)[0], network.parts[0].forward(noise).var(axis=0)
for a in (1 / 30, 0.1, 0.3, 3, 10, 100, 1000):
    scaled = network.replace({**network.params, "dense_1.weight": a * network.params["dense_1.weight"]})
    out = scaled.pullback(noise, train=True)[0]
    apart = np.abs(out - once).max() / np.abs(once).max()
    assert apart < 1e-5 / variance.min() * max(1, a**-2)
    assert np.allclose(out, once * np.sqrt((variance + 1e-5) / (variance + 1e-5 / a**2)), rtol=1e-12)
    left.loglog(a, apart, "o", color="tab:blue", markersize=4)
left.set(xlabel="factor $a$ of the weights", ylabel="relative difference", title="BN($aWx$) = BN($Wx$)")

# %%
# Dropout: means stay, second moments grow by a factor of 1 / (1 - p), so that a constant 1 gets variance p / (1 - p)
n = 100_000
values = np.stack([np.ones(n), rng.standard_normal(n)], axis=-1).reshape(n, 1, 1, 2)
for p in (0.1, 0.25, 0.5, 0.75):
    ones, normal = Dropout(p).build((1, 1, 2)).pullback(values, train=True, rng=rng)[0].reshape(n, 2).T
    assert max(abs(ones.mean() - 1), abs(normal.mean())) < 5 / np.sqrt((1 - p) * n)
    assert np.allclose([ones.var(), np.mean(normal**2)], [p / (1 - p), 1 / (1 - p)], rtol=0.05)
    low.plot(p, ones.var(), "o", color="tab:blue", markersize=4)
low.plot(grid := np.linspace(0, 0.8), grid / (1 - grid), color="0.7")
low.set(xlabel="drop probability $p$", ylabel="variance of a constant 1", title="dropout: $p/(1-p)$")

# %%
# The study: shifts of up to two pixels ("crops") and decay, each on and off, for three networks
results = Path(sys.argv[0]).resolve().parents[2] / "benchmarks" / "results" / "regularization-mnist" / "results.json"
if not results.exists():
    raise FileNotFoundError(f"{results} is missing: run this example inside a checkout of the repository.")
cells = json.loads(results.read_text(encoding="utf-8"))


def errors(network, batch_norm=False, **how):
    """Return the test errors (%) of a network's cells, those of `how` alone."""
    how |= {"network": network, "batch_norm": batch_norm}
    return 100 * np.array([c["test_error"] for c in cells if all(c[k] == v for k, v in how.items())])


def mean(values):
    """Return the mean and its standard error."""
    return values.mean(), values.std(ddof=1) / np.sqrt(len(values))


perceptron, lenet, inception = "MLP 3 x 512", "LeNet-5", "small Inception"
forms = {perceptron: (perceptron,), lenet: (lenet,), inception: (inception,), f"{inception}, BN": (inception, True)}
for name, form in forms.items():
    (plain, a), (crops, b) = (mean(errors(*form, crop=crop)) for crop in (False, True))
    print(f"{name}: {plain:.2f} ± {a:.2f} % wrong, {crops:.2f} ± {b:.2f} with crops")
    assert plain - crops > 2 * np.hypot(a, b)  # crops help every network, beyond two standard errors
    (kept, a), (decayed, b) = (mean(errors(*form, decay=decay)) for decay in (False, True))
    assert abs(kept - decayed) < 2 * np.hypot(a, b)  # no effect of decay beyond two standard errors
plain = {name: errors(*form, crop=False).mean() for name, form in forms.items()}
assert plain[perceptron] - plain[f"{inception}, BN"] > 5  # points
assert plain[perceptron] - max(plain[lenet], plain[inception]) > 4
# decay does not close the gap from the perceptron to LeNet-5
assert errors(perceptron, crop=False, decay=True).min() - errors(lenet, crop=False, decay=False).max() > 3
for k, (crop, decay) in enumerate([(False, False), (False, True), (True, False), (True, True)]):
    heights, bars = zip(*(mean(errors(*form, crop=crop, decay=decay)) for form in forms.values()), strict=True)
    label = f"{'crops' if crop else 'no crops'}{', decay' if decay else ''}"
    color = plt.cm.Paired(2 * crop + 1 - decay)
    study.bar(np.arange(len(forms)) + 0.2 * (k - 1.5), heights, 0.19, yerr=bars, color=color, label=label)
study.set_xticks(range(len(forms)), forms)
study.set(ylabel="test error (%)", title="1,000 digits of MNIST: mean of three draws, one standard error")
study.legend(fontsize=8, ncols=2)
plt.show()
