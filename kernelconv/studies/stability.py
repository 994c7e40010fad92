"""The study of `kernelconv stability`: how far features move, models x families of deformations, on one split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from kernelconv._check import check_choice, check_count
from kernelconv._types.parameters import Border
from kernelconv.datasets.split import Split
from kernelconv.deformations import warp
from kernelconv.operators.patches.borders import pad
from kernelconv.stability import StabilityReport
from kernelconv.studies.accuracy import one_line
from kernelconv.studies.cells import digest
from kernelconv.studies.estimators.choice import N_FOLDS
from kernelconv.studies.expectations import expectations
from kernelconv.studies.families import FAMILIES, MEASURES, NAMES, cost, protocol, recorded, told
from kernelconv.studies.models import Model, phi
from kernelconv.studies.registry import HEADS
from kernelconv.studies.starts import pooled
from kernelconv.studies.sweep import Sweep

#: Pixels put around every image: content must not leave, and 28 px become 32.
PAD = 2
#: The largest seed that scikit-learn's heads take.
MOST_SEED = 2**32 - 1
#: ckn-64 and ckn-32-64 end at the stride of scattering-2, ckn-32-64-128 at that of scattering-3: compare those.
DEFAULT_MODELS = (
    *("pixels", "fourier", "scattering-2", "scattering-3", "ckn-64", "ckn-32-64", "ckn-32-64-128"),
    *("lenet-untrained", "lenet"),
)


@dataclass(frozen=True)
class StabilityCell:
    """One measurement: a model's features under a family, from one draw of its start weights."""

    model: str
    family: str
    start: int = 0


class Fitted(NamedTuple):
    """What is measured, a network or a function of images, the classifier of its features, and the model's own."""

    phi: Any
    head: Any
    own: Any


#: The model fitted last, by all that decides it. Kept here and not in the study: to a process that joblib starts the
#: study comes as a copy, a new one for each cell, while the module stays. So a model is fitted once a process, not once
#: a family.
_last: dict[str, Fitted] = {}


