"""
Where translation invariance hurts
==================================

Is the dot at one given place? Circular borders and global pooling make all places alike, so that this CNN can only
guess.

A fully connected network learns the place. Which inductive bias is right depends on the question.
"""

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import ConvNetClassifier, serial
from kernelconv.operators import Convolution, Dense, GlobalPooling, ReLU

rng = np.random.default_rng(0)
SIDE, PLACE = 8, 27  # the place, row by row


def dots(places, noise=0.1):
    """Return pictures of a dot at each of `places`, in noise."""
    return np.eye(SIDE**2)[places].reshape(-1, SIDE, SIDE) + noise * rng.standard_normal((len(places), SIDE, SIDE))


def questions(n):
    """Return n pictures, and whether their dot is at the place: of every second one it is."""
    y = np.arange(n) % 2
    elsewhere = rng.choice(np.delete(np.arange(SIDE**2), PLACE), n)
    return dots(np.where(y, PLACE, elsewhere)), y


# %%
# A CNN and a fully connected network, trained alike
convolutional = serial(Convolution(16, 3, padding="circular"), ReLU(), GlobalPooling(), Dense(2))
free = serial(Dense(16), ReLU(), Dense(2))
X, y = questions(600)
X_test, y_test = questions(1000)
models, accuracy = {}, {}
for name, network in {"CNN": convolutional, "MLP": free}.items():
    models[name] = ConvNetClassifier(network, epochs=20, learning_rate=0.01, random_state=0).fit(X, y)
    accuracy[name] = models[name].score(X_test, y_test)
    print(f"{name}: {models[name].network_.n_params()} numbers learned, accuracy {accuracy[name]:.3f}")
assert accuracy["CNN"] <= 0.6
assert accuracy["MLP"] >= 0.99

# %%
# The probability of "yes" for a dot at each place, without noise
everywhere = dots(np.arange(SIDE**2), noise=0)
said = {name: model.predict_proba(everywhere)[:, 1].reshape(SIDE, SIDE) for name, model in models.items()}
assert np.ptp(said["CNN"]) < 1e-5
assert said["MLP"].argmax() == PLACE

figure, axes = plt.subplots(1, 4, figsize=(8, 2.3), layout="constrained")
for ax, image, title in zip(axes, X[1::-1], ("yes", "no"), strict=False):
    ax.imshow(image, cmap="gray")
    ax.set_title(f"a dot: {title}", fontsize=10)
for ax, (name, p) in zip(axes[2:], said.items(), strict=True):
    shown = ax.imshow(p, cmap="viridis", vmin=0, vmax=1)
    ax.set_title(f"{name}: {100 * accuracy[name]:.0f} % right", fontsize=10)
for ax in axes:
    ax.set_xticks([])
    ax.set_yticks([])
figure.colorbar(shown, ax=axes[3], label="probability of yes")
plt.show()
