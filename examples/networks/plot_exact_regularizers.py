"""
Four regularisers, exactly
==========================

Weight decay, ridge, batch normalisation and dropout each do one thing to numbers that is known without any training.

A step of SGD with decay multiplies weights by 1 - rate x decay; ridge multiplies a least-squares solution, direction by
direction, by s^2 / (s^2 + alpha); behind a normalisation the size of weights does nothing; dropout that divides by what
it keeps leaves means alone. Krogh & Hertz (1991); Hoerl & Kennard (1970); Ioffe & Szegedy; Srivastava et al. (2014).
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import ConvNetClassifier, serial
from kernelconv.operators import BatchNorm, Dense, Dropout
from kernelconv.streams import IncrementalRidge

rng = np.random.default_rng(0)
plt.rc("axes", titlesize=9)
figure, ((top, right), (left, low)) = plt.subplots(2, 2, figsize=(6.6, 4.8), layout="constrained")


# %%
# Weight decay: without a gradient, that is on black images, nothing else moves the weights
def weights(X, **settings):
    """Return the weights of one dense layer after SGD, a step an epoch."""
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
# Ridge: along the j-th right singular vector, least squares times s^2 / (s^2 + alpha)
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
# Batch normalisation: BN(a W x) = BN(W x) but for its epsilon, which a^2 outgrows
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
# Dropout: means stay, second moments grow by 1 / (1 - p), so that a constant 1 gets variance p / (1 - p)
n = 100_000
values = np.stack([np.ones(n), rng.standard_normal(n)], axis=-1).reshape(n, 1, 1, 2)
for p in (0.1, 0.25, 0.5, 0.75):
    ones, normal = Dropout(p).build((1, 1, 2)).pullback(values, train=True, rng=rng)[0].reshape(n, 2).T
    assert max(abs(ones.mean() - 1), abs(normal.mean())) < 5 / np.sqrt((1 - p) * n)
    assert np.allclose([ones.var(), np.mean(normal**2)], [p / (1 - p), 1 / (1 - p)], rtol=0.05)
    low.plot(p, ones.var(), "o", color="tab:blue", markersize=4)
low.plot(grid := np.linspace(0, 0.8), grid / (1 - grid), color="0.7")
low.set(xlabel="drop probability $p$", ylabel="variance of a constant 1", title="dropout: $p/(1-p)$")
plt.show()
