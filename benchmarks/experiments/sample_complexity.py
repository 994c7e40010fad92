"""How many samples a convolutional and a fully connected learner need, by dimension (Li, Zhang & Arora 2021)."""

from dataclasses import dataclass

import numpy as np
from experiment import Experiment, means
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from kernelconv import ConvNetClassifier, NetworkTransformer
from kernelconv._identity import described
from kernelconv.datasets import make_orthogonal_quadratic
from kernelconv.networks import serial
from kernelconv.operators import AveragePooling, Convolution, Dense, Flatten, Square
from kernelconv.report.table import Column, Section, Table

WANTED, N_TEST, DRAWS, DIMENSIONS = 0.95, 4000, 8, (8, 12, 16, 24, 32)
#: Training samples that are tried, a fifteenth more each time, until one reaches `WANTED`.
LADDER = tuple(dict.fromkeys(int(4 * 1.15**k) for k in range(60)))


@dataclass(frozen=True)
class Cell:
    """A learner, the dimension d, and a draw of samples."""

    learner: str
    d: int
    draw: int


#: What is asked of scikit-learn's learners, and of the training of the network.
LOGISTIC = {"C": 100.0}
KERNEL = {"kernel": "poly", "degree": 2, "coef0": 0.0, "C": 100.0}
TRAINING = {"epochs": 300, "learning_rate": 0.02, "schedule": "one_cycle", "weight_decay": 0.0}


def network(cell):
    """Return the network of a cell, or None: squares pooled over the halves, of the rows or of a convolution."""
    halves = AveragePooling((1, cell.d // 2))
    if cell.learner == "pooled squares":
        return serial(Square(), halves, Flatten())
    return serial(Convolution(4, 1), Square(), halves, Flatten(), Dense(2)) if cell.learner == "ConvNet" else None


def build(cell):
    """Return the learner of a cell."""
    rows = {"image_shape": (1, cell.d)}
    if cell.learner == "pooled squares":
        return make_pipeline(
            NetworkTransformer(network(cell), **rows), StandardScaler(), LogisticRegression(**LOGISTIC)
        )
    if cell.learner == "ConvNet":
        return ConvNetClassifier(network(cell), **TRAINING, **rows, random_state=cell.draw)
    return SVC(**KERNEL)


def settings(cell):
    """Return what else decides a cell; of scikit-learn's learners what is asked, as their defaults change names."""
    asked = {"pooled squares": LOGISTIC, "ConvNet": TRAINING, "quadratic SVC": KERNEL}[cell.learner]
    learner = {"network": described(network(cell)), "asked": asked}
    return {"learner": learner, "wanted": WANTED, "n_test": N_TEST, "ladder": list(LADDER)}


def measure(cell):
    """Return the fewest samples of the ladder whose accuracy is as wanted, and the accuracies on the way."""
    X, y = make_orthogonal_quadratic(LADDER[-1] + N_TEST, cell.d, random_state=cell.draw)
    tried, accuracies = [], []
    for n in LADDER:
        if len(np.unique(y[:n])) == 2:
            tried.append(n)
            accuracies.append(float(build(cell).fit(X[:n], y[:n]).score(X[-N_TEST:], y[-N_TEST:])))
            if accuracies[-1] >= WANTED:
                return {"samples": n, "tried": tried, "accuracies": accuracies}
    raise ValueError(f"{cell}: {LADDER[-1]:,} samples do not reach {WANTED}.")


def seconds(cell):
    """Return about what a cell costs."""
    return {"pooled squares": 0.5, "ConvNet": 15.0}.get(cell.learner, (cell.d / 8) ** 4 / 2)


def slope(records, learner):
    """Return the least-squares slope of log samples (geometric mean over draws) against log d; NaN of one d."""
    samples = means(records, "learner", "d", of="samples")
    logarithms = {d: np.log(n).mean() for (name, d), n in samples.items() if name == learner}
    if len(logarithms) < 2:
        return float("nan")
    return float(np.polyfit(np.log(list(logarithms)), list(logarithms.values()), 1)[0])


def tables(records):
    """Return the samples by learner and dimension, geometric means over draws."""
    samples = means(records, "learner", "d", of="samples")
    rows = []
    for learner in dict.fromkeys(cell.learner for cell in records):
        of = [
            f"{np.exp(np.log(samples[learner, d]).mean()):,.0f}" if (learner, d) in samples else "" for d in DIMENSIONS
        ]
        rows.append([learner, *of, f"{slope(records, learner):.2f}"])
    columns = [Column("learner", align="left"), *(Column(f"d = {d}") for d in DIMENSIONS), Column("slope")]
    note = (
        f"Geometric means over {DRAWS} draws of the fewest samples, among {LADDER[0]}, each 15 % more than the one "
        f"before, with which a learner is right on {100 * WANTED:.0f} % of {N_TEST:,} others; slope: of their "
        "logarithms against that of d."
    )
    return [Table("Samples to 95 % accuracy", columns, [Section("", rows)], (note,))]


EXPERIMENT = Experiment(
    "sample-complexity",
    "How many samples does a learner need that cannot know where the halves are?",
    "Task: the sign of the difference of two halves' sums of squares, Gaussian input (Li, Zhang & Arora, ICLR 2021).",
    [Cell(m, d, k) for m in ("pooled squares", "ConvNet", "quadratic SVC") for d in DIMENSIONS for k in range(DRAWS)],
    settings,
    measure,
    seconds,
    tables,
)
