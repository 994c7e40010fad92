"""The study of `kernelconv compare` and of the research table: models x training sizes x draws, on one split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import check_count
from kernelconv._files import unpack
from kernelconv._identity import described
from kernelconv.datasets.registry import registered_datasets
from kernelconv.datasets.split import N_FOLDS, Split, folds
from kernelconv.deformations import SmoothDeformation, warp
from kernelconv.stability import measure_stability
from kernelconv.studies.first_layer import pictures
from kernelconv.studies.models import Model, chosen, network, represent
from kernelconv.studies.predictions import predictions, wrong
from kernelconv.studies.shared import cpu_clock, shared
from kernelconv.studies.sweep import Sweep

#: Jacobian norms at which features are deformed; the theorem speaks of norms up to 1/2.
STRENGTHS = (0.1, 0.2, 0.4)
DEFORMATION, N_DEFORMED = SmoothDeformation(cutoff=3), 200
MEASURES = ("relative_change", "deformation_sensitivity")
#: Raised by hand where how a cell is scored or measured changes, and with it what no other part of its identity says.
PROTOCOL = 1
#: Training images of each class that a model needs, for the folds in which heads choose.
FEWEST = 3
#: Cells of one study: a slip of the keyboard must not fill the memory.
MOST_CELLS = 100_000
#: Up to this many training images validation goes through all folds, above through the first.
N_ALL_FOLDS = 5000
#: Fields of a record that time decides; everything else is the same in every run.
TIMES = ("fit_seconds", "predict_seconds", "seconds")


@dataclass(frozen=True)
class AccuracyCell:
    """One run: a model, a class-balanced draw of training images, and what it is scored on, "test" or "validation"."""

    model: str
    train_size: int
    seed: int
    part: str = "test"


class Accuracy:
    """Models x training sizes x draws: errors on the test images, or on folds of the training subset.

    Parameters
    ----------
    split : Split
        Data.
    models : mapping of str to Model
        In the order they are shown.
    draws : mapping of int to int
        Training images, class-balanced, and how many subsets are drawn: seeds 0, 1, ..., the same for all models. A
        model whose registration limits sizes or draws stops there.
    parts : sequence of str
        "test": fit the subset, predict the test images once. "validation": predict held-out folds of the subset, all
        five up to 5,000 images, only the first above. Features that need no labels are learned once, from the subset's
        images, and the head is fitted in each fold; a model that is trained on labels is trained once more, on all
        folds but the first.
    strengths : sequence of float
        Jacobian norms of the deformations.

    Raises
    ------
    ValueError
        If there is no model or no size, or a training size is not between three images per class and the pool.
    """

    name = "accuracy"

    def __init__(
        self,
        split: Split,
        models: Mapping[str, Model],
        draws: Mapping[int, int],
        *,
        parts: Sequence[str] = ("test",),
        strengths: Sequence[float] = STRENGTHS,
    ) -> None:
        self.split, self.models, self.draws = split, dict(models), dict(sorted(draws.items()))
        self.strengths, self.shape = tuple(strengths), split.X_train.shape[1:]
        self._check_sizes()
        self.left_out = [
            f"{name} with {size:,} images (it stops at {m.representation.largest:,})"
            for name, m in self.models.items()
            for size in self.draws
            if size > (m.representation.largest or size)
        ]
        self.cells = [
            AccuracyCell(name, size, seed, part)
            for part in parts
            for size, n_draws in self.draws.items()
            for name, m in self.models.items()
            for seed in range(min(n_draws, m.representation.draws or n_draws))
            if size <= (m.representation.largest or size)
        ]
        if not self.cells:
            raise ValueError(f"Nothing is left to compare: {'; '.join(self.left_out)}.")

    def _check_sizes(self) -> None:
        fewest, most = FEWEST * len(np.unique(self.split.y_train)), len(self.split.y_train)
        if not self.models or not self.draws:
            raise ValueError("There is nothing to compare: name at least one model and one training size.")
        for size, n_draws in self.draws.items():
            if check_count(n_draws, "seeds") * len(self.draws) * len(self.models) > MOST_CELLS:
                raise ValueError(
                    f"{n_draws:,} seeds of {len(self.models)} models at {len(self.draws)} sizes are more than the "
                    f"{MOST_CELLS:,} cells that a study may have. Ask for fewer seeds."
                )
            if not fewest <= check_count(size, "train size") <= most:
                raise ValueError(
                    f"Training sizes must be from {fewest} ({FEWEST} a class, for cross-validation) to {most} (the "
                    f"training images of {self.split.name}), got {size}."
                )
            self.split.subset(size, 0)  # an unbalanced pool may not allow it: better said before the first cell is run

    def n_test(self, cell: AccuracyCell) -> int:
        """Return how many test images a cell's model predicts: the first ones."""
        return min(self.models[cell.model].representation.n_test or len(self.split.y_test), len(self.split.y_test))

    def identity(self, cell: AccuracyCell) -> dict[str, Any]:
        """Return everything that determines a cell's record."""
        test = {"n_test": self.n_test(cell), "deformation": self.deformation(), "measures": list(MEASURES)}
        validation = {"n_all_folds": N_ALL_FOLDS, "n_folds": N_FOLDS}
        return {
            "data": self.split.identity,
            "model": self.models[cell.model].identity(self.shape, cell.train_size, cell.seed),
            "train_size": cell.train_size,
            "seed": cell.seed,
            "part": cell.part,
            "protocol": {"version": PROTOCOL, **(test if cell.part == "test" else validation)},
        }

    def deformation(self) -> dict[str, Any]:
        """Return the deformations that features are measured under."""
        n_images = min(N_DEFORMED, len(self.split.not_black))
        return {"family": described(DEFORMATION), "strengths": list(self.strengths), "n_images": n_images, "seed": 0}

    def seconds(self, cell: AccuracyCell) -> float:
        """Return an estimate of the cost of a cell."""
        model = self.models[cell.model]
        if cell.part == "test":
            return model.seconds(self.shape, cell.train_size, self.n_test(cell) + len(self.strengths) * N_DEFORMED)
        every = cell.train_size <= N_ALL_FOLDS and not model.representation.trained
        return model.seconds(self.shape, cell.train_size, 0) * (3 if every else 0.8)

    def run(self, cell: AccuracyCell) -> dict[str, Any]:
        """Return a cell's record."""
        kept = self.split.subset(cell.train_size, cell.seed)
        x, y = self.split.X_train[kept], self.split.y_train[kept]
        model = self.models[cell.model]
        same = {"label": model.label, "family": model.representation.family}
        if cell.part == "test":
            return {**same, **self._tested(model.build(self.shape, cell.train_size, cell.seed), x, y, cell)}
        return {**same, **self._validated(model, x, y, cell)}

    def _tested(self, estimator: Any, x: NDArray, y: NDArray, cell: AccuracyCell) -> dict[str, Any]:
        truth = self.split.y_test[: self.n_test(cell)]
        images = self.split.X_test[: len(truth)].copy()  # a user's model may work in place
        estimator, fit_seconds = shared().fit(estimator, x, y, self._place("subset", cell))
        predicted, predict_seconds = shared().predict(estimator, images, (self.split.digest, "test", len(images)))
        inside = network(estimator)
        return {
            **predictions(self.split.classes, truth, predicted),
            "n_params": (inside.n_params() or None) if inside else None,
            "chosen": chosen(estimator),
            "fit_seconds": fit_seconds,
            "predict_seconds": predict_seconds,
            **self._stability(represent(estimator)),
            "first_layer": None if cell.seed else pictures(estimator),
        }

    def _stability(self, phi: Any) -> dict[str, Any]:
        """Return how far features move, every model facing the same fields, and how many they are; of a kernel None."""
        images = self.split.X_test[self.split.not_black[:N_DEFORMED]]
        if phi is None or not len(images):
            return {"n_features": None, **dict.fromkeys(MEASURES)}
        report = measure_stability(phi, images, DEFORMATION, self.strengths, measures=MEASURES, random_state=0)
        rows = {
            m: [{"strength": r.strength, "mean": r.mean, "low": r.low, "high": r.high} for r in report.select(m)]
            for m in MEASURES
        }
        return {"n_features": int(np.prod(np.shape(phi(images[:1]))[1:])), **rows}

    def _place(self, images: str, cell: AccuracyCell) -> tuple[str, str, int, int]:
        """Return what names images of a cell's subset, for what cells share."""
        return self.split.digest, images, cell.train_size, cell.seed

    def _validated(self, model: Model, x: NDArray, y: NDArray, cell: AccuracyCell) -> dict[str, Any]:
        parts, clock = folds(y, cell.seed), cpu_clock()
        estimator = model.build(self.shape, cell.train_size, cell.seed)
        once = model.head is not None and not model.representation.trained
        used = parts if once and cell.train_size <= N_ALL_FOLDS else parts[:1]
        spent, mistakes, choices = 0.0, [], []
        if once:
            place = self._place("images", cell)
            represented, fit_seconds = shared().fit(estimator[:-1], x, None, place)
            features, transform_seconds = shared().transform(represented, x, place)
            spent = fit_seconds + transform_seconds
        for train, held in used:
            if once:
                start, fitted = clock(), model.head.build(cell.seed)  # type: ignore[union-attr]
                predicted = fitted.fit(features[train], y[train]).predict(features[held])
                spent += clock() - start
            else:
                fitted, fit_seconds = shared().fit(estimator, x[train], y[train], self._place("fold", cell))
                predicted, predict_seconds = shared().predict(fitted, x[held], self._place("held", cell))
                spent += fit_seconds + predict_seconds
            mistakes += wrong(self.split.classes, y[held], predicted, held)
            choices.append(chosen(fitted))
        n = sum(len(held) for _, held in used)
        return {
            "validation_error": len(mistakes) / n,
            "n_held_out": n,
            "n_folds": len(parts),
            "n_fitted": len(used),
            "mistakes": sorted(mistakes),
            "chosen": choices,
            "seconds": spent,
        }


