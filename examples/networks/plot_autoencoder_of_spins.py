"""
An autoencoder of spins, compared with PCA
==========================================

Thirty-two units encode a hundred spins. Trained by gradient descent, they reach the error of as many principal
components, within 5 %.

Spins of the Ising model at beta = 0.4 on a 10 x 10 torus; the error is the mean squared error per spin on samples that
were not used for training. Principal components are the best linear code: Baldi & Hornik (1989). Are the trained
filters local, as the interaction is? Slightly, by the share of a filter's energy in its best 3 x 3 square.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA

from kernelconv import ConvNetRegressor, serial
from kernelconv.datasets import sample_ising
from kernelconv.operators import Dense, Tanh

spins = sample_ising(4000, (10, 10), beta=0.4, n_sweeps=100, random_state=0)
rows = spins.reshape(4000, 100)
train, test = slice(0, 3000), slice(3000, 4000)

# %%
# The same spins are input and target
pca = PCA(32).fit(rows[train])
of_pca = np.mean((pca.inverse_transform(pca.transform(rows[test])) - rows[test]) ** 2)
network = serial(Dense(32), Tanh(), Dense(100))
settings = {"batch_size": 100, "learning_rate": 0.005, "weight_decay": 0, "random_state": 0}
autoencoder = ConvNetRegressor(network, epochs=45, **settings).fit(spins[train], rows[train])
decoded = autoencoder.predict(spins[test])
error = np.mean((decoded - rows[test]) ** 2)
print(f"mean squared error a spin: PCA {of_pca:.3f}, autoencoder {error:.3f}, mean alone {rows[test].var():.3f}")
assert abs(error / of_pca - 1) < 0.05
assert error < 0.3 * rows[test].var()


# %%
# How local a filter is: the share of its energy in the best of the 100 squares of 3 x 3 on the torus
def share_of_best_square(filters):
    """Return the mean over filters (n, 10, 10) of the largest share of energy in a square of 3 x 3, borders joined."""
    wrapped = np.pad(filters**2, ((0, 0), (1, 1), (1, 1)), mode="wrap")
    squares = np.lib.stride_tricks.sliding_window_view(wrapped, (3, 3), axis=(1, 2)).sum(axis=(-2, -1))
    return np.mean(squares.max(axis=(1, 2)) / (filters**2).sum(axis=(1, 2)))


filters = autoencoder.network_.parts[0].params["weight"].T.reshape(32, 10, 10)
components = pca.components_.reshape(32, 10, 10)
drawn = np.random.default_rng(0).standard_normal((1000, 10, 10))
shares = {"learned": filters, "principal": components, "drawn": drawn}
shares = {name: share_of_best_square(them) for name, them in shares.items()}
print("energy in the best 3 x 3:", {name: f"{share:.1%}" for name, share in shares.items()})
assert 0.18 < shares["drawn"] < 0.22
assert 0.01 < shares["learned"] - shares["drawn"] < 0.1  # small, and far from the 100 % of a convolution

figure = plt.figure(figsize=(7.6, 1.95), layout="constrained")
parts = figure.subfigures(1, 3, width_ratios=[1, 1, 0.85])
for part, images, title in zip(parts, [filters, components], ["filters learned", "principal"], strict=False):
    part.suptitle(f"{title}: {100 * share_of_best_square(images):.1f} % in a 3 x 3", fontsize=9)
    for ax, image in zip(part.subplots(4, 8).ravel(), images, strict=True):
        ax.imshow(image, cmap="RdBu", vmin=-np.abs(image).max(), vmax=np.abs(image).max())
        ax.set_axis_off()
parts[2].suptitle("spins, and decoded", fontsize=9)
for column, i in zip(parts[2].subplots(2, 3).T, range(3), strict=True):
    for ax, image in zip(column, (rows[test][i], decoded[i]), strict=True):
        ax.imshow(image.reshape(10, 10), cmap="gray_r", vmin=-1, vmax=1)
        ax.set_xticks([])
        ax.set_yticks([])
plt.show()