class Stability:
    """Models x families of deformations: how far features of test images move, and what a head still recognises.

    Parameters
    ----------
    split : Split
        Data: models and heads see training images only, measures test images only.
    models : mapping of str to Model
        In the order they are shown. Features are classified by the registry's head "linear", not by a model's own.
    families : sequence of str
        Among `families.NAMES`.
    n_images : int
        Test images measured: the first that are not black.
    train_size : int
        Training images, class-balanced.
    seed : int
        Of the subset, the models' own draws, and the fields; below 2**32.
    border : str
        How images are extended beyond their edges.
    starts : int
        Trainings of each model that learns from labels, from initial weights of seed, seed + 1 and so on, on the
        same images and measured under the same fields.

    Raises
    ------
    ValueError
        If there is no model, one has no features or is named with another head; if a family is unknown or given twice,
        or a number of images is not there; if `starts` is not a count, or `seed` + `starts` above 2**32.
    """

    name = "stability"

    def __init__(
        self,
        split: Split,
        models: Mapping[str, Model],
        families: Sequence[str],
        *,
        n_images: int = 500,
        train_size: int = 2000,
        seed: int = 0,
        border: Border = "zero",
        starts: int = 1,
    ) -> None:
        self.split, self.families = split, tuple(families)
        self.border: Border = check_choice(border, "border", get_args(Border))  # type: ignore[assignment]
        self.n_images, self.train_size, self.seed, self.starts = n_images, train_size, seed, starts
        h, w, *channels = split.X_train.shape[1:]
        self.shape = (h + 2 * PAD, w + 2 * PAD, *channels)
        self._check_sizes()
        self._check_names(models)
        self.models = {name: replace(model, head=HEADS["linear"]) for name, model in models.items()}
        # a card is of one classifier: that of the first start
        cells = [StabilityCell(m, f, s) for m in self.models for s in self._starts(m) for f in self.families]
        self.cells = [cell for cell in cells if not (cell.start and cell.family == "cards")]

    def _check_sizes(self) -> None:
        n_test, pool = len(self.split.not_black), len(self.split.y_train)
        if not 2 <= check_count(self.n_images, "images") <= n_test:
            raise ValueError(f"images must be from 2 to {n_test} (test images, not black), got {self.n_images}.")
        fewest = N_FOLDS * len(self.split.classes)
        if not fewest <= check_count(self.train_size, "train size") <= pool:
            raise ValueError(
                f"train size must be from {fewest} ({N_FOLDS} a class, for cross-validation) to {pool} (the training "
                f"images of {self.split.name}), got {self.train_size}."
            )
        if check_count(self.seed, "seed", 0) + check_count(self.starts, "starts") - 1 > MOST_SEED:
            of = "" if self.starts == 1 else f" with {self.starts} starts"
            raise ValueError(f"seed must be an int from 0 to {MOST_SEED - self.starts + 1}{of}, got {self.seed}.")
        self.split.subset(self.train_size, self.seed)  # an unbalanced pool may not allow it: better said at once

    def _check_names(self, models: Mapping[str, Model]) -> None:
        known = ", ".join(NAMES)
        if not self.families or len(set(self.families)) != len(self.families) or set(self.families) - set(NAMES):
            raise ValueError(f"families must be different ones among {known}, got {list(self.families)}.")
        if not models:
            raise ValueError("There is nothing to measure: name at least one model.")
        for name, model in models.items():
            if model.head and model.head.name != "linear":
                raise ValueError(
                    f"{name} names a head; here all features go to the same one, {HEADS['linear'].label}: ask for "
                    f"{name.rpartition('+')[0]}."
                )
            built = model.representation.build(self.shape, self.train_size, self.seed)
            if phi(built) is None and not (self.families == ("cards",) and is_classifier(built)):
                words = "leave it out, or ask for the family cards alone, if it is a classifier"
                raise ValueError(f"{name} has no features whose change could be measured (no transform): {words}.")

    def _starts(self, model: str) -> range:
        return range(self.starts if self.models[model].representation.trained else 1)

    def identity(self, cell: StabilityCell) -> dict[str, Any]:
        """Return everything that determines a cell's record."""
        return {**self._fit_identity(cell), "protocol": protocol(cell.family, self.n_images)}

    def _fit_identity(self, cell: StabilityCell) -> dict[str, Any]:
        return {
            "data": self.split.identity,
            "pad": PAD,
            **({} if self.border == "zero" else {"border": self.border}),
            "model": self.models[cell.model].identity(self.shape, self.train_size, self.seed + cell.start),
            **({"start": cell.start} if cell.start else {}),
            "train_size": self.train_size,
            "seed": self.seed,
        }

    def run(self, cell: StabilityCell) -> dict[str, Any]:
        """Return a cell's record, as `families.recorded` makes it."""
        fitted = self._fitted(cell)
        x, y = (a[self.split.not_black[: self.n_images]] for a in (self.split.X_test, self.split.y_test))
        titles = self.models[cell.model].representation.label, self.split.name
        return recorded(cell.family, *fitted, self.padded(x), y, self.seed, self.border, titles)

    def _fitted(self, cell: StabilityCell) -> Fitted:
        key = digest(self._fit_identity(cell))
        found = _last.get(key)
        if found is None:
            kept = self.split.subset(self.train_size, self.seed)
            x, y, seed = self.padded(self.split.X_train[kept]), self.split.y_train[kept], self.seed + cell.start
            representation = self.models[cell.model].representation
            found = Fitted(None, None, representation.build(self.shape, self.train_size, seed))
            if phi(found.own) is None:  # a card is all that is asked of it
                found.own.fit(x, y)
            else:
                model = self.models[cell.model].build(self.shape, self.train_size, seed).fit(x, y)
                own = representation.trained and is_classifier(model[0])
                found = Fitted(phi(model), model[-1], model[0] if own else None)
            _last.clear()
            _last[key] = found
        return found

    def padded(self, x: NDArray) -> NDArray:
        """Return images (n, h, w) or (n, h, w, c) with a border around them."""
        maps = x if x.ndim == 4 else x[..., None]
        return pad(maps, (PAD, PAD), (PAD, PAD), self.border).reshape(len(x), *self.shape)

    def seconds(self, cell: StabilityCell) -> float:
        """Return an estimate of a cell's cost, with its share of the cost of fitting the model once."""
        model, (n_represented, other) = self.models[cell.model], cost(cell.family, self.n_images)
        fit, whole = (model.seconds(self.shape, self.train_size, n) for n in (0, n_represented))
        return fit / len(self.families) + whole - fit + other


