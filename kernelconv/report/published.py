"""Test errors published in papers, number by number, for comparison."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from math import log
from statistics import fmean
from typing import Any

#: The family of what exists beyond the papers that are compared size by size.
ELSEWHERE = "elsewhere"
#: How the protocols of these papers differ from ours.
CAVEAT = (
    "Published figures are single numbers without error bars, for training subsets that are not known to be ours, "
    "except where all use the whole training set. Most are recalled, not compared with the paper again: tables mark "
    "those with *."
)


@dataclass(frozen=True)
class Published:
    """One figure of a paper: the test error (%) of a method trained on `size` images, no augmentation.

    `checked` is "read" where the number was compared with the paper or its abstract, "recalled" where it was not.
    """

    data: str
    method: str
    family: str
    size: int
    error: float
    checked: str
    source: str

    @property
    def mark(self) -> str:
        """What a table puts behind the figure: a star where it is recalled."""
        return "" if self.checked == "read" else "*"


def published(data: str) -> list[Published]:
    """Return the published test errors on a data set, method by method; none where we know of none.

    Those of papers that report a whole range of training sizes come first; of family `ELSEWHERE` is what we know of
    beyond them.

    Examples
    --------
    >>> [(p.method, p.error) for p in published("mnist") if p.size == 300 and p.error < 4.2]
    [('CKN-PM2', 4.15)]
    >>> [p.error for p in published("mnist") if p.family == ELSEWHERE]
    [0.31, 0.31, 0.28, 0.37]
    >>> published("digits")
    []
    """
    text = files("kernelconv.report").joinpath("published.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return [_typed(row) for row in rows if row["data"] == data]


def _typed(row: dict[str, Any]) -> Published:
    return Published(**{**row, "size": int(row["size"]), "error": float(row["error"])})


def best_published(data: str) -> dict[int, Published]:
    """Return the lowest error of each training size in the papers that report a whole range of sizes.

    It is the best of these papers, not of all that exist: see `ELSEWHERE`.

    Examples
    --------
    >>> {size: p.error for size, p in best_published("mnist").items()}
    {300: 4.15, 1000: 2.05, 2000: 1.3, 5000: 1.03, 10000: 0.85, 20000: 0.58, 40000: 0.51, 60000: 0.39}
    """
    best: dict[int, Published] = {}
    for p in sorted(_by_size(data), key=lambda p: (p.size, p.error)):
        best.setdefault(p.size, p)
    return best


def leading_curves(data: str) -> list[Published]:
    """Return one published curve a family: the method whose errors have the lowest geometric mean.

    Examples
    --------
    >>> sorted({p.method for p in leading_curves("mnist")})
    ['CKN-GM2', 'ConvNet', 'scattering + SVM']
    """
    found = _by_size(data)
    leading: set[str] = set()
    for family in dict.fromkeys(p.family for p in found):
        methods = dict.fromkeys(p.method for p in found if p.family == family)
        logs = {m: fmean(log(p.error) for p in found if p.method == m) for m in methods}
        leading.add(min(logs, key=logs.__getitem__))
    return [p for p in found if p.method in leading]


def sources(figures: Iterable[Published]) -> dict[str, str]:
    """Return the source of each method; where it has several, each with its training sizes.

    Examples
    --------
    >>> sources(leading_curves("mnist"))["ConvNet"].split("; ")[1]
    'at 60,000: Jarrett, Kavukcuoglu, Ranzato & LeCun (2009), What is the best multi-stage architecture for object ...
    """
    found: dict[str, dict[str, list[int]]] = {}
    for p in figures:
        found.setdefault(p.method, {}).setdefault(p.source, []).append(p.size)
    return {method: _joined(by_source) for method, by_source in found.items()}


def _by_size(data: str) -> list[Published]:
    return [p for p in published(data) if p.family != ELSEWHERE]


def _joined(by_source: dict[str, list[int]]) -> str:
    if len(by_source) == 1:
        return next(iter(by_source))
    parts = (f"at {', '.join(f'{size:,}' for size in sizes)}: {source}" for source, sizes in by_source.items())
    return "; ".join(parts)
