"""
Networks of this library inside PyTorch
=======================================

Any network of parts is a module of PyTorch: layers of PyTorch can follow it, and its own weights can be trained by
PyTorch's optimizers. Anchors stay on their sphere, as the kernel mapping requires.

Scattering followed by a perceptron, and a convolutional kernel network whose anchors are learned from labels too, as in
Mairal (2016), "End-to-end kernel learning with supervised convolutional kernel networks".
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from kernelconv import ConvKernelNetwork, Scattering2D
from kernelconv.datasets import load_digits_images
from kernelconv.torch import as_module

torch.set_num_threads(1)  # batches are small
X, y = load_digits_images()
order = np.random.default_rng(0).permutation(len(X))
train, test = order[:500], order[500:1200]
images, labels = torch.tensor(X, dtype=torch.float32), torch.tensor(y)


def fit(model, *, epochs=8, learning_rate=1e-2):
    """Train a module by AdamW; return the mean loss of each epoch."""
    steps, losses = torch.optim.AdamW(model.parameters(), lr=learning_rate), []
    for _ in range(epochs):
        batches = torch.tensor(train)[torch.randperm(len(train))].split(50)
        total = 0.0
        for batch in batches:
            steps.zero_grad()
            loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
            loss.backward()
            steps.step()
            total += loss.item() / len(batches)
        losses.append(total)
    return losses


def error(model):
    """Return the share of test images with a wrong label, in percent."""
    with torch.no_grad():
        return 100 * float((model.eval()(images[test]).argmax(1) != labels[test]).float().mean())


# %%
# Scattering has no weights to learn; the perceptron behind it is trained
torch.manual_seed(0)
scattering = Scattering2D(J=2).fit(X[train].astype(np.float32))
features = as_module(scattering)
assert not list(features.parameters())
width = scattering.transform(X[:1]).shape[1]
perceptron = nn.Sequential(features, nn.LayerNorm(width), nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, 10))
losses = {"scattering + perceptron": fit(perceptron)}

# %%
# A CKN with a linear layer: first the layer alone is trained, then, in a second network, the anchors as well
ckn = ConvKernelNetwork(n_anchors=(8, 16), random_state=0).fit(X[train].astype(np.float32))
width = int(np.prod(ckn.maps_shape_))
alone = nn.Sequential(as_module(ckn).requires_grad_(False), nn.LayerNorm(width), nn.Linear(width, 10))
losses["anchors as k-means found them"] = fit(alone)
whole = nn.Sequential(as_module(ckn), nn.LayerNorm(width), nn.Linear(width, 10))
losses["anchors learned too"] = fit(whole)

errors = dict(zip(losses, map(error, (perceptron, alone, whole)), strict=True))
for name, value in errors.items():
    print(f"{name}: loss {losses[name][-1]:.3f}, {value:.1f} % of {len(test)} test images wrong")
assert errors["scattering + perceptron"] < 16
assert errors["anchors learned too"] < 0.8 * errors["anchors as k-means found them"]
assert losses["anchors learned too"][-1] < 0.7 * losses["anchors as k-means found them"][-1]

# %%
# The anchors moved, and stayed on their sphere; the module gives back a network of this library
trained = whole[0].part()
start, end = (network.params["layer_1.M.anchors"] for network in (ckn.network_, trained))
turned = np.degrees(np.arccos(np.clip((start * end).sum(axis=1), -1, 1)))
print(f"anchors of the first layer turned by {turned.min():.0f} to {turned.max():.0f} degrees")
assert np.abs(np.linalg.norm(end, axis=1) - 1).max() < 1e-6
assert turned.max() > 2
with torch.no_grad():
    there = whole[0](images[:5]).numpy()
assert np.allclose(there, trained.forward(X[:5].astype(np.float32)).reshape(5, -1), atol=1e-5)

figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 2.9), width_ratios=[1.3, 1], layout="constrained")
for name, values in losses.items():
    left.semilogy(range(1, len(values) + 1), values, "o-", markersize=3, label=f"{name}: {errors[name]:.1f} % wrong")
left.set(xlabel="epoch", ylabel="training loss")
left.legend(fontsize=8)
for k, z in enumerate((start, end)):
    grid = np.concatenate([np.pad(a.reshape(3, 3), 1, constant_values=np.nan) for a in z], axis=1)
    right.imshow(np.where(np.isnan(grid), 0, grid), cmap="RdBu_r", vmin=-1, vmax=1, extent=(0, 40, -6 * k, 5 - 6 * k))
right.set(xlim=(0, 40), ylim=(-6.5, 6), xticks=[], yticks=[2.5, -3.5], yticklabels=["before", "after"])
right.set_title("anchors of the first layer", fontsize=9)
plt.show()
