"""Capsules and a CNN of as many parameters, on digits and on pairs of digits that overlap (Sabour et al. 2017)."""

from dataclasses import dataclass

import numpy as np
from experiment import Experiment, means, split_of

from kernelconv import ConvNetClassifier
from kernelconv._identity import described
from kernelconv.networks import CapsNetClassifier, serial
from kernelconv.operators import Convolution, Dense, Flatten, MaxPooling, ReLU, Standardization
from kernelconv.report.table import Column, Section, Table

N_TRAIN, N_PAIRS, SHIFT, EPOCHS, DRAWS = 2000, 5000, 4, 20, 3


@dataclass(frozen=True)
class Cell:
    """A learner, and a draw of training images and start weights."""

    learner: str
    draw: int


def build(cell):
    """Return the classifier of a cell: 227,136 parameters of capsules, 227,021 of the CNN."""
    if cell.learner == "capsules":
        return CapsNetClassifier(epochs=EPOCHS, random_state=cell.draw)
    features = [Convolution(32, 5), ReLU(), MaxPooling(2), Convolution(64, 5), ReLU(), MaxPooling(2), Flatten()]
    network = serial(Standardization(), *features, Dense(169), ReLU(), Dense(10))
    return ConvNetClassifier(network, epochs=EPOCHS, random_state=cell.draw)


def pairs(images, labels, rng):
    """Return N_PAIRS images of two digits of different classes, the second shifted over the first; labels (n, 2)."""
    first, second = rng.integers(len(images), size=(2, N_PAIRS))
    keep = labels[first] != labels[second]
    first, second = first[keep], second[keep]
    shifts = rng.integers(-SHIFT, SHIFT + 1, size=(len(first), 2))
    moved = np.stack([np.roll(images[i], s, axis=(0, 1)) for i, s in zip(second, shifts, strict=True)])
    return np.maximum(images[first], moved), np.stack([labels[first], labels[second]], axis=1)


def settings(cell):
    """Return what else decides a cell."""
    sizes = {"n_train": N_TRAIN, "n_pairs": N_PAIRS, "shift": SHIFT}
    return {"classifier": described(build(cell)), "data": split_of("mnist").identity, **sizes}


def measure(cell):
    """Return the test error, and the share of pairs whose two classes have the two highest scores."""
    split = split_of("mnist")
    kept = split.subset(N_TRAIN, cell.draw)
    clf = build(cell).fit(split.X_train[kept], split.y_train[kept])
    both, labels = pairs(split.X_test, split.y_test, np.random.default_rng(cell.draw))
    two = clf.classes_[np.argsort(clf.decision_function(both), axis=1)[:, -2:]]
    found = [(two == label[:, None]).any(axis=1) for label in labels.T]
    return {
        "error": float(np.mean(clf.predict(split.X_test) != split.y_test)),
        "both": float(np.mean(found[0] & found[1])),
        "one": float(np.mean(found[0] ^ found[1])),
        "n_params": int(clf.network_.n_params()),
    }


def seconds(cell):
    """Return about what a cell costs."""
    return 300.0 if cell.learner == "capsules" else 60.0


def tables(records):
    """Return errors and shares, means over draws."""
    names = ("n_params", "error", "both", "one")
    by_name = {of: means(records, "learner", of=of) for of in names}
    rows = [
        [learner, f"{by_name['n_params'][learner,][0]:,}", *(_percent(by_name[of][learner,]) for of in names[1:])]
        for (learner,) in by_name["error"]
    ]
    heads = ("parameters", "test error, %", "both found, %", "one of the two, %")
    note = (
        f"MNIST, {N_TRAIN:,} training images of single digits, {EPOCHS} epochs, {DRAWS} draws: mean ± standard error. "
        f"Pairs: test images of two classes, one shifted by up to {SHIFT} px over the other; found: among the two "
        "highest scores. Neither network has seen a pair. No decoder."
    )
    columns = [Column("learner", align="left"), *map(Column, heads)]
    return [Table("Capsules and convolutions", columns, [Section("", rows)], (note,))]


def _percent(shares):
    shares = 100 * np.array(shares)
    spread = f" ± {shares.std(ddof=1) / len(shares) ** 0.5:.2f}" if len(shares) > 1 else ""
    return f"{shares.mean():.2f}{spread}"


EXPERIMENT = Experiment(
    "capsules",
    "Do capsules need fewer images, and do they tell overlapping digits apart?",
    "Sabour, Frosst & Hinton, Dynamic routing between capsules, NIPS 2017.",
    [Cell(learner, k) for k in range(DRAWS) for learner in ("capsules", "CNN")],
    settings,
    measure,
    seconds,
    tables,
)
