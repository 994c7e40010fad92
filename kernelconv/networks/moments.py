"""Moments of samples and their targets, summed in float64 in one pass: what least squares and subspaces need.

It lies beside the affine subspaces, which count with it; the heads of `streams`, which may import them, do too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import check_finite
from kernelconv._parallel.blas import single_threaded_blas
from kernelconv._parallel.blocks import block_slices

#: Bytes of the centred float64 rows that are held at a time.
BLOCK_BYTES = 64 * 2**20


def check_same_features(one: Any, other: Any) -> None:
    """Raise ValueError unless two estimators learned from the same features, by number and, if both know, by name."""
    if one.n_features_in_ != other.n_features_in_:
        raise ValueError(f"merge needs the same features: {one.n_features_in_} here, {other.n_features_in_} there.")
    here, there = (getattr(estimator, "feature_names_in_", None) for estimator in (one, other))
    if here is not None and there is not None and list(here) != list(there):
        k = next(i for i, names in enumerate(zip(here, there, strict=True)) if names[0] != names[1])
        raise ValueError(
            f"merge needs the same features in the same order: feature {k} is {here[k]!r} here, {there[k]!r} there."
        )


def names_of(estimator: Any) -> dict[str, NDArray]:
    """Return the names of the features that an estimator learned from, as an entry of its state, if it knows them."""
    return (
        {"feature_names": np.array(estimator.feature_names_in_, str)} if hasattr(estimator, "feature_names_in_") else {}
    )


def take_names(estimator: Any, state: Mapping[str, NDArray]) -> None:
    """Give an estimator the names of a state, none where it has none."""
    estimator.__dict__.pop("feature_names_in_", None)  # of samples that are forgotten
    if "feature_names" in state:
        estimator.feature_names_in_ = np.asarray(state["feature_names"]).astype(object)


@dataclass(repr=False)
class Moments:
    r"""Weights, means and centred second moments of samples x (d,) and of their targets t (k,).

    .. math:: W = \sum_i w_i, \quad \bar x = \frac1W \sum_i w_i x_i, \quad
              G = \sum_i w_i (x_i - \bar x)(x_i - \bar x)^\top, \quad
              C = \sum_i w_i (x_i - \bar x)(t_i - \bar t)^\top

    Parameters
    ----------
    n_samples : int
        Samples added, those of weight zero included.
    weight : float
        W.
    mean, target_mean : ndarray, shape (d,) and (k,)
        Weighted means.
    gram : ndarray, shape (d, d)
        G, symmetric to the last bit.
    cross : ndarray, shape (d, k)
        C.
    squares : ndarray, shape (k,)
        The weighted sum of (t - mean)^2 of each target.

    Notes
    -----
    A block is centred at its own mean, then merged with what is there by the distance of the means (Chan, Golub &
    LeVeque): where means are large nothing cancels, as it would in raw second moments. O(n d^2) with one BLAS thread,
    so the bits depend on the calls alone; d^2 numbers are kept, and as many again while a block is added.

    References
    ----------
    Chan, Golub & LeVeque (1983), Algorithms for computing the sample variance, The American Statistician 37(3).

    Examples
    --------
    >>> moments = Moments.zeros(2)
    >>> moments.add(np.array([[1e8, 0.0], [1e8 + 2, 1.0]]))
    >>> moments.mean - [1e8, 0], moments.gram
    (array([1. , 0.5]), array([[2. , 1. ], [1. , 0.5]]))
    """

    n_samples: int
    weight: float
    mean: NDArray
    target_mean: NDArray
    gram: NDArray
    cross: NDArray
    squares: NDArray

    def __repr__(self) -> str:
        n_features, n_targets = self.cross.shape
        return f"Moments({self.n_samples:,} samples, {n_features:,} features, {n_targets:,} targets)"

    @classmethod
    def zeros(cls, n_features: int, n_targets: int = 0) -> Self:
        """Return the moments of no sample."""
        d, k = n_features, n_targets
        return cls(0, 0.0, np.zeros(d), np.zeros(k), np.zeros((d, d)), np.zeros((d, k)), np.zeros(k))

    @classmethod
    def total(cls, parts: Iterable[Moments], n_features: int, n_targets: int = 0) -> Self:
        """Return the moments of the samples of all `parts`, merged in their order."""
        found = cls.zeros(n_features, n_targets)
        for part in parts:
            found.merge(part)
        return found

    def add(self, x: NDArray, targets: NDArray | None = None, weights: NDArray | None = None) -> None:
        """Add samples `x` (n, d), float32 or float64, with their `targets` (n, k) and `weights` (n,), none negative."""
        targets = np.empty((len(x), 0)) if targets is None else targets
        weights = np.ones(len(x)) if weights is None else weights
        self.n_samples += len(x)
        if not weights.all():
            kept = weights > 0
            x, targets, weights = x[kept], targets[kept], weights[kept]
        rows = max(256, BLOCK_BYTES // (8 * x.shape[1]))
        with single_threaded_blas():
            for s in block_slices(len(x), rows):
                self._add_block(x[s], targets[s], weights[s])

    def merge(self, other: Moments) -> None:
        """Add the samples of `other`, of as many features and targets."""
        with single_threaded_blas():
            row, target_row = self._join(other.weight, other.mean, other.target_mean)
            self.n_samples += other.n_samples
            self.gram += other.gram
            self.gram += np.outer(row, row)
            self.cross += other.cross + np.outer(row, target_row)
            self.squares += other.squares + target_row**2

    def place_targets(self, columns: NDArray, n_targets: int, constant: float) -> None:
        """Make the targets the `columns` of `n_targets`; the others have been `constant` for all samples so far."""
        cross, squares, mean = np.zeros((len(self.mean), n_targets)), np.zeros(n_targets), np.full(n_targets, constant)
        cross[:, columns], squares[columns], mean[columns] = self.cross, self.squares, self.target_mean
        self.cross, self.squares, self.target_mean = cross, squares, mean

    def arrays(self) -> dict[str, NDArray]:
        """Return all that there is, by name: what a file has to keep."""
        return {f.name: np.asarray(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray]) -> Self:
        """Return the moments that `arrays` were asked of, which they share nothing with.

        Raises
        ------
        KeyError
            If one is missing.
        ValueError
            If one is of a shape that does not fit the others, or not finite numbers.
        """
        n_samples, weight, *sums = (check_finite(np.array(arrays[f.name], np.float64), f.name) for f in fields(cls))
        found = cls(int(n_samples), float(weight), *sums)
        d, k = len(found.mean), len(found.target_mean)
        if [a.shape for a in sums] != [(d,), (k,), (d, d), (d, k), (k,)] or found.n_samples < 0 or found.weight < 0:
            raise ValueError(f"sums of shapes {[a.shape for a in sums]} do not fit each other")
        return found

    def _add_block(self, x: NDArray, targets: NDArray, weights: NDArray) -> None:
        weight = float(weights.sum())
        mean, rows = _centred(x, weights, weight)
        target_mean, target_rows = _centred(targets, weights, weight)
        rows[-1], target_rows[-1] = self._join(weight, mean, target_mean)
        self.gram += rows.T @ rows
        self.cross += rows.T @ target_rows
        self.squares += np.einsum("nk,nk->k", target_rows, target_rows)

    def _join(self, weight: float, mean: NDArray, target_mean: NDArray) -> tuple[NDArray, NDArray]:
        """Move the means to those with more samples; return the row that stands for the distance they had."""
        if not weight:
            return np.zeros_like(mean), np.zeros_like(target_mean)
        step, target_step = mean - self.mean, target_mean - self.target_mean
        share = weight / (self.weight + weight)
        row = np.sqrt(self.weight * share)
        self.weight += weight
        self.mean += share * step
        self.target_mean += share * target_step
        return row * step, row * target_step


def _centred(x: NDArray, weights: NDArray, weight: float) -> tuple[NDArray, NDArray]:
    """Return the weighted mean of `x` (n, d), and sqrt(weights) (x - mean) with a row left free (n + 1, d)."""
    rows = np.empty((len(x) + 1, x.shape[1]))
    centred = rows[:-1]
    mean = x.mean(axis=0, dtype=np.float64)
    np.subtract(x, mean, out=centred)
    rest = weights @ centred / weight  # what weights, and rounding of the first mean, make of it
    centred -= rest
    centred *= np.sqrt(weights)[:, None]
    return mean + rest, rows
