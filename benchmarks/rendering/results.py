"""The committed cells of the research comparison by model, size and draw, and the figures that are means of them."""

from dataclasses import dataclass
from functools import cache
from math import nan
from statistics import fmean, median, stdev

import numpy as np

from kernelconv.studies.cells import read_cells
from kernelconv.studies.significance import draws_standard_error, images_standard_error
from rendering.choice import lowest_on_shared

#: Rows that put the head of the Gaussian rows on features that need none of ours.
CONTROLS = ("pixels+gaussian", "lenet+gaussian")


@dataclass(frozen=True)
class Summary:
    """A mean error over draws, in %, its standard errors over draws (NaN of one) and over images, and their numbers."""

    error: float
    draws_error: float
    images_error: float
    n_draws: int
    n_images: int


def unseeded(identity):
    """Return the identity of a cell as text without its seeds: what all draws of a row and size have in common.

    >>> unseeded({"seed": 1, "model": {"random_state": 1, "J": 3}}) == unseeded({"seed": 2, "model": {"random_state": 2,
    ... "J": 3}})
    True
    """
    if isinstance(identity, dict):
        kept = {k: unseeded(v) for k, v in identity.items() if k not in ("seed", "random_state")}
        return str(sorted(kept.items()))
    return str([unseeded(v) for v in identity] if isinstance(identity, list) else identity)


