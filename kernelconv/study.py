"""The protocol of `kernelconv stability`: representations x families of deformations, a saved cell each, resumable."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import check_count
from kernelconv._files import write_atomically
from kernelconv._version import __version__
from kernelconv.comparison import Split
from kernelconv.deformations import (
    AffineDeformation,
    CombinedDeformation,
    Deformation,
    Dilation,
    ElasticDeformation,
    Rotation,
    Shear,
    SmoothDeformation,
    Translation,
    warp,
)
from kernelconv.environment import environment
from kernelconv.expectations import expectations
from kernelconv.rivals import REPRESENTATIONS, Rival, fit_rival
from kernelconv.stability import StabilityReport, measure_corruptions, measure_stability, measure_worst_case, worst_case

#: Zeros put around every image: content must not leave, and 28 px become 32.
PAD = 2
NORMS = (0.05, 0.1, 0.2, 0.3, 0.5)
FAMILIES: dict[str, tuple[Deformation, tuple[float, ...]]] = {
    "smooth": (SmoothDeformation(cutoff=3), NORMS),
    "elastic": (ElasticDeformation(sigma=4.0), NORMS),
    "translation": (Translation(), (0.5, 1.0, 2.0, 3.0, 4.0)),
    "rotation": (Rotation(), NORMS),
    "dilation": (Dilation(), NORMS),
    "shear": (Shear(), NORMS),
    "affine": (AffineDeformation(), NORMS),
    "combined": (CombinedDeformation(SmoothDeformation(cutoff=3), translation=1.0), NORMS),
}
#: The family in which the worst field is searched for, and at which Jacobian norms; the budget.
WORST, WORST_NORMS = SmoothDeformation(cutoff=3), (0.1, 0.3)
N_WORST, WORST_EVALUATIONS = 100, 64
#: Severities of the corruptions.
SEVERITIES = (1, 3, 5)
#: What is measured beyond the families.
OTHERS = {
    "worst": (f"worst of {WORST!r}, {WORST_EVALUATIONS} evaluations, {N_WORST} images", WORST_NORMS),
    "corruptions": ("corruptions, by severity", SEVERITIES),
}
DEFAULT_FAMILIES = ("smooth", "translation", "rotation", "worst")
MEASURES = (
    "relative_change",
    "lipschitz_ratio",
    "deformation_sensitivity",
    "relative_stability",
    "relative_stability_spectrum",
    "accuracy",
    "flip_rate",
)


@dataclass(frozen=True)
class StudyCell:
    """One measurement: a representation under a family."""

    model: str
    family: str


class Study:
    """Representations x families on one split; every finished cell is a file, so a killed run goes on where it was.

    Parameters
    ----------
    split : Split
        Data: anchors, weights and heads see training images only, measures test images only.
    models : sequence of str
        Keys of `REPRESENTATIONS`, in the order they are shown.
    families : sequence of str
        Keys of `FAMILIES`, "worst" or "corruptions".
    folder : path
        Where cells and results are kept.
    n_images : int
        Test images measured: the first ones.
    train_size : int
        Training images, class-balanced.
    seed : int
        Of the subset, the models' own draws, and the fields.

    Raises
    ------
    ValueError
        If a name is unknown or given twice, or a number of images is not there.
    """

    def __init__(
        self,
        split: Split,
        models: Sequence[str],
        families: Sequence[str],
        folder: str | Path,
        *,
        n_images: int = 500,
        train_size: int = 2000,
        seed: int = 0,
    ) -> None:
        self.split, self.folder, self.seed = split, Path(folder), seed
        _check_names("models", models, tuple(REPRESENTATIONS))
        _check_names("families", families, (*FAMILIES, *OTHERS))
        if split.X_train.dtype == object or split.X_train.ndim != 3:
            raise ValueError(
                f"kernelconv stability wants grey images (n, h, w), {split.name} holds {split.X_train.shape}."
            )
        if not 2 <= check_count(n_images, "images") <= len(split.y_test):
            raise ValueError(f"images must be from 2 to {len(split.y_test)} (test images), got {n_images}.")
        if check_count(train_size, "train size") > len(split.y_train):
            raise ValueError(f"train size must be at most {len(split.y_train)} (training images), got {train_size}.")
        self.n_images, self.train_size = n_images, train_size
        self.cells = [StudyCell(m, f) for m in models for f in families]
        self.settings: dict[str, Any] = {
            "data": split.name,
            "data_sha256": split.digest,
            "models": {m: " ".join((REPRESENTATIONS[m].__doc__ or "").split()) for m in models},
            "families": {f: _describe(f) for f in families},
            "measures": list(MEASURES),
            "n_images": n_images,
            "train_size": train_size,
            "seed": seed,
            "pad": PAD,
            "image_shape": [s + 2 * PAD for s in split.X_test.shape[1:3]],
        }
        self._fitted: tuple[str, Rival] | None = None

    def images(self, x: NDArray) -> NDArray:
        """Return images with zeros around them."""
        return np.pad(x, ((0, 0), (PAD, PAD), (PAD, PAD)))

    def path(self, cell: StudyCell) -> Path:
        """Return the file of a cell; its name ends in a digest of all that decides its result."""
        same = ("data_sha256", "n_images", "train_size", "seed", "pad", "measures")
        decides = {
            "kernelconv": __version__,
            "model": self.settings["models"][cell.model],
            "family": self.settings["families"][cell.family],
            **{key: self.settings[key] for key in same},
        }
        digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:12]
        return self.folder / "cells" / f"{cell.model}-{cell.family}-{digest}.json"

    def load(self, cell: StudyCell) -> StabilityReport | None:
        """Return the saved report of a cell, or None if it has not been run."""
        try:
            return StabilityReport.from_dict(json.loads(self.path(cell).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{self.path(cell)} is damaged: delete it and run the same command again.") from None

    def run(self) -> Iterator[tuple[StudyCell, StabilityReport, bool]]:
        """Run what is missing, saving each cell at once; yield (cell, report, whether it was already there)."""
        (self.folder / "cells").mkdir(parents=True, exist_ok=True)
        for cell in self.cells:
            report = self.load(cell)
            known = report is not None
            if report is None:
                report = self.measure(cell)
                if cell.family == "worst":
                    write_atomically(self._field_path(cell), json.dumps(self._worst_field(cell)))
                write_atomically(self.path(cell), json.dumps(report.to_dict(samples=True)))
            yield cell, report, known

    def rival(self, model: str) -> Rival:
        """Return a fitted representation; the last one is kept."""
        if self._fitted is None or self._fitted[0] != model:
            chosen = self.split.subset(self.train_size, self.seed)
            x, y = self.images(self.split.X_train[chosen]), self.split.y_train[chosen]
            self._fitted = model, fit_rival(model, x, y, self.seed)
        return self._fitted[1]

    def measure(self, cell: StudyCell) -> StabilityReport:
        """Fit what the cell needs, and measure it."""
        rival = self.rival(cell.model)
        x, y = self.images(self.split.X_test[: self.n_images]), self.split.y_test[: self.n_images]
        if cell.family == "corruptions":
            return measure_corruptions(rival.phi, x, y, rival.head, severities=SEVERITIES, random_state=self.seed)
        if cell.family == "worst":
            options: dict[str, Any] = {"n_evaluations": WORST_EVALUATIONS, "random_state": self.seed}
            return measure_worst_case(rival.phi, x[:N_WORST], WORST, WORST_NORMS, **options)
        chosen, strengths = FAMILIES[cell.family]
        head: dict[str, Any] = {"head": rival.head, "y": y}
        return measure_stability(rival.phi, x, chosen, strengths, measures=MEASURES, random_state=self.seed, **head)

    def _field_path(self, cell: StudyCell) -> Path:
        return self.path(cell).with_suffix(".field.json")

    def _worst_field(self, cell: StudyCell) -> dict[str, Any]:
        """Return the first test image, its worst field at the larger strength, and what it does, to be drawn."""
        x = self.images(self.split.X_test[:2])
        phi, budget = self.rival(cell.model).phi, WORST_EVALUATIONS
        found = worst_case(phi, x, WORST, WORST_NORMS[-1], n_evaluations=budget, random_state=self.seed)
        drawn = {"image": x[0], "warped": warp(x, found.fields)[0], "tau": found.fields.values[0]}
        return {"change": float(found.change[0]), **{k: np.round(v, 4).tolist() for k, v in drawn.items()}}

    def worst_fields(self) -> dict[str, dict[str, Any]]:
        """Return the worst field found for each model, of those there are."""
        paths = {cell.model: self._field_path(cell) for cell in self.cells if cell.family == "worst"}
        return {m: json.loads(p.read_text(encoding="utf-8")) for m, p in paths.items() if p.is_file()}

    def reports(self) -> dict[StudyCell, StabilityReport]:
        """Return the reports there are, in the order of the cells."""
        found = {cell: self.load(cell) for cell in self.cells}
        return {cell: report for cell, report in found.items() if report is not None}

    def results(self) -> dict[str, Any]:
        """Return settings, environment, every row there is, and what became of the expectations."""
        reports = self.reports()
        rows = [
            {"model": cell.model, **row, "family": row["family"] if cell.family == "corruptions" else cell.family}
            for cell, report in reports.items()
            for row in report.to_dict()["rows"]
        ]
        for row in rows:
            del row["name"]
        summaries = {
            cell.model: {k: v for k, v in report.to_dict()["summaries"][0].items() if k != "name"}
            for cell, report in reports.items()
            if report.summaries
        }
        return {
            "kernelconv": __version__,
            "settings": self.settings,
            "environment": environment(),
            "cells": [[cell.model, cell.family] for cell in reports],
            "summaries": summaries,
            "rows": rows,
            "expectations": expectations({c.model: r for c, r in reports.items() if c.family == "smooth"}),
        }

    def examples(self, family: str, n_images: int = 4) -> dict[str, Any]:
        """Return test images as they are and deformed at each strength: (n_images, 1 + n_strengths, h, w)."""
        images = self.images(self.split.X_test[:n_images])
        chosen, strengths = FAMILIES[family]
        rng = np.random.default_rng(self.seed)
        fields = [chosen.sample(images.shape[1:3], s, rng, size=len(images)) for s in strengths]
        return {"strengths": list(strengths), "images": np.stack([images, *(warp(images, f) for f in fields)], axis=1)}


def _describe(family: str) -> dict[str, Any]:
    words, strengths = OTHERS[family] if family in OTHERS else (repr(FAMILIES[family][0]), FAMILIES[family][1])
    return {"family": words, "strengths": [float(s) for s in strengths]}


def _check_names(kind: str, names: Sequence[str], known: tuple[str, ...]) -> None:
    if not names or len(set(names)) != len(names) or any(n not in known for n in names):
        raise ValueError(f"{kind} must be different names among {', '.join(known)}, got {list(names)}.")
