"""MNIST with the exact kernel: one class-balanced subset, the first test digits, kernel ridge regression.

Two exponential layers (3x3 patches, pooling 2 and 5). Images' kernels are normalised, K(x, y) / sqrt(K(x, x) K(y, y));
the penalty is chosen by five-fold cross-validation on the training subset. The cost is printed before it begins.

    python benchmarks/mnist_exact_kernel.py --size 300 --tests 2000
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedKFold

from kernelconv import ConvKernel, balanced_subset, load_mnist
from kernelconv._files import write_atomically
from kernelconv.environment import environment

OUT = Path(__file__).parent / "results"
KERNEL = {"patch_size": (3, 3), "subsampling": (2, 5), "sigma": 0.6}
PENALTIES = tuple(10.0**k for k in range(-7, 1))


def solve(k, labels, penalty):
    return np.linalg.solve(k + penalty * np.eye(len(k)), 2.0 * (labels[:, None] == np.arange(10)) - 1)


def validation_errors(k, labels):
    """Return the five-fold error (%) of each penalty."""
    errors = np.zeros(len(PENALTIES))
    for a, b in StratifiedKFold(5, shuffle=True, random_state=0).split(k, labels):
        for i, penalty in enumerate(PENALTIES):
            scores = k[np.ix_(b, a)] @ solve(k[np.ix_(a, a)], labels[a], penalty)
            errors[i] += (scores.argmax(1) != labels[b]).sum()
    return 100 * errors / len(labels)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--size", type=int, default=300)
    options.add_argument("--tests", type=int, default=2000)
    options.add_argument("--n-jobs", type=int, default=None)
    options = options.parse_args()
    images, labels, test, truth = load_mnist()
    index = balanced_subset(labels, options.size, random_state=0)
    x, y = images[index].astype(np.float32), labels[index]
    test, truth = test[: options.tests].astype(np.float32), truth[: options.tests]
    kernel = ConvKernel(**KERNEL, n_jobs=options.n_jobs)
    print(f"training: {kernel.cost(x)}\ntest: {kernel.cost(test, x)}", flush=True)
    start = time.perf_counter()
    norms, test_norms = np.sqrt(kernel.diag(x)), np.sqrt(kernel.diag(test))
    k = (kernel(x) / norms[:, None] / norms).astype(np.float64)
    across = (kernel(test, x) / test_norms[:, None] / norms).astype(np.float64)
    seconds = time.perf_counter() - start
    errors = validation_errors(k, y)
    penalty = PENALTIES[int(errors.argmin())]
    error = 100 * float(np.mean((across @ solve(k, y, penalty)).argmax(1) != truth))
    pairs = len(x) * (len(x) + 1) // 2 + across.size
    record = {
        "size": options.size, "tests": options.tests, "seed": 0, "kernel": KERNEL, "error": round(error, 3),
        "validation_error": round(float(errors.min()), 3), "penalty": penalty, "seconds": round(seconds, 1),
        "pairs_per_second": round(pairs / seconds), "environment": environment(),
    }  # fmt: skip
    print(record)
    write_atomically(OUT / f"mnist-exact-{options.size}.json", json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