class Results:
    """The cells of a folder, whatever the code of today is.

    `plan` is the `plans.Plan` with the rows in the order they are shown; `data` is the `Dataset` whose `draws` are the
    columns.

    Raises
    ------
    ValueError
        If a cell is damaged, or of a model, a size or other data than the protocol's.
    """

    def __init__(self, folder, plan, data):
        self.folder, self.plan, self.data = folder, plan, data
        self.models, self.sizes = plan.models(), list(data.draws)
        self.cells = read_cells(folder, "accuracy")
        self.parts = {"test": {}, "validation": {}}
        self._check()
        for content in self.cells:
            cell = content["cell"]
            place = self.parts[cell["part"]].setdefault((cell["model"], cell["train_size"]), {})
            place[cell["seed"]] = content["record"]
        self.summary = cache(self._summary)

    def _check(self):
        """Refuse cells that the protocol does not have, and a mean over what is not the same."""
        versions, settings = {}, {}
        for cell, identity in ((content["cell"], content["identity"]) for content in self.cells):
            if cell["model"] not in self.models or cell["train_size"] not in self.sizes:
                raise ValueError(
                    f"{self.folder} holds a cell that the protocol of {self.data.title} does not have: "
                    f"{cell['model']}, {cell['train_size']} images. Move its file out of the folder."
                )
            head = self.models[cell["model"]].head
            kind = cell["model"], bool(head and head.above and cell["train_size"] > head.above[0])
            versions.setdefault(kind, set()).add(str(identity["model"]["versions"]))
            settings.setdefault((cell["model"], cell["train_size"], cell["part"]), set()).add(unseeded(identity))
        if len({content["identity"]["data"]["sha256"] for content in self.cells}) > 1:
            raise ValueError(f"The cells in {self.folder} were computed from different data: keep those of one digest.")
        for (model, _), found in versions.items():
            if len(found) > 1:
                raise ValueError(
                    f"The cells of {model} in {self.folder} have different results versions, {sorted(found)}: delete "
                    "those of the older one and run them again."
                )
        for (model, size, part), found in settings.items():
            if len(found) > 1:
                raise ValueError(
                    f"The {part} cells of {model} with {size} images in {self.folder} have different settings, so they "
                    "have no mean: delete those of the older ones and run them again."
                )

    def started(self, *parts):
        """Return the sizes that have any cell, of any part or of these."""
        cells = {place for part in parts or self.parts for place in self.parts[part]}
        return [s for s in self.sizes if any((m, s) in cells for m in self.models)]

    def test(self, model, size):
        """Return the records on the test images by draw."""
        return dict(sorted(self.parts["test"].get((model, size), {}).items()))

    def validation(self, model, size):
        """Return the records on held-out images of the training subset by draw."""
        return dict(sorted(self.parts["validation"].get((model, size), {}).items()))

    def draws(self, model, size):
        """Return how many draws the protocol gives a model at a size: 0 beyond its largest."""
        limits = self.models[model].representation
        n = self.plan.n_draws(model, size, self.data.draws[size])
        return 0 if limits.largest and size > limits.largest else min(n, limits.draws or n)

    def label(self, model):
        """Return what a model is called."""
        return self.models[model].label

    def name(self, model):
        """Return how a model's row begins in a table."""
        return self.label(model) + (" (control)" if model in CONTROLS else "")

    def competes(self, model):
        """Say whether a model can be chosen: ours, without augmentation, on all test images."""
        registered = self.models[model].representation
        return registered.family != "others" and not registered.augmented and registered.n_test is None

    def wrong(self, model, size, draws=None):
        """Return which test images are wrong, bool (n_draws, n_images), of the draws named or of all there are."""
        records = self.test(model, size)
        return np.array([_wrong(records[seed]) for seed in (records if draws is None else draws)])

    def _summary(self, model, size):
        """Return the `Summary` of the test errors, or None where there is no cell."""
        if not self.test(model, size):
            return None
        wrong = self.wrong(model, size)
        errors = (wrong.mean(), draws_standard_error(wrong), images_standard_error(wrong))
        return Summary(*(100 * float(e) for e in errors), *wrong.shape)

    def validation_errors(self, model, size):
        """Return the validation error of each draw, in %."""
        return {seed: 100 * record["validation_error"] for seed, record in self.validation(model, size).items()}

    def validation_error(self, model, size):
        """Return mean and standard error over draws (NaN of one draw) of the validation error, in %, or None."""
        return _mean(list(self.validation_errors(model, size).values()))

    def measured(self, model, size, measure):
        """Return mean and standard error over draws of `relative_change` or `deformation_sensitivity`, or None."""
        found = [r[measure] for r in self.test(model, size).values() if r[measure]]
        strength = self.strength
        return _mean([m["mean"] for measures in found for m in measures if m["strength"] == strength])

    @property
    def deformation(self):
        """The deformations that features were measured under, as every test cell says; None without such cells."""
        found = [c["identity"]["protocol"].get("deformation") for c in self.cells if c["cell"]["part"] == "test"]
        return next(filter(None, found), None)

    @property
    def strength(self):
        """The Jacobian norm that stands for all: the middle one."""
        strengths = self.deformation["strengths"] if self.deformation else [nan]
        return strengths[len(strengths) // 2]

    def cost(self, model, size):
        """Return the medians over draws of the CPU seconds to fit, to predict an image, and to validate (or None)."""
        tested, validated = self.test(model, size).values(), self.validation(model, size).values()
        fit = median(r["fit_seconds"] for r in tested)
        predict = median(r["predict_seconds"] / r["n_test"] for r in tested)
        return fit, predict, median(r["seconds"] for r in validated) if validated else None

    @property
    def hours(self):
        """The CPU hours of all cells together."""
        names = ("fit_seconds", "predict_seconds", "seconds")
        return sum(content["record"].get(name, 0.0) for content in self.cells for name in names) / 3600

    def counted(self, part):
        """Return how many cells of a part there are, and how many the protocol has."""
        wanted = sum(self.draws(m, s) for m in self.models for s in self.sizes)
        return sum(map(len, self.parts[part].values())), wanted

    def shown_size(self):
        """Return the size at which most models have their cells on all test images, the larger of equals."""
        whole = [m for m in self.models if self.models[m].representation.n_test is None]
        return max(self.sizes, key=lambda s: (sum((m, s) in self.parts["test"] for m in whole), s))

    def as_comparison(self):
        """Return the cells on the test images as kernelconv.report takes a comparison: settings and records."""
        records = [
            {**content["cell"], **content["record"]} for content in self.cells if content["cell"]["part"] == "test"
        ]
        settings = {
            "data": self.data.name,
            "models": dict.fromkeys(self.models, ""),
            "labels": {m: self.label(m) for m in self.models},
            "train_sizes": self.sizes,
            "seeds": list(range(max(self.data.draws.values()))),
            "n_test": max((r["n_test"] for r in records), default=0),
            "classes": list(self.data.class_names) or next((r["classes"] for r in records), []),
            "deformation": self.deformation,
        }
        return {"settings": settings, "records": records}

    def leaders(self):
        """Return the models that stand for each family, by validation errors on the draws that its models share.

        One leads where those with the most sizes have theirs; another follows it where it is lower at the family's
        largest size, at which the first may have no cells.
        """
        families = {}
        for m in (m for m in self.models if self.competes(m) and m not in CONTROLS):
            families.setdefault(self.models[m].representation.family, []).append(m)
        return [m for members in families.values() for m in self._leading(members)]

    def _leading(self, members):
        """Return one or two models of a family, the one that leads over all sizes first."""
        places = {m: {(s, d): e for s in self.sizes for d, e in self.validation_errors(m, s).items()} for m in members}
        n_sizes = {m: len({size for size, _ in found}) for m, found in places.items()}
        first = lowest_on_shared({m: at for m, at in places.items() if n_sizes[m] == max(n_sizes.values())})[0]
        largest = max((size for found in places.values() for size, _ in found), default=None)
        there = {m: {p: e for p, e in found.items() if p[0] == largest} for m, found in places.items()}
        lowest = lowest_on_shared({m: at for m, at in there.items() if at}) or [first]
        return [first] if first in lowest else [first, lowest[0]]


def _wrong(record):
    found = np.zeros(record["n_test"], bool)
    found[[position for position, *_ in record["mistakes"]]] = True
    return found


def _mean(values):
    if not values:
        return None
    return fmean(values), stdev(values) / len(values) ** 0.5 if len(values) > 1 else nan
