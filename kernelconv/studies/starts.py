"""Several trainings of one model from different initial weights: one report, intervals over trainings and images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from kernelconv.stability import StabilityReport
from kernelconv.stability.report import StabilityRow
from kernelconv.studies.significance import crossed_mean

#: Coverage of the intervals.
LEVEL = 0.95


def pooled(trained: Sequence[StabilityReport]) -> StabilityReport:
    r"""Return one report of several trainings of a model; of one training it is that training's.

    The estimate of training s is :math:`r_s = \sum_i a_{si} / \sum_i b_{si}`; theirs is the mean over s, with a t
    interval whose variance is that of the crossed samples :math:`r_s + (a_{si} - r_s b_{si}) / \bar b_s` of trainings
    and images (`crossed_mean`). Summaries hold means.

    Raises
    ------
    ValueError
        If there is no report, or one has other rows than the first.
    """
    if not trained:
        raise ValueError("There is no report to be pooled.")
    if len(trained) == 1:
        return trained[0]
    keys = [[(r.family, r.strength, r.measure, r.name) for r in report] for report in trained]
    if any(other != keys[0] for other in keys):
        raise ValueError("Reports of one model hold the same rows, each its images' values: these do not.")
    rows = tuple(_pooled_row(rows) for rows in zip(*trained, strict=True))
    summaries = tuple(
        replace(of[0], gain=fmean(s.gain for s in of), accuracy=_mean([s.accuracy for s in of]))
        for of in zip(*(report.summaries for report in trained), strict=True)
    )
    return StabilityReport(rows, summaries)


def _pooled_row(rows: Sequence[StabilityRow]) -> StabilityRow:
    mean, low, high, _ = crossed_mean(_values(rows), LEVEL)
    return replace(rows[0], mean=mean, low=low, high=high, samples=None)


def _values(rows: Sequence[StabilityRow]) -> NDArray:
    """Return the values (n_trainings, n_images) whose mean is the estimate, its ratio of means made linear."""
    if any(row.samples is None for row in rows):
        raise ValueError("Reports are pooled by each image's values: one of these was read without samples.")
    a, b = np.stack([row.samples for row in rows if row.samples is not None], axis=1)
    below = b.mean(axis=1, keepdims=True)
    ratio = a.mean(axis=1, keepdims=True) / below
    return np.asarray(ratio + (a - ratio * b) / below)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def differences(
    first: Sequence[StabilityReport], second: Sequence[StabilityReport], measure: str
) -> list[tuple[float, float, float, float]]:
    """Return strength, difference, low and high of a measure of two models, one or more trainings each.

    Trainings are paired in their order, images always; a single training is paired with each of the other model's. Of
    one training each the interval is the bootstrap over images of `StabilityReport.difference`.

    Raises
    ------
    ValueError
        If the numbers of trainings differ and neither is 1; or as `StabilityReport.difference`.
    """
    if len(first) == len(second) == 1:
        rows = joined({"first": first[0], "second": second[0]}).difference("first", "second", measure)
        return [(row.strength, row.mean, row.low, row.high) for row in rows]
    if len(first) != len(second) and 1 not in (len(first), len(second)):
        raise ValueError(f"Trainings are paired: {len(first)} and {len(second)} cannot be.")
    found = []
    for a, b in zip(_by_strength(first, measure), _by_strength(second, measure), strict=True):
        if a[0].strength != b[0].strength:
            raise ValueError("Paired differences need the same strengths: these reports have others.")
        found.append((a[0].strength, *crossed_mean(_values(a) - _values(b), LEVEL)[:3]))
    return found


def _by_strength(trained: Sequence[StabilityReport], measure: str) -> list[tuple[StabilityRow, ...]]:
    return list(zip(*(report.select(measure) for report in trained), strict=True))


def joined(reports: Mapping[str, StabilityReport]) -> StabilityReport:
    """Return the reports of several models as one, each row under its model's name."""
    return StabilityReport(tuple(replace(row, name=name) for name, report in reports.items() for row in report))