def reports(sweep: Sweep) -> dict[StabilityCell, StabilityReport]:
    """Return the reports that there are, in the order of the cells."""
    return {cell: StabilityReport.from_dict(record) for cell, record in sweep.records().items()}


def worst_fields(sweep: Sweep) -> dict[str, dict[str, Any]]:
    """Return the worst field found for each model, of those there are: image, warped, tau (pixels), change.

    Of a model with several starts it is the first one's.
    """
    found = sweep.records().items()
    return {cell.model: record["field"] for cell, record in found if cell.family == "worst" and not cell.start}


def cards(sweep: Sweep) -> dict[str, dict[str, Any]]:
    """Return the stability cards that there are, by model."""
    return {cell.model: record["card"] for cell, record in sweep.records().items() if cell.family == "cards"}


def by_start(sweep: Sweep) -> dict[StabilityCell, list[StabilityReport]]:
    """Return the reports that there are of each model and family, one a start, by the cell of the first start."""
    found: dict[StabilityCell, list[StabilityReport]] = {}
    for cell, report in reports(sweep).items():
        found.setdefault(replace(cell, start=0), []).append(report)
    return found


def results(sweep: Sweep) -> dict[str, Any]:
    """Return what results.json of `kernelconv stability` holds: settings, environment, rows, expectations.

    Rows of a model with several starts are pooled over those that there are (`starts.pooled`).
    """
    study: Any = sweep.study
    trained, made_with = by_start(sweep), sweep.made_with()
    found = {cell: pooled(several) for cell, several in trained.items()}
    rows = [
        {"model": cell.model, **row, "family": _family(cell, row)}
        for cell, report in found.items()
        for row in report.to_dict()["rows"]
    ]
    for row in rows:
        del row["name"]
    summaries = {
        cell.model: {k: v for k, v in report.to_dict()["summaries"][0].items() if k != "name"}
        for cell, report in found.items()
        if report.summaries and cell.family != "layers"
    }
    two_sided = {model: {k: v for k, v in card.items() if k != "pictures"} for model, card in cards(sweep).items()}
    return {
        "kernelconv": made_with["kernelconv"],
        "settings": _settings(study),
        "environment": made_with,
        "cells": [[cell.model, cell.family, cell.start] for cell in reports(sweep)],
        "summaries": summaries,
        "rows": rows,
        "expectations": expectations({c.model: r for c, r in trained.items() if c.family == "smooth"}),
        **({"cards": two_sided} if two_sided else {}),
    }


def _family(cell: StabilityCell, row: Mapping[str, Any]) -> str:
    """Return what a row is told to be of: a corruption may have the name of a family ("shear"), a layer any."""
    own = {"corruptions": "family", "layers": "name"}.get(cell.family)
    return f"{cell.family}: {row[own]}" if own else cell.family


def _settings(study: Stability) -> dict[str, Any]:
    built = {m: model.build(study.shape, study.train_size, study.seed)[0] for m, model in study.models.items()}
    return {
        "data": study.split.name,
        "data_arguments": list(study.split.arguments),
        "data_sha256": study.split.digest,
        "models": {m: f"{study.models[m].representation.source} {one_line(built[m])}" for m in study.models},
        "labels": {m: model.representation.label for m, model in study.models.items()},
        "families": {f: told(f, study.n_images) for f in study.families},
        "measures": list(MEASURES),
        "n_cells": len(study.cells),
        "n_images": study.n_images,
        "train_size": study.train_size,
        "n_train_pool": len(study.split.y_train),
        "seed": study.seed,
        "starts": study.starts,
        "trained": [m for m, model in study.models.items() if model.representation.trained],
        **{"pad": PAD, "border": study.border},
        "image_shape": list(study.shape),
    }


def examples(study: Stability, family: str, n_images: int = 4) -> dict[str, Any]:
    """Return test images as they are and deformed at each strength: (n_images, 1 + n_strengths, h, w[, c])."""
    images, rng = study.padded(study.split.X_test[:n_images]), np.random.default_rng(study.seed)
    deformation, strengths = FAMILIES[family]
    fields = [deformation.sample(images.shape[1:3], s, rng, size=len(images)) for s in strengths]
    moved = [warp(images, field, padding=study.border) for field in fields]
    return {"strengths": list(strengths), "images": np.stack([images, *moved], axis=1)}
