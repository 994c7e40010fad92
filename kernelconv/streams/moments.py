"""Moments of a stream by folds: what is left out to choose a penalty is known before the stream ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from kernelconv.networks.moments import Moments
from kernelconv.streams.ridge_path import RidgePath, left_out_errors, ridge_path


@dataclass(repr=False)
class FoldedMoments:
    """The moments of each fold of a stream of samples with targets.

    Attributes
    ----------
    folds : list of Moments
        One a fold; a single one where nothing is to be left out.
    seed : int
        With which samples are dealt to the folds, see `stream_folds`.
    """

    folds: list[Moments]
    seed: int

    def __repr__(self) -> str:
        return f"FoldedMoments({len(self.folds)} folds, {self.n_samples:,} samples, {self.shape[0]:,} features)"

    @classmethod
    def zeros(cls, n_features: int, n_targets: int, n_folds: int, seed: int) -> Self:
        """Return the moments of no sample."""
        return cls([Moments.zeros(n_features, n_targets) for _ in range(n_folds)], seed)

    @property
    def n_samples(self) -> int:
        """Samples added, those of weight zero included."""
        return sum(fold.n_samples for fold in self.folds)

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of features and of targets."""
        n_features, n_targets = self.folds[0].cross.shape
        return n_features, n_targets

    @property
    def deal(self) -> tuple[int, int]:
        """Number of folds and seed: moments that differ in them cannot be merged."""
        return len(self.folds), self.seed

    def add(self, x: NDArray, targets: NDArray, weights: NDArray, start: int) -> None:
        """Add the samples `start`, `start` + 1, ... of the stream."""
        if len(self.folds) == 1:
            self.folds[0].add(x, targets, weights)
            return
        of_fold = stream_folds(start, len(x), *self.deal)
        for f, fold in enumerate(self.folds):
            rows = of_fold == f
            if rows.any():
                fold.add(x[rows], targets[rows], weights[rows])

    def merge(self, other: FoldedMoments) -> None:
        """Add the samples of `other`, of the same deal and shape."""
        for fold, theirs in zip(self.folds, other.folds, strict=True):
            fold.merge(theirs)

    def placed(self, columns: NDArray, n_targets: int, constant: float) -> Self:
        """Return them with the targets as the `columns` of `n_targets`; the others were `constant` for all samples."""
        folds = [replace(fold) for fold in self.folds]
        for fold in folds:
            fold.place_targets(columns, n_targets, constant)
        return replace(self, folds=folds)

    def solve(self, alphas: Sequence[float]) -> RidgePath:
        """Return the ridge regressions of all `alphas`, with their errors on folds left out if there are folds.

        Raises
        ------
        ValueError
            If there is no sample of positive weight, or none left in training when a fold is left out.
        """
        filled = sum(fold.weight > 0 for fold in self.folds)
        if not filled:
            raise ValueError("Every sample so far has weight zero: there is nothing to learn from.")
        if len(self.folds) > 1 and filled < 2:
            raise ValueError(
                f"A penalty is chosen on folds left out, which takes samples of positive weight in at least 2 of the "
                f"{len(self.folds)} folds, got 1 of n_samples={self.n_samples}: add more, or take cv=None."
            )
        errors = left_out_errors(self.folds, alphas) if len(self.folds) > 1 else None
        path = ridge_path(Moments.total(self.folds, *self.shape), alphas)
        return replace(path, errors=errors)

    def arrays(self) -> dict[str, NDArray]:
        """Return all that there is as arrays by name, no copies."""
        sums = {f"{name}_{f}": array for f, fold in enumerate(self.folds) for name, array in fold.arrays().items()}
        return {"deal": np.array(self.deal), **sums}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray]) -> Self:
        """Return the moments that `arrays` were asked of, which they share nothing with.

        Raises
        ------
        KeyError, TypeError or ValueError
            If an array is missing, of a shape that does not fit the others, or not finite numbers.
        """
        n_folds, seed = map(int, arrays["deal"])
        suffixes = [f"_{f}" for f in range(n_folds)]
        folds = [
            Moments.from_arrays({name.removesuffix(end): a for name, a in arrays.items() if name.endswith(end)})
            for end in suffixes
        ]
        if not folds or len({fold.cross.shape for fold in folds}) > 1:
            raise ValueError("its folds differ in features or targets, or there are none")
        return cls(folds, seed)


# -- the fold of a sample, by where it stands in its stream -----------------------------------------------------------


def stream_folds(start: int, n: int, n_folds: int, seed: int) -> NDArray:
    """Return the folds 0, ..., `n_folds` - 1 of the samples `start`, ..., `start` + `n` - 1 of a stream.

    Every `n_folds` samples that follow each other, counted from the first of the stream, are dealt to all folds, one
    each, in an order of their own. Chunks, machines and what came before do not matter: sample i has key i of the
    counter-based generator Philox, and its fold is the rank of its key among those of its deal.

    Examples
    --------
    >>> stream_folds(0, 10, 5, seed=0)
    array([0, 2, 1, 4, 3, 2, 3, 4, 1, 0])
    >>> stream_folds(7, 3, 5, seed=0)
    array([4, 1, 0])

    References
    ----------
    Salmon, Moraes, Dror & Shaw (2011), Parallel random numbers: as easy as 1, 2, 3, SC11.
    """
    first = start // n_folds * n_folds
    deals = -(-(start + n - first) // n_folds)
    keys = _keys(first, deals * n_folds, seed).reshape(deals, n_folds)
    ranks = keys.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
    return ranks.ravel()[start - first :][:n]


def _keys(start: int, n: int, seed: int) -> NDArray:
    """Return the draws `start`, ..., `start` + `n` - 1 of Philox, which makes four at each count."""
    counts, skipped = divmod(start, 4)
    generator = np.random.Philox(key=seed)
    generator.advance(counts)
    return generator.random_raw(skipped + n)[skipped:]
