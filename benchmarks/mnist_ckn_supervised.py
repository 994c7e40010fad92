"""End-to-end against unsupervised anchors: the same network, the same last layer, 10,000 MNIST images.

The penalty of each is chosen among four on a fifth of the training subset, held out; for the trained network with the
anchors of its start, to save time. The test set is read once for each.

    python benchmarks/mnist_ckn_supervised.py
"""

import argparse
import json
import time
from pathlib import Path

from sklearn.model_selection import train_test_split

from kernelconv import ConvKernelClassifier, balanced_subset, load_mnist
from kernelconv._files import write_atomically
from kernelconv.studies.environment import environment

OUT = Path(__file__).parent / "results/mnist-ckn-supervised.json"
NETWORK = {"n_anchors": (32, 64), "patch_size": 3, "subsampling": (2, 4)}
PENALTIES = (1e-7, 1e-6, 1e-5, 1e-4)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--size", type=int, default=10_000)
    options.add_argument("--epochs", type=int, default=5)
    options.add_argument("--learning-rate", type=float, default=0.05)
    options.add_argument("--n-jobs", type=int, default=None)
    options = options.parse_args()
    images, labels, test_images, test_labels = load_mnist()
    index = balanced_subset(labels, options.size, random_state=0)
    x, y = images[index], labels[index]
    shared = {**NETWORK, "random_state": 0, "n_jobs": options.n_jobs}
    a, b, ya, yb = train_test_split(x, y, test_size=0.2, stratify=y, random_state=0)
    validation = {}
    for penalty in PENALTIES:
        clf = ConvKernelClassifier(**shared, alpha=penalty, epochs=0).fit(a, ya)
        validation[penalty] = round(100 * (1 - clf.score(b, yb)), 3)
        print(penalty, validation[penalty], flush=True)
    penalty = min(validation, key=validation.get)
    record = {"size": options.size, "network": NETWORK, "penalty": penalty, "validation_error": validation}
    for name, epochs in (("unsupervised", 0), ("supervised", options.epochs)):
        start = time.perf_counter()
        clf = ConvKernelClassifier(
            **shared, alpha=penalty, epochs=epochs, learning_rate=options.learning_rate, verbose=True
        )
        clf.fit(x, y)
        seconds = time.perf_counter() - start
        record[name] = {
            "error": round(100 * (1 - clf.score(test_images, test_labels)), 4),
            "training_error": round(100 * (1 - clf.score(x, y)), 4),
            "epochs": epochs,
            "learning_rate": options.learning_rate,
            "fit_seconds": round(seconds, 1),
            "objectives": [h["objective"] for h in clf.history_],
        }
        print(name, record[name], flush=True)
    write_atomically(OUT, json.dumps({**record, "environment": environment()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
