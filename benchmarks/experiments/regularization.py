"""Crops, weight decay and BatchNorm, for networks with and without convolutions (Zhang et al. 2017)."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from experiment import Experiment, means, split_of

from kernelconv import ConvNetClassifier
from kernelconv._identity import described
from kernelconv.networks.cnn.presets import inception, lenet5, mlp, small_alexnet
from kernelconv.report.table import Column, Section, Table

CROP, DECAY = 2, 0.05


@dataclass(frozen=True)
class Cell:
    """A network, what is done to it, and a draw of training images and start weights."""

    network: str
    batch_norm: bool
    crop: bool
    decay: bool
    draw: int


@dataclass(frozen=True)
class Data:
    """Where networks are compared: a data set, how many images, how long, and what each network is there."""

    name: str
    n_train: int
    training: dict
    networks: dict
    draws: int


def cropped(images, rng):
    """Return each image shifted by at most CROP whole pixels in each direction, with zeros beyond its edges."""
    around = [(0, 0), (CROP, CROP), (CROP, CROP), (0, 0)][: images.ndim]
    padded = np.pad(images, around)
    rows, columns = rng.integers(0, 2 * CROP + 1, (2, len(images)))
    h, w = images.shape[1:3]
    return np.stack([x[r : r + h, c : c + w] for x, r, c in zip(padded, rows, columns, strict=True)])


MNIST = Data(
    "mnist",
    1000,
    {"epochs": 60, "batch_size": 32, "learning_rate": 2e-3, "schedule": "one_cycle"},
    {
        "MLP 3 x 512": partial(mlp, hidden=(512, 512, 512)),
        "LeNet-5": lenet5,
        "small Inception": partial(inception, width=0.25),
    },
    draws=3,
)
CIFAR10 = Data(
    "cifar10",
    50_000,
    {"epochs": 20, "batch_size": 128, "learning_rate": 2e-3, "schedule": "one_cycle"},
    {
        "MLP 3 x 512": partial(mlp, hidden=(512, 512, 512)),
        "MLP 1 x 512": partial(mlp, hidden=(512,)),
        "small AlexNet, width 1/4": partial(small_alexnet, width=0.25),
        "Inception, width 1/4": partial(inception, width=0.25),
    },
    draws=1,
)


def build(data, cell):
    """Return the classifier of a cell."""
    split = split_of(data.name)
    shape, make = (*split.X_train.shape[1:], 1)[:3], data.networks[cell.network]
    network = make(
        shape, len(split.classes), **({"batch_norm": cell.batch_norm} if "Inception" in cell.network else {})
    )
    changes = {"augmentation": cropped if cell.crop else None, "weight_decay": DECAY if cell.decay else 0.0}
    return ConvNetClassifier(network, **data.training, **changes, random_state=cell.draw)


def settings(data, cell):
    """Return what else decides a cell."""
    estimator = build(data, cell).set_params(augmentation=None)
    crop = {"crop": CROP if cell.crop else 0}
    return {"classifier": described(estimator), "data": split_of(data.name).identity, "n_train": data.n_train, **crop}


def measure(data, cell):
    """Return test and training error, and the loss of each epoch, as trained on (cropped where it crops)."""
    split = split_of(data.name)
    kept = split.subset(data.n_train, cell.draw)
    X, y = split.X_train[kept], split.y_train[kept]
    clf = build(data, cell).fit(X, y)
    return {
        "test_error": float(np.mean(clf.predict(split.X_test) != split.y_test)),
        "train_error": float(np.mean(clf.predict(X) != y)),
        "n_params": int(clf.network_.n_params()),
        "losses": [round(float(epoch["loss"]), 6) for epoch in clf.history_],
    }


def seconds(data, cell):
    """Return about what a cell costs."""
    image = {"MLP 1 x 512": 6e-5, "MLP 3 x 512": 1e-4, "LeNet-5": 2e-4}.get(cell.network, 3e-3)
    return image * data.n_train * data.training["epochs"]


def tables(data, records):
    """Return test and training accuracy, means over draws."""
    names = ("network", "batch_norm", "crop", "decay")
    test, train = (means(records, *names, of=of) for of in ("test_error", "train_error"))
    rows = [
        [
            f"{network}{', BatchNorm' if batch_norm else ''}",
            "yes" if crop else "no",
            "yes" if decay else "no",
            *(_mean(of[network, batch_norm, crop, decay]) for of in (test, train)),
        ]
        for network, batch_norm, crop, decay in test
    ]
    heads = ["network", "crop", "decay", "test accuracy", "training accuracy"]
    draws = f"mean of {data.draws} draws ± standard error" if data.draws > 1 else "one draw"
    note = (
        f"%, {data.name}, {data.n_train:,} training images, {data.training['epochs']} epochs, {draws}. "
        f"Crop: shifts of up to {CROP} px in each direction; decay {DECAY:g}, decoupled (AdamW)."
    )
    columns = [Column(head, align="left" if head == "network" else "right") for head in heads]
    return [Table("Regularisation", columns, [Section("", rows)], (note,))]


def _mean(errors):
    accuracies = 100 - 100 * np.array(errors)
    spread = f" ± {accuracies.std(ddof=1) / len(errors) ** 0.5:.2f}" if len(errors) > 1 else ""
    return f"{accuracies.mean():.2f}{spread}"


def _experiment(data, name, question):
    forms = [(n, b) for n in data.networks for b in ((True, False) if "Inception" in n else (False,))]
    made = [(crop, decay) for crop in (True, False) for decay in (True, False)]
    cells = [Cell(*form, *how, k) for form in forms for how in made for k in range(data.draws)]
    bound = (partial(f, data) for f in (settings, measure, seconds, tables))
    source = (
        "Zhang, Bengio, Hardt, Recht & Vinyals, Understanding deep learning requires rethinking generalization, 2017."
    )
    return Experiment(name, question, source, cells, *bound)


EXPERIMENTS = (
    _experiment(MNIST, "regularization-mnist", "What do crops, weight decay and BatchNorm change at 1,000 digits?"),
    _experiment(CIFAR10, "regularization-cifar10", "What do crops, weight decay and BatchNorm change on CIFAR-10?"),
)
