"""What turning the training images costs a network that has to tell 6 from 9."""

from dataclasses import dataclass

import numpy as np
from experiment import Experiment, means, split_of

from kernelconv import Augmentation, ConvNetClassifier
from kernelconv._identity import described
from kernelconv.report.table import Column, Section, Table

N_TRAIN, EPOCHS, DRAWS, ANGLES = 1000, 40, 3, (0, 15, 45, 90, 135, 180)


@dataclass(frozen=True)
class Cell:
    """The largest angle of the turns, degrees, and a draw of training images and start weights."""

    angle: int
    draw: int


def build(cell):
    """Return the classifier of a cell."""
    turned = Augmentation(rotation=float(cell.angle)) if cell.angle else None
    return ConvNetClassifier("lenet5", epochs=EPOCHS, augmentation=turned, random_state=cell.draw)


def settings(cell):
    """Return what else decides a cell."""
    return {"classifier": described(build(cell)), "data": split_of("mnist").identity, "n_train": N_TRAIN}


def measure(cell):
    """Return the test error, that of 6 and 9, and the share of them that are taken for each other."""
    split = split_of("mnist")
    kept = split.subset(N_TRAIN, cell.draw)
    predicted = build(cell).fit(split.X_train[kept], split.y_train[kept]).predict(split.X_test)
    both = np.isin(split.y_test, (6, 9))
    swapped = predicted[both] == 15 - split.y_test[both]
    wrong = predicted != split.y_test
    return {"error": float(wrong.mean()), "of_both": float(wrong[both].mean()), "swapped": float(swapped.mean())}


def seconds(cell):
    """Return about what a cell costs."""
    return 60.0 if cell.angle else 20.0


def tables(records):
    """Return the errors by angle, means over draws."""
    by_angle = {of: means(records, "angle", of=of) for of in ("error", "of_both", "swapped")}
    rows = [
        [f"{angle}", *(f"{100 * np.mean(of[angle,]):.2f}" for of in by_angle.values())]
        for (angle,) in by_angle["error"]
    ]
    heads = ("largest angle", "test error", "error of 6 and 9", "6 taken for 9, 9 for 6")
    note = f"Means over {DRAWS} draws of {N_TRAIN:,} training images of MNIST, LeNet-5, {EPOCHS} epochs; %; degrees."
    return [Table("Turned training images", [Column(head) for head in heads], [Section("", rows)], (note,))]


EXPERIMENT = Experiment(
    "rotations",
    "Which augmentation is too much? Digits turned further and further",
    "Augmentation asserts an invariance; that of 6 and 9 to half a turn does not hold.",
    [Cell(angle, k) for angle in ANGLES for k in range(DRAWS)],
    settings,
    measure,
    seconds,
    tables,
)
