"""
A filter recovered by gradient descent
======================================

A shared filter on patches that do not overlap, ReLU, and the mean over places: on Gaussian data gradient descent
recovers the filter that made the labels, from each of five random starts.

Patches that do not overlap and Gaussian data are what makes this problem easy. Brutzkus & Globerson, "Globally optimal
gradient descent for a ConvNet with Gaussian inputs" (ICML 2017).
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import ConvNetRegressor, serial
from kernelconv.operators import Convolution, GlobalPooling, ReLU

PATCHES, SIZE = 8, 8
rng = np.random.default_rng(0)

# %%
# A teacher network whose filter is a wave, and its outputs for a thousand signals of noise
wave = np.sin(np.arange(SIZE) * 1.3) * np.hanning(SIZE + 2)[1:-1]
wave /= np.linalg.norm(wave)
signals = rng.standard_normal((1000, 1, PATCHES * SIZE, 1))
teacher = serial(Convolution.from_weights([wave], stride=(1, SIZE)), ReLU(), GlobalPooling())
answers = teacher.build(signals.shape[1:]).forward(signals).ravel()

# %%
# Five student networks of the same architecture, each with a random initial filter
form = serial(Convolution(1, (1, SIZE), stride=(1, SIZE), bias=False), ReLU(), GlobalPooling())
sgd = {"optimizer": "sgd", "momentum": 0.0, "learning_rate": 2.0, "schedule": "constant", "weight_decay": 0.0}
filters = []
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 2.9), layout="constrained")
for start in range(5):
    pupil = ConvNetRegressor(form, epochs=20, batch_size=100, random_state=start, **sgd).fit(signals, answers)
    drawn = form.build(signals.shape[1:], np.random.default_rng(100 + start)).params["convolution_1.weight"]
    filters.append(pupil.network_.params["convolution_1.weight"].ravel())
    left.semilogy([epoch["epoch"] for epoch in pupil.history_], [epoch["loss"] for epoch in pupil.history_])
    right.plot(drawn, color="0.8", label="filters drawn at random" if start == 0 else None)

# %%
# All five end at the teacher's filter
distances = np.linalg.norm(np.array(filters) - wave, axis=1)
print("distances from the teacher's filter:", " ".join(f"{d:.1e}" for d in distances))
assert len(distances) == 5
assert distances.max() < 1e-5

left.set_xlabel("epoch")
left.set_ylabel("loss")
left.set_title("five starts", fontsize=10)
for k, found in enumerate(filters):
    right.plot(found, "o-", color="C0", markersize=3, label="learned, all five" if k == 0 else None)
right.plot(wave, "k+", markersize=10, label="of the teacher")
right.set_title("filter", fontsize=10)
right.set_xlabel("place in the patch")
right.set_ylim(-1.2, 0.5)
right.legend(fontsize=8, loc="lower left")
plt.show()
