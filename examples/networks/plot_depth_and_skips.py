"""
Depth with and without skip connections
=======================================

Twenty-six plain layers reach a higher training loss than eight; with a skip connection around every two of them, they
reach the lowest loss of all.

The sizes of the layers and the training are the same: a block with a skip connection computes x + f(x) in place of
f(x). All this is with batch normalisation. He, Zhang, Ren & Sun, "Deep residual learning for image recognition" (2016)
and "Delving deep into rectifiers" (2015). First three epochs on 320 digits; then the stored results of a study, `python
benchmarks/experiments depth`: six epochs on 1,300 digits.
"""

import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import ConvNetClassifier, load_digits_images, serial
from kernelconv.operators import BatchNorm, Convolution, Dense, GlobalPooling, MaxPooling, ReLU, Residual


# %%
# Blocks of two convolutions between a first and a last layer
def network(layers, skip, norm=True, initialization="he_normal"):
    """Return a network of so many layers with weights, with a way around each block or without."""

    def convolved():
        return [Convolution(12, 3, padding="zero", initialization=initialization), *([BatchNorm()] if norm else [])]

    blocks = []
    for _ in range((layers - 2) // 2):
        block = serial(*convolved(), ReLU(), *convolved())
        blocks += [Residual(block) if skip else block, ReLU()]
    return serial(*convolved(), MaxPooling(2), ReLU(), *blocks, GlobalPooling(), Dense(10))


# %%
# Three networks with batch normalisation, trained alike
(X, y), losses = load_digits_images(), {}
for layers, skip in ((8, False), (26, False), (26, True)):
    clf = ConvNetClassifier(network(layers, skip), epochs=3, learning_rate=0.01, random_state=0, n_jobs=1)
    losses[layers, skip] = [epoch["loss"] for epoch in clf.fit(X[:320], y[:320]).history_]
assert losses[26, True][-1] + 0.5 < losses[8, False][-1] < losses[26, False][-1] - 0.1

# %%
# Without batch normalisation: the default initial weights of PyTorch have a sixth of the variance of He's, so that
# after 25 convolutions the signal is smaller by a factor of 6^-12.5
arrives = {}
for name in ("torch_default", "he_normal"):
    built = network(26, skip=False, norm=False, initialization=name).build((8, 8, 1), np.random.default_rng(0))
    arrives[name] = list(built.trace(X[:100, ..., None].astype(float)).values())[-3].std(axis=0).mean()
assert 0.2 < arrives["torch_default"] / arrives["he_normal"] * 6**12.5 < 5

# %%
# The study: training losses at the end, three draws each
results = Path(sys.argv[0]).resolve().parents[2] / "benchmarks" / "results" / "depth" / "results.json"
if not results.exists():
    raise FileNotFoundError(f"{results} is missing: run this example inside a checkout of the repository.")
of = {}
for c in json.loads(results.read_text(encoding="utf-8")):
    key = ("BatchNorm" if c["batch_norm"] else c["initialization"], c["depth"], c["skip"])
    of.setdefault(key, []).append(c["loss"])
mean = {key: float(np.mean(found)) for key, found in of.items()}
print(mean)
assert (np.diff([mean["BatchNorm", *key] for key in ((26, True), (8, True), (8, False), (26, False))]) > 0.1).all()
assert np.allclose(of["torch_default", 26, False], np.log(10), atol=0.01)  # the loss of guessing
assert max(of["he_normal", 26, False]) < 2  # they begin to learn: losses of 0.39 to 1.94
assert mean["torch_default", 26, True] < 0.2 < 0.4 < mean["he_normal", 26, True]  # with skips He's do worse

figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.3), layout="constrained")
for k, (layers, skip) in enumerate([(8, False), (8, True), (26, False), (26, True)]):
    look = {"marker": "o", "color": ("tab:red", "tab:blue")[k // 2], "fillstyle": ("none", "full")[k % 2]}
    left.plot(range(1, 4), losses.get((layers, skip), [np.nan] * 3), **look)
    for start, name in enumerate(("BatchNorm", "torch_default", "he_normal")):
        text = f"{layers} layers, {'skips' if skip else 'plain'}"
        right.semilogy([start + k / 7] * 3, of[name, layers, skip], **look, linewidth=0.7, label=text * (start == 0))
left.set(xlabel="epoch", ylabel="training loss", xticks=range(1, 4), ylim=(0, None), title="here, with BatchNorm")
right.set(xticks=np.arange(3) + 0.2, xticklabels=["BatchNorm", "without", "without,\nHe's start"], title="the study")
right.legend(fontsize=7)
plt.show()