def results(sweep: Sweep) -> dict[str, Any]:
    """Return what results.json of `kernelconv compare` holds: settings, environment, the records that there are."""
    study: Any = sweep.study
    split, sizes = study.split, list(study.draws)
    settings = {
        "data": split.name,
        "data_arguments": list(split.arguments),
        "data_sha256": split.digest,
        "models": {m: one_line(study.models[m].build(study.shape, sizes[0], 0)) for m in study.models},
        "labels": {m: study.models[m].label for m in study.models},
        "train_sizes": sizes,
        "seeds": list(range(max(study.draws.values()))),
        "n_cells": len(sweep.cells),
        "n_train_pool": len(split.y_train),
        "n_test": len(split.y_test),
        "image_shape": list((*study.shape, 1)[:3]),
        "classes": class_names(split),
        "deformation": {**study.deformation(), "family": repr(DEFORMATION)},
    }
    records = [{**vars(cell), **record} for cell, record in sweep.records().items()]
    made_with = sweep.made_with()
    return {
        "kernelconv": made_with["kernelconv"],
        "settings": settings,
        "environment": made_with,
        "records": records,
    }


def class_names(split: Split) -> list[str]:
    """Return the names of the classes: those that a registered data set gives them, else their labels.

    Examples
    --------
    >>> from kernelconv.datasets import load_split
    >>> class_names(load_split("digits"))[:3]
    ['0', '1', '2']
    """
    data = registered_datasets().get(split.name)
    known = data is not None and len(data.class_names) == len(split.classes)
    return list(data.class_names) if data and known else [str(c) for c in split.classes]


def first_layers(sweep: Sweep) -> dict[str, NDArray]:
    """Return pictures of each model's first layer, in [-1, 1], learned from the most images (draw 0) there are."""
    packed = {c.model: r["first_layer"] for c, r in sweep.records().items() if r.get("first_layer")}
    return {name: unpack(packed[name]) / 127 for name in sweep.study.models if name in packed}  # type: ignore[attr-defined]


def one_line(estimator: Any) -> str:
    """Return an estimator's repr, whole and on one line: what a report says of its settings."""
    return " ".join(estimator.__repr__(N_CHAR_MAX=1_000_000).split())


def examples(split: Split, strengths: Sequence[float], n_images: int = 5) -> dict[str, Any]:
    """Return test images as they are and deformed at each strength: (n_images, 1 + n_strengths, h, w[, c])."""
    images, rng = split.X_test[:n_images], np.random.default_rng(0)
    fields = [DEFORMATION.sample(images.shape[1:3], s, rng, size=len(images)) for s in strengths]
    return {"strengths": list(strengths), "images": np.stack([images, *(warp(images, f) for f in fields)], axis=1)}
