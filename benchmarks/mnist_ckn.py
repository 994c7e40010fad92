"""MNIST test error of a convolutional kernel network by training size, no augmentation.

Representation: `ConvKernelNetwork` on the gradient map (Mairal et al. 2014), two layers, no labels. Head: regularised
least squares of the ten one-vs-rest targets with a Gaussian kernel on the centred features; its width and penalty are
chosen by three-fold cross-validation on the training subset (on 3,000 of its images where it holds more). More than
10,000 images are dealt at random to machines of 10,000, whose scores are averaged (Zhang, Duchi & Wainwright 2015). The
network's own parameters were fixed beforehand on training images; the test set is read once, at the end of each cell.

    python benchmarks/mnist_ckn.py --sizes 300 1000 5000 10000 60000

Every finished cell is a file, so that a killed run goes on where it was.
"""

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from sklearn.model_selection import StratifiedKFold

from kernelconv import ConvKernelNetwork, balanced_subset, load_mnist
from kernelconv._files import write_atomically
from kernelconv.environment import environment

OUT = Path(__file__).parent / "results/mnist-ckn"
NETWORK = {"n_anchors": (16, 512), "patch_size": (1, 4), "subsampling": (2, 4), "sigma": 0.6, "input": "gradient"}
GAMMAS, PENALTIES = (0.03, 0.06, 0.12, 0.25, 0.5), (1e-5, 1e-4, 1e-3, 1e-2)
DRAWS = {300: 10, 1000: 10, 5000: 3}
N_VALIDATION, PART = 3000, 10_000


def targets(y):
    return 2.0 * (y[:, None] == np.arange(10)) - 1


def squared_distances(x, z):
    """Return norm(x_i - z_j)^2 in the dtype of `x`, (n, m)."""
    d = x @ z.T
    d *= -2
    d += np.einsum("nd,nd->n", x, x)[:, None]
    d += np.einsum("nd,nd->n", z, z)
    return np.maximum(d, 0, out=d)


def cross_validate(x, y, seed):
    """Return the (gamma, penalty) of least three-fold error on at most 3,000 training images."""
    if len(y) > N_VALIDATION:
        kept = balanced_subset(y, N_VALIDATION, random_state=seed)
        x, y = x[kept], y[kept]
    distances = squared_distances(x, x)
    errors = np.zeros((len(GAMMAS), len(PENALTIES)))
    for train, test in StratifiedKFold(3, shuffle=True, random_state=seed).split(x, y):
        for i, gamma in enumerate(GAMMAS):
            k = np.exp(-gamma * distances[np.ix_(train, train)].astype(np.float64))
            across = np.exp(-gamma * distances[np.ix_(test, train)].astype(np.float64))
            for j, penalty in enumerate(PENALTIES):
                a = k.copy()
                a[np.diag_indices(len(a))] += penalty
                weights = cho_solve(cho_factor(a, overwrite_a=True), targets(y[train]))
                errors[i, j] += (np.argmax(across @ weights, 1) != y[test]).sum()
    i, j = np.unravel_index(errors.argmin(), errors.shape)
    return GAMMAS[i], PENALTIES[j], float(100 * errors[i, j] / len(y))


def fit_heads(x, y, gamma, penalty, seed):
    """Return [(centres, weights)]: one machine, or one each for random parts of at most `PART` images."""
    n_parts = -(-len(x) // PART)
    order = np.random.default_rng(seed).permutation(len(x)) if n_parts > 1 else np.arange(len(x))
    heads = []
    for part in np.array_split(order, n_parts):
        k = np.exp(-gamma * squared_distances(x[part], x[part]).astype(np.float64))
        k[np.diag_indices(len(k))] += penalty
        heads.append((x[part], cho_solve(cho_factor(k, overwrite_a=True, check_finite=False), targets(y[part]))))
    return heads


def predict(x, heads, gamma):
    """Return the class of the highest score, scores averaged over the heads."""
    out = []
    for lo in range(0, len(x), 2000):
        scores = 0
        for centres, weights in heads:
            k = squared_distances(x[lo : lo + 2000], centres)
            k *= -gamma
            scores = scores + np.exp(k, out=k) @ weights
        out.append(scores.argmax(1))
    return np.concatenate(out)


def features(network, images, mean, scale):
    """Return the features, centred and scaled in place."""
    x = network.transform(images)
    mean = x.mean(0) if mean is None else mean
    x -= mean
    scale = float(np.sqrt(np.einsum("nd,nd->n", x, x).mean())) if scale is None else scale
    x /= x.dtype.type(scale)
    return x, mean, scale


def cell(data, size, seed, n_jobs):
    """Return the record of one training size and draw."""
    images, labels, test_images, test_labels = data
    index = np.arange(len(labels)) if size == len(labels) else balanced_subset(labels, size, random_state=seed)
    start = time.perf_counter()
    network = ConvKernelNetwork(**NETWORK, random_state=seed, n_jobs=n_jobs).fit(images[index])
    x, mean, scale = features(network, images[index], None, None)
    represented = time.perf_counter() - start
    gamma, penalty, validation = cross_validate(x, labels[index], seed)
    heads = fit_heads(x, labels[index], gamma, penalty, seed)
    fitted = time.perf_counter() - start
    t, *_ = features(network, test_images, mean, scale)
    error = 100 * float(np.mean(predict(t, heads, gamma) != test_labels))
    return {
        "size": size, "seed": seed, "error": round(error, 4), "validation_error": round(validation, 4), "gamma": gamma,
        "penalty": penalty, "n_features": x.shape[1], "representation_seconds": round(represented, 1),
        "fit_seconds": round(fitted, 1), "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }  # fmt: skip


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--sizes", type=int, nargs="+", default=[300, 1000])
    options.add_argument("--n-jobs", type=int, default=None)
    options = options.parse_args()
    data = load_mnist()
    for size in options.sizes:
        for seed in range(DRAWS.get(size, 1)):
            path = OUT / f"{size}-{seed}.json"
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                record = cell(data, size, seed, options.n_jobs)
                write_atomically(path, json.dumps(record, indent=1) + "\n")
                print(record, flush=True)
        records = [json.loads(p.read_text(encoding="utf-8")) for p in sorted(OUT.glob(f"{size}-*.json"))]
        errors = np.array([r["error"] for r in records])
        spread = errors.std(ddof=1) / len(errors) ** 0.5 if len(errors) > 1 else float("nan")
        print(f"{size:6d} images: {errors.mean():.2f} ± {spread:.2f} % over {len(errors)} draws", flush=True)
    settings = {"network": NETWORK, "gammas": GAMMAS, "penalties": PENALTIES, "environment": environment()}
    write_atomically(OUT / "settings.json", json.dumps(settings, indent=1) + "\n")


if __name__ == "__main__":
    main()
