"""Scattering paths: which wavelets follow each other, in two dimensions and in one."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations, product
from math import comb
from typing import NamedTuple

import numpy as np

#: More would not fit into any memory: a map each.
MOST_PATHS = 10**6


class ScatteringPath(NamedTuple):
    """One scattering path: its scales j1 < j2 < ... and the index of the angle at each."""

    scales: tuple[int, ...]
    angles: tuple[int, ...]

    @property
    def order(self) -> int:
        """Number of wavelets on the path."""
        return len(self.scales)

    @property
    def parent(self) -> ScatteringPath:
        """The path less its last wavelet."""
        return ScatteringPath(self.scales[:-1], self.angles[:-1])

    @property
    def name(self) -> str:
        """A short name: ``mean`` at order 0, else ``j0t3_j1t5`` for scales (0, 1) and angles (3, 5)."""
        return "_".join(f"j{j}t{t}" for j, t in zip(self.scales, self.angles, strict=True)) or "mean"


class SignalPath(NamedTuple):
    """One path: index of the wavelet at each order, in the bank of that order, and their scales j1 < j2 < ..."""

    wavelets: tuple[int, ...]
    scales: tuple[int, ...]

    @property
    def order(self) -> int:
        """Number of wavelets on the path."""
        return len(self.wavelets)

    @property
    def parent(self) -> SignalPath:
        """The path less its last wavelet."""
        return SignalPath(self.wavelets[:-1], self.scales[:-1])

    @property
    def name(self) -> str:
        """A short name: ``mean`` at order 0, else ``n3_n1`` for wavelets 3 and 1."""
        return "_".join(f"n{n}" for n in self.wavelets) or "mean"


def scattering_paths(J: int, L: int, max_order: int, *, every: bool = False) -> tuple[ScatteringPath, ...]:
    """Return the paths up to `max_order`, by order, then by (j1, angle 1, j2, angle 2, ...).

    Frequency-decreasing ones, j1 < j2 < ..., or with `every` those of any scales.
    """
    orders = range((max_order if every else min(max_order, J)) + 1)
    check_paths((J**m if every else comb(J, m)) * L**m for m in orders)
    paths: list[ScatteringPath] = []
    for order in orders:
        paths += [
            ScatteringPath(scales, angles)
            for scales in (product(range(J), repeat=order) if every else combinations(range(J), order))
            for angles in product(range(L), repeat=order)
        ]
    return in_order(paths)


def check_paths(counts: Iterable[int]) -> None:
    """Raise ValueError if the numbers of paths of the orders add up to more than `MOST_PATHS`."""
    total = 0
    for order, n in enumerate(counts):
        total += n
        if total > MOST_PATHS:
            raise ValueError(
                f"There are {total:,} scattering paths up to order {order} alone, more than {MOST_PATHS:,}. Use a "
                "smaller max_order, or fewer wavelets."
            )


def check_span(size: tuple[int, ...], J: int, wide: bool, wider: str) -> None:
    """Raise ValueError if 2^J px are more than an image of `size` allows: its shorter side, or if `wide` twice its
    longer one. `wider` says what makes it so.
    """  # noqa: D205
    h, w, span = *size, f"2**J = {2**J}" if J < 64 else "2**J"
    if wide:
        if 2**J > 2 * max(size):
            raise ValueError(
                f"J={J} averages over {span} pixels, more than twice the image of {h} x {w}. "
                f"Use J <= {int(np.log2(2 * max(size)))}."
            )
    elif 2**J > min(size):
        raise ValueError(
            f"J={J} averages over {span} pixels, more than the image of {h} x {w}. Use J <= {int(np.log2(min(size)))}, "
            f"or {wider}."
        )


def in_order(paths: list[ScatteringPath]) -> tuple[ScatteringPath, ...]:
    """Return `paths` by order, then by (j1, angle 1, j2, angle 2, ...)."""
    return tuple(sorted(paths, key=lambda p: (p.order, tuple(zip(p.scales, p.angles, strict=True)))))


def with_parents(paths: tuple[ScatteringPath, ...]) -> tuple[ScatteringPath, ...]:
    """Return `paths` and all that they continue, the path of order 0 among them, in order."""
    found = {ScatteringPath((), ())}
    for path in paths:
        while path not in found:
            found.add(path)
            path = path.parent
    return in_order(list(found))
