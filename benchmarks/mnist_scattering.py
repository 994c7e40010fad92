"""MNIST test error of scattering by training-set size.

Features: Scattering2D(J=3), square root of the coefficients (negative rounding cut to 0), one global centre and scale.
Classifiers: affine subspaces (their dimension) and one-vs-rest ridge (its penalty); which of the two, and its
parameter, by 5-fold cross-validation on the training subset. The test set is predicted once, by the winner.

    python benchmarks/mnist_scattering.py --out benchmarks/results/mnist_scattering.json

MNIST is found as `kernelconv.load_mnist` finds it. Finished draws are kept in the file and not repeated.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import scipy.linalg
from sklearn.model_selection import StratifiedKFold

from kernelconv import AffineSubspaceClassifier, Scattering2D, balanced_subset, load_mnist
from kernelconv.environment import environment

PENALTIES = np.logspace(-6, 2, 25)
PLAN = ((300, 10), (1000, 10), (5000, 3), (10_000, 1), (60_000, 1))


def ridge_scores(train, labels, others, penalties):
    """Yield one-vs-rest scores (n, 10) of `others` for each penalty on the mean squared error (float64 inside)."""
    mean = train.mean(axis=0, dtype=np.float64).astype(np.float32)
    x, z = train - mean, others - mean
    targets = 2.0 * (labels[:, None] == np.arange(10)) - 1
    centre = targets.mean(axis=0)
    if len(x) <= x.shape[1]:
        values, vectors = scipy.linalg.eigh((x @ x.T).astype(np.float64))
        left, right = (z @ x.T).astype(np.float64) @ vectors, vectors.T @ (targets - centre)
    else:
        values, vectors = scipy.linalg.eigh((x.T @ x).astype(np.float64))
        left, right = z @ vectors, vectors.T @ (x.T @ (targets - centre).astype(np.float32))
    for penalty in penalties:
        yield (left / (np.maximum(values, 0) + penalty * len(x))) @ right + centre


def ridge_cv(x, y, folds):
    """Return (smallest cross-validated error, its penalty)."""
    wrong = np.zeros(len(PENALTIES))
    for train, held_out in folds:
        for i, scores in enumerate(ridge_scores(x[train], y[train], x[held_out], PENALTIES)):
            wrong[i] += (scores.argmax(axis=1) != y[held_out]).sum()
    return wrong.min() / len(y), float(PENALTIES[wrong.argmin()])


def run(x, y, x_test, y_test, seed):
    """Choose on the training subset, predict the test set once."""
    scale = np.sqrt(((x - x.mean(axis=0)) ** 2).sum(axis=1, dtype=np.float64).mean())
    x, x_test = x / np.float32(scale), x_test / np.float32(scale)
    folds = list(StratifiedKFold(5, shuffle=True, random_state=seed).split(x, y))
    affine = AffineSubspaceClassifier(cv=folds, max_components=160).fit(x, y)
    error, penalty = ridge_cv(x, y, folds)
    chosen = "ridge" if error < affine.cv_errors_.min() else "affine"
    if chosen == "ridge":
        predicted = next(iter(ridge_scores(x, y, x_test, [penalty]))).argmax(axis=1)
    else:
        predicted = affine.predict(x_test)
    return {
        "chosen": chosen,
        "cv_error_affine": float(affine.cv_errors_.min()),
        "cv_error_ridge": float(error),
        "dimension": affine.n_components_,
        "penalty": penalty,
        "test_error": float(np.mean(predicted != y_test)),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    X, y, X_test, y_test = load_mnist()
    scattering = Scattering2D(J=3).fit(X[:1])
    features, test = (np.sqrt(np.maximum(scattering.transform(images), 0)) for images in (X, X_test))
    results = json.loads(out.read_text()) if out.exists() else {"environment": environment(), "draws": {}}
    for size, n_draws in PLAN:
        for seed in range(n_draws):
            key = f"{size}/{seed}"
            if key in results["draws"]:
                continue
            start = time.perf_counter()
            chosen = np.arange(len(y)) if size == len(y) else balanced_subset(y, size, random_state=seed)
            record = run(features[chosen], y[chosen], test, y_test, seed)
            record["seconds"] = round(time.perf_counter() - start, 1)
            results["draws"][key] = record
            out.write_text(json.dumps(results, indent=1) + "\n")
            print(key, record, flush=True)
        errors = [r["test_error"] for k, r in results["draws"].items() if k.startswith(f"{size}/")]
        results.setdefault("mean_test_error", {})[str(size)] = float(np.mean(errors))
        out.write_text(json.dumps(results, indent=1) + "\n")
        print(f"{size}: {100 * np.mean(errors):.2f} % +- {100 * np.std(errors):.2f}", flush=True)


if __name__ == "__main__":
    main()
