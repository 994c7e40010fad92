"""Which classifier suits which features: validation errors of usual heads on scattering and kernel network features.

    python benchmarks/heads.py        (about five minutes of one core)

Every seed draws 1,000 images to learn from and others to be scored on: 740 of scikit-learn's digits, 2,000 of MNIST's
training images (KERNELCONV_DATA; no test image is read). `table` is what docs/choose.md shows.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression, RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kernelconv import (
    AffineSubspaceClassifier,
    ConvKernelNetwork,
    Scattering2D,
    balanced_subset,
    load_digits_images,
    load_mnist,
)
from kernelconv._files import write_atomically
from kernelconv.studies.environment import environment
from kernelconv.studies.estimators.transformers import SquareRoot

OUT = Path(__file__).parent / "results/heads.json"
SEEDS = (0, 1, 2)
N_TRAIN = 1000
#: Images and labels, how many are held out, and the averaging scale of scattering.
SETS = {"digits": (load_digits_images, 740, 2), "MNIST": (lambda: load_mnist()[:2], 2000, 3)}
HEADS = {
    "`RidgeClassifierCV()`": [RidgeClassifierCV()],
    "`RidgeClassifierCV(np.logspace(-4, 1, 6))`": [RidgeClassifierCV(np.logspace(-4, 1, 6))],
    "square roots, the same": [SquareRoot(), RidgeClassifierCV(np.logspace(-4, 1, 6))],
    "`LogisticRegression()`": [LogisticRegression(max_iter=1000)],
    "`StandardScaler()`, the same": [StandardScaler(), LogisticRegression(max_iter=1000)],
    "`AffineSubspaceClassifier()`": [AffineSubspaceClassifier()],
    "square roots, `AffineSubspaceClassifier()`": [SquareRoot(), AffineSubspaceClassifier()],
}


def validation_errors(name, seed):
    """Return the errors, %, on the images held out, by features and head."""
    load, n_held_out, J = SETS[name]
    images, labels = load()
    drawn = balanced_subset(labels, N_TRAIN + n_held_out, random_state=seed)
    train, held_out = drawn[:N_TRAIN], drawn[N_TRAIN:]
    errors = {}
    for label, phi in (("scattering", Scattering2D(J)), ("kernel network", ConvKernelNetwork(random_state=seed))):
        x, x_held_out = phi.fit(images[train]).transform(images[train]), phi.transform(images[held_out])
        for head, steps in HEADS.items():
            if label == "scattering" or "square roots" not in head:  # a kernel network has features below zero
                wrong = make_pipeline(*steps).fit(x, labels[train]).predict(x_held_out) != labels[held_out]
                errors[label, head] = round(100 * float(wrong.mean()), 2)
    return errors


def table(record):
    """Return the mean errors as Markdown, one row for each head."""
    errors = record["validation_error_percent"]
    lines = [["head", *errors], [":---", *("---:" for _ in errors)]]
    for head in HEADS:
        lines.append([head, *(f"{np.mean(of[head]):.1f}" if head in of else "" for of in errors.values())])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    errors = {}
    for name in SETS:
        for seed in SEEDS:
            for (label, head), error in validation_errors(name, seed).items():
                errors.setdefault(f"{name}, {label}", {}).setdefault(head, []).append(error)
                print(f"{name}, seed {seed}, {label}, {head}: {error:.2f} %", flush=True)
    settings = {"command": "python benchmarks/heads.py", "train_images": N_TRAIN, "seeds": SEEDS}
    record = {**settings, "validation_error_percent": errors, "environment": environment()}
    write_atomically(OUT, json.dumps(record, indent=1) + "\n")
    print(table(record))


if __name__ == "__main__":
    main()
