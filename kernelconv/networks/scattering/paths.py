"""Scattering paths: which wavelets follow each other, in two dimensions and in one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations, product
from math import comb
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernelconv.operators.wavelets.filter_bank_1d import Wavelet1D

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
    """One path: index of the wavelet at each order, in the bank of that order, and their scales j1 < j2 < ...

    `half` is 1, or -1 for negative frequencies: the first wavelet is then the mirror image of that of the bank, and the
    path of order 0 averages the imaginary part.
    """

    wavelets: tuple[int, ...]
    scales: tuple[int, ...]
    half: int = 1

    @property
    def order(self) -> int:
        """Number of wavelets on the path."""
        return len(self.wavelets)

    @property
    def parent(self) -> SignalPath:
        """The path less its last wavelet."""
        return SignalPath(self.wavelets[:-1], self.scales[:-1], self.half)

    @property
    def name(self) -> str:
        """A short name: ``mean`` at order 0, else ``n3_n1`` for wavelets 3 and 1; ``neg_`` leads in the other half."""
        return ("" if self.half > 0 else "neg_") + ("_".join(f"n{n}" for n in self.wavelets) or "mean")


def signal_meta(paths: Sequence[SignalPath], banks: Sequence[Sequence[Wavelet1D]], max_order: int) -> dict[str, Any]:
    """Return what kymatio's ``meta`` says of `paths`, whose wavelets are of two `banks`: at order 1, and above."""
    waves = [[banks[min(m, 1)][n] for m, n in enumerate(path.wavelets)] for path in paths]
    return {
        "order": np.array([path.order for path in paths]),
        "xi": filled([[w.xi for w in each] for each in waves], max_order),
        "sigma": filled([[w.sigma for w in each] for each in waves], max_order),
        "j": filled([path.scales for path in paths], max_order),
        "n": filled([path.wavelets for path in paths], max_order),
        "key": [path.wavelets for path in paths],
    }


def image_meta(paths: Sequence[ScatteringPath], L: int, max_order: int) -> dict[str, Any]:
    """Return what kymatio's list says of the entries `paths`, of `L` angles, as its ``meta`` of signals does."""
    keys = [tuple(j * L + a for j, a in zip(path.scales, path.angles, strict=True)) for path in paths]
    return {
        "order": np.array([path.order for path in paths]),
        "j": filled([path.scales for path in paths], max_order),
        "n": filled(keys, max_order),
        "theta": filled([path.angles for path in paths], max_order),
        "key": keys,
    }


def filled(rows: Iterable[Sequence[float]], width: int) -> NDArray:
    """Return rows of numbers as an array (n, width), NaN where they are shorter."""
    return np.array([[*row, *[np.nan] * (width - len(row))] for row in rows], dtype=float)


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
        smaller = [f"J <= {int(np.log2(min(size)))}"] if min(size) > 1 else []
        larger = [wider] if 2**J <= 2 * max(size) else []
        use = f"Use {', or '.join([*smaller, *larger])}." if smaller or larger else "Pad the image."
        raise ValueError(f"J={J} averages over {span} pixels, more than the image of {h} x {w}. {use}")


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
