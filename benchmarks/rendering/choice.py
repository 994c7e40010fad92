"""Which row validation chooses, which is best by test, and what the differences to the chosen row are worth."""

from dataclasses import dataclass, replace
from functools import cache
from math import inf
from statistics import fmean

from kernelconv.studies.significance import Difference, holm, mcnemar, paired_difference


@dataclass(frozen=True)
class Compared:
    """A row beside the chosen one: their shared draws, how many test images, the difference, Holm's p-value."""

    model: str
    n_draws: int
    n_images: int
    difference: Difference
    test: str
    p_holm: float = 1.0

    @property
    def separated(self):
        """Whether test images and draws do not explain the difference; of one shared draw that is never known."""
        return self.n_draws > 1 and self.p_holm <= 0.05


def competing(results, size, part="test"):
    """Return the rows that compete and have cells of a part at a size."""
    return [m for m in results.models if results.competes(m) and (m, size) in results.parts[part]]


def of_how_many(results, size, part):
    """Return how many of the rows that compete at a size have cells of a part, in words."""
    wanted = sum(1 for m in results.models if results.competes(m) and results.draws(m, size))
    return f"{len(competing(results, size, part))} of {wanted}"


def lowest_on_shared(errors):
    """Return the names with the lowest mean of `errors`, {name: {place: error}}, all of a tie.

    Means of different places say nothing about each other. So names with the most places come first, and each later one
    takes the lead only with a lower mean on the places that it shares with the one in the lead.

    >>> lowest_on_shared({"a": {0: 2.0, 1: 4.0}, "b": {0: 2.5}, "c": {0: 4.0, 1: 2.0}})  # b: 2.5 against 2.0
    ['a', 'c']
    """
    leaders = []
    for name, at in sorted(errors.items(), key=lambda item: -len(item[1])):
        behind = _behind(at, errors[leaders[0]]) if leaders else -1.0
        if behind < 0:
            leaders = [name]
        elif behind == 0 and len(at) == len(errors[leaders[0]]):
            leaders.append(name)
    return sorted(leaders, key=list(errors).index)


def _behind(errors, others):
    """Return by how much the mean of `errors` is above that of `others` on shared places; infinity without any."""
    shared = [place for place in errors if place in others]
    # shares of images are averaged in floating point: equal ones may differ in the last digit
    return round(fmean(errors[place] - others[place] for place in shared), 9) if shared else inf


@cache
def chosen(results, size):
    """Return the competing rows with the lowest validation error of a size, all of a tie, in the table's order.

    Rows with different draws are compared on those they share. Nothing of the test images is looked at.
    """
    models = competing(results, size, "validation")
    return lowest_on_shared({m: results.validation_errors(m, size) for m in models})


def reference(results, size):
    """Return the chosen row that others are compared with: of a tie the first in the table that is tested; or None."""
    return next((m for m in chosen(results, size) if results.test(m, size)), None)


@cache
def best_by_test(results, size):
    """Return the competing rows with the lowest test error of a size: all that show the same number."""
    shown = {m: round(results.summary(m, size).error, 2) for m in competing(results, size)}
    return [m for m in shown if shown[m] == min(shown.values())]


@cache
def lowest(results, size):
    """Return the rows with the lowest test error of a size, rivals among them, without augmentation."""
    rows = [m for m, row in results.models.items() if results.test(m, size) and row.representation.n_test is None]
    shown = {m: round(results.summary(m, size).error, 2) for m in rows if not _augmented(results, m)}
    return [m for m in shown if shown[m] == min(shown.values())]


def _augmented(results, model):
    return results.models[model].representation.augmented


@cache
def differences(results, size):
    """Return how every other row of a size differs from the chosen one, on the draws and test images they share.

    Of one shared draw the test is McNemar's, of several the more careful of bootstrap and t; Holm's correction is over
    the rows returned. There are none where nothing is chosen, or what is chosen was not tested.
    """
    first = reference(results, size)
    rows = [m for m in results.models if first and m != first and results.test(m, size)]
    found = [c for m in rows if (c := _compared(results, m, first, size)) is not None]
    corrected = holm([c.difference.p for c in found])
    return [replace(c, p_holm=float(p)) for c, p in zip(found, corrected, strict=True)]


def _compared(results, model, first, size):
    shared = [seed for seed in results.test(model, size) if seed in results.test(first, size)]
    if not shared:
        return None
    ours, theirs = (results.wrong(m, size, shared) for m in (model, first))
    n = min(ours.shape[1], theirs.shape[1])  # a row that is scored on fewer has the first ones
    ours, theirs = ours[:, :n], theirs[:, :n]
    difference = paired_difference(ours, theirs, 0)
    if len(shared) > 1:
        return Compared(model, len(shared), n, difference, "bootstrap, t")
    return Compared(model, 1, n, difference._replace(p=mcnemar(ours, theirs)), "McNemar")
