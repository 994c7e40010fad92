"""
Composing and training a CNN
============================

Compose a CNN from parts, train it, and look at what each layer makes of a digit.
"""

import matplotlib.pyplot as plt

from kernelconv import ConvNetClassifier, load_digits_images, serial
from kernelconv.operators import Convolution, Dense, GlobalPooling, LocallyConnected, MaxPooling, ReLU, Standardization

# %%
# The parts are applied in the order of the lines
X, y = load_digits_images()
network = serial(
    Standardization(),
    Convolution(16, 3, padding=1),
    ReLU(),
    MaxPooling(2),
    LocallyConnected(32, 3, padding=1),  # digits are centred: filters of their own at each position
    ReLU(),
    GlobalPooling(),
    Dense(10),
)
clf = ConvNetClassifier(network, epochs=30, learning_rate=0.01, random_state=0).fit(X[:1000], y[:1000])
print(clf.network_)
print(clf.summary())
accuracy = clf.score(X[1000:], y[1000:])
print(f"accuracy on the rest: {accuracy:.3f}")
assert accuracy > 0.93

# %%
# Eight maps of each layer
maps = clf.network_.trace(X[1000:1001])
figure, axes = plt.subplots(2, 8, figsize=(8, 2.2), layout="constrained")
for k in range(8):
    axes[0, k].imshow(maps["relu_3"][0, :, :, k], cmap="viridis")
    axes[1, k].imshow(maps["relu_6"][0, :, :, k], cmap="viridis")
    for ax in axes[:, k]:
        ax.set_xticks([])
        ax.set_yticks([])
axes[0, 0].set_ylabel("layer 1")
axes[1, 0].set_ylabel("layer 2")
plt.show()
