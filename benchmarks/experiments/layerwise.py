"""Stages learned one by one beside a network learned as a whole, on 2,000 digits (Malach & Shalev-Shwartz 2018)."""

from dataclasses import dataclass

import numpy as np
from experiment import Experiment, means, split_of

from kernelconv import ConvNetClassifier
from kernelconv._identity import described
from kernelconv.networks import LayerwiseConvNet
from kernelconv.report.table import Column, Section, Table
from kernelconv.studies.registry.schedules import schedule
from kernelconv.studies.significance import images_standard_error, paired_difference

N_TRAIN, DRAWS = 2000, 3
LEARNERS = ("one stage", "two stages", "wide LeNet")


@dataclass(frozen=True)
class Cell:
    """A learner, and a draw of training images and of its own."""

    learner: str
    draw: int


def build(cell):
    """Return the classifier of a cell; stages have the defaults of the class, a single one the first of them."""
    if cell.learner == "two stages":
        return LayerwiseConvNet(random_state=cell.draw)
    if cell.learner == "one stage":
        defaults = LayerwiseConvNet()
        return LayerwiseConvNet(defaults.n_centroids[:1], defaults.patch_size[:1], random_state=cell.draw)
    return ConvNetClassifier("wide_lenet", **schedule(N_TRAIN), random_state=cell.draw)


def settings(cell):
    """Return what else decides a cell."""
    return {"classifier": described(build(cell)), "data": split_of("mnist").identity, "n_train": N_TRAIN}


def measure(cell):
    """Return the test error, and which test images are taken for another class."""
    split = split_of("mnist")
    kept = split.subset(N_TRAIN, cell.draw)
    clf = build(cell).fit(split.X_train[kept], split.y_train[kept])
    wrong = np.flatnonzero(clf.predict(split.X_test) != split.y_test)
    return {"error": len(wrong) / len(split.y_test), "n_test": len(split.y_test), "wrong": wrong.tolist()}


def seconds(cell):
    """Return about what a cell costs."""
    return {"one stage": 40.0, "two stages": 120.0}.get(cell.learner, 240.0)


def wrongs(records, learner):
    """Return which test images a learner gets wrong, (n_draws, n_test)."""
    of = [record for cell, record in records.items() if cell.learner == learner]
    found = np.zeros((len(of), of[0]["n_test"] if of else 0), bool)
    for line, record in zip(found, of, strict=True):
        line[record["wrong"]] = True
    return found


def tables(records):
    """Return the errors, and what the second stage changes."""
    errors = means(records, "learner", of="error")
    rows = []
    for learner in LEARNERS:
        if (learner,) in errors:
            of = 100 * np.array(errors[learner,])
            draws = f"{of.std(ddof=1) / len(of) ** 0.5:.2f}" if len(of) > 1 else "–"
            images = 100 * images_standard_error(wrongs(records, learner))
            rows.append([learner, f"{of.mean():.2f} ± {draws} ± {images:.2f}"])
    notes = [
        f"MNIST, {N_TRAIN:,} training images, no augmentation, {DRAWS} draws: mean ± standard error over draws ± over "
        "test images. Centroids, pooling and input of the stages were chosen on held-out training images."
    ]
    one, two = (wrongs(records, learner) for learner in LEARNERS[:2])
    if len(one) == len(two) == DRAWS:
        change = paired_difference(two, one, random_state=0)
        notes.append(
            f"Second stage less the first, points: {change.mean:+.2f}, 95 % interval {change.low:+.2f} to "
            f"{change.high:+.2f}."
        )
    columns = [Column("learner", align="left"), Column("test error, %")]
    return [Table("Learned stage by stage", columns, [Section("", rows)], tuple(notes))]


EXPERIMENT = Experiment(
    "layerwise",
    "Can a network be learned stage by stage?",
    "Malach & Shalev-Shwartz, A provably correct algorithm for deep learning that actually works, 2018.",
    [Cell(learner, k) for k in range(DRAWS) for learner in LEARNERS],
    settings,
    measure,
    seconds,
    tables,
)
