"""How long certificates take: 100 images of 28 x 28 px and 1,000 samples each, of LeNet, and the share of its parts.

    python benchmarks/timing/certify.py [--data mnist] [--images 100] [--samples 1000]

Seconds of the clock, on the cores that the process may use; the model is trained on 1,000 images before.
"""

import argparse
import time

import numpy as np

from kernelconv import ConvNetClassifier
from kernelconv.datasets import load_split
from kernelconv.deformations import SmoothDeformation
from kernelconv.stability import certify


class Timed:
    """A classifier that counts the seconds it takes."""

    def __init__(self, classifier):
        self.classifier, self.seconds = classifier, 0.0

    def predict(self, x):
        """Return the labels of images."""
        start = time.perf_counter()
        labels = self.classifier.predict(x)
        self.seconds += time.perf_counter() - start
        return labels


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--data", default="mnist")
    options.add_argument("--images", type=int, default=100)
    options.add_argument("--samples", type=int, default=1000)
    options.add_argument("--sigmas", type=float, nargs="+", default=[1.0, 2.0, 4.0], help="px")
    options = options.parse_args()
    split = load_split(options.data)
    chosen = np.random.default_rng(0).permutation(len(split.X_train))[: 1000 + options.images]
    X, y = split.X_train[chosen], split.y_train[chosen]
    model = Timed(ConvNetClassifier("lenet5", random_state=0).fit(X[:1000], y[:1000]))
    for sigma in options.sigmas:
        model.seconds, start = 0.0, time.perf_counter()
        found = certify(
            model, X[1000:], SmoothDeformation(3), sigma, n_samples=options.samples, order=3, random_state=0
        )
        whole = time.perf_counter() - start
        accuracy = found.accuracy(y[1000:], [0.0, 0.05, 0.1, 0.2])
        print(
            f"{found}: {whole:.1f} s, the model {model.seconds / whole:.0%}, fields and warps the rest; certified "
            f"accuracy at 0, .05, .1 and .2: {', '.join(f'{a:.2f}' for a in accuracy)}; {found.noise}",
            flush=True,
        )


if __name__ == "__main__":
    main()
