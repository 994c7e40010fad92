"""How stable is a representation? The same deformations for pixels, scattering and a convolutional kernel network."""

import matplotlib.pyplot as plt

from kernelconv import ConvKernelNetwork, Scattering2D, SmoothDeformation, load_digits_images, measure_stability

X, y = load_digits_images()
train, test = X[:800], X[800:1000]

representations = {
    "pixels": lambda images: images.reshape(len(images), -1),
    "scattering": Scattering2D(J=2).fit(train),
    "ckn": ConvKernelNetwork(n_anchors=(32, 64), random_state=0).fit(train),
}
figure, ax = plt.subplots(figsize=(5, 3.5))
for name, phi in representations.items():
    report = measure_stability(
        phi, test, SmoothDeformation(cutoff=3), (0.05, 0.1, 0.2, 0.4), measures=["relative_change"], random_state=0
    )
    print(name, report, sep="\n")
    report.plot(ax, label=name)
ax.legend()
figure.tight_layout()
plt.show()
