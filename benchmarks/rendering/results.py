"""The result files of the research comparison, as the rows that tables and figures show."""

import json
from collections import defaultdict
from statistics import fmean, median

import numpy as np
from objective import STRENGTH, dataset
from representations import rivals
from run import read_rows

from kernelconv.report.summary import standard_error


class Results:
    """The cells of a folder by (model, size), models in the order of the table."""

    def __init__(self, folder):
        self.folder, self.rivals = folder, rivals()
        self.environment = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
        self.filters = json.loads((folder / "filters.json").read_text(encoding="utf-8"))
        self.data = self.environment.pop("data")
        self.draws, self.sizes = dataset(self.data).draws, dataset(self.data).SIZES
        costs = read_rows(folder / "costs.csv")
        self.hours = sum(float(c[f"{part}_seconds"]) for c in costs.values() for part in ("fit", "predict")) / 3600
        self.cells = defaultdict(list)
        for (model, size, seed), row in read_rows(folder / "results.csv").items():
            self.cells[model, size].append({**costs[model, size, seed], **row})
        self.models = [m for m in self.rivals if any((m, s) in self.cells for s in self.sizes)]

    def label(self, model):
        """Return the name that tables and figures show of a model."""
        return self.rivals[model].label

    def row(self, model, size):
        """Return the mean over the draws of a model and size, or None; the form is that of kernelconv.report."""
        found = self.cells.get((model, size))
        if not found:
            return None
        errors = [float(r["error"]) for r in found]
        changes = [float(r["relative_change"]) for r in found if r["relative_change"]]
        change = {"strength": STRENGTH, **dict.fromkeys(("mean", "low", "high"), fmean(changes) if changes else np.nan)}
        return {
            "model": self.label(model),
            "train_size": size,
            "draws": len(found),
            "error": fmean(errors),
            "standard_error": 100 * standard_error([e / 100 for e in errors], int(found[0]["n_test"])),
            "relative_change": [change],
            "fit_seconds": median(float(r["fit_seconds"]) for r in found),
            "predict": median(int(r["n_test"]) / float(r["predict_seconds"]) for r in found),
            "features": found[0]["features"],
        }

    def rows(self, models, sizes):
        """Return the rows that there are, model by model."""
        return [row for m in models for s in sizes if (row := self.row(m, s))]

    def compared(self, size):
        """Return the models at a size that compete: without augmentation, on all test images."""
        alike = [m for m in self.models if not self.rivals[m].augmented and self.rivals[m].n_test is None]
        return [m for m in alike if (m, size) in self.cells]

    def best(self, size):
        """Return our best model at a size, or None."""
        ours = [m for m in self.compared(size) if self.rivals[m].family != "others"]
        return min(ours, key=lambda m: self.row(m, size)["error"], default=None)

    def leaders(self):
        """Return one model a family: the one whose errors are lowest on average over the sizes that its family has."""
        leading = []
        plain = [m for m in self.models if not self.rivals[m].augmented and self.rivals[m].family != "others"]
        for family in dict.fromkeys(self.rivals[m].family for m in plain):
            members = [m for m in plain if self.rivals[m].family == family]
            errors = {m: [row["error"] for row in self.rows([m], self.sizes)] for m in members}
            most = max(map(len, errors.values()))
            leading.append(min((m for m in members if len(errors[m]) == most), key=lambda m: fmean(errors[m])))
        return leading

    def shown_size(self):
        """Return the size with the most models that see the whole test set, the larger of equals: it stands for all."""
        whole = [m for m in self.models if self.rivals[m].n_test is None]
        return max(self.sizes, key=lambda s: (sum((m, s) in self.cells for m in whole), s))
