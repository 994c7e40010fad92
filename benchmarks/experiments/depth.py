"""Plain networks and networks with skips, of two depths, with and without BatchNorm, by their start weights."""

from dataclasses import dataclass

import numpy as np
from experiment import Experiment, means

from kernelconv import ConvNetClassifier, load_digits_images
from kernelconv._identity import described
from kernelconv.datasets import balanced_subset
from kernelconv.networks import serial
from kernelconv.operators import BatchNorm, Convolution, Dense, GlobalPooling, ReLU, Residual, Standardization
from kernelconv.report.table import Column, Section, Table

WIDTH, EPOCHS, N_TRAIN, DEPTHS, DRAWS = 16, 6, 1300, (8, 26), 3


@dataclass(frozen=True)
class Cell:
    """How many layers have weights, whether pairs of them are skipped, and how the network is normalised and begun."""

    depth: int
    skip: bool
    batch_norm: bool
    initialization: str
    draw: int


def network(cell):
    """Return a first convolution, pairs of convolutions, global pooling and a linear layer: `depth` with weights."""

    def convolved():
        weights = Convolution(WIDTH, 3, padding="zero", initialization=cell.initialization)
        return [weights, *([BatchNorm()] if cell.batch_norm else [])]

    pairs = []
    for _ in range((cell.depth - 2) // 2):
        branch = [*convolved(), ReLU(), *convolved()]
        pairs += [Residual(serial(*branch)), ReLU()] if cell.skip else [*branch, ReLU()]
    return serial(Standardization(), *convolved(), ReLU(), *pairs, GlobalPooling(), Dense(10))


def build(cell):
    """Return the classifier of a cell."""
    return ConvNetClassifier(network(cell), epochs=EPOCHS, learning_rate=2e-3, random_state=cell.draw)


def settings(cell):
    """Return what else decides a cell."""
    return {"classifier": described(build(cell)), "data": "scikit-learn's digits", "n_train": N_TRAIN}


def measure(cell):
    """Return the training loss of the last epoch, its history, and the accuracy on images that were not seen."""
    X, y = load_digits_images()
    kept = balanced_subset(y, N_TRAIN, random_state=cell.draw)
    clf = build(cell).fit(X[kept], y[kept])
    others = np.setdiff1d(np.arange(len(y)), kept)
    losses = [round(float(epoch["loss"]), 6) for epoch in clf.history_]
    return {"loss": losses[-1], "accuracy": float(clf.score(X[others], y[others])), "losses": losses}


def seconds(cell):
    """Return about what a cell costs."""
    return 1.5 * cell.depth


def tables(records):
    """Return training loss and accuracy, means over draws."""
    rows = []
    losses, accuracies = (
        means(records, "batch_norm", "initialization", "depth", "skip", of=of) for of in ("loss", "accuracy")
    )
    for key in losses:
        batch_norm, initialization, depth, skip = key
        kind = f"{'BatchNorm' if batch_norm else 'no BatchNorm'}, {initialization}"
        values = [f"{np.mean(of[key]):.3f}" for of in (losses, accuracies)]
        rows.append([kind, f"{depth}", "skips" if skip else "plain", *values])
    columns = [Column("start", align="left"), Column("layers"), Column("form", align="left")]
    columns += [Column("training loss"), Column("accuracy")]
    note = (
        f"Means over {DRAWS} draws. Digits of 8 x 8, {N_TRAIN:,} to learn from in {EPOCHS} epochs, the others to be "
        f"scored on; {WIDTH} maps a layer. Training loss: mean over the last epoch."
    )
    return [Table("Depth and skips", columns, [Section("", rows)], (note,))]


STARTS = ((True, "torch_default"), (False, "torch_default"), (False, "he_normal"))
EXPERIMENT = Experiment(
    "depth",
    "Does a deeper network learn, and what do skips, BatchNorm and start weights change?",
    "He, Zhang, Ren & Sun, Deep residual learning for image recognition, CVPR 2016; their start weights, ICCV 2015.",
    [Cell(d, skip, *start, k) for start in STARTS for d in DEPTHS for skip in (False, True) for k in range(DRAWS)],
    settings,
    measure,
    seconds,
    tables,
)
