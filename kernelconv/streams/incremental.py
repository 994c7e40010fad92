"""What the incremental ridge heads share: moments by folds that add up and merge, solved when somebody asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from kernelconv._check import check_count, check_finite, check_memory, check_positive, check_sequence
from kernelconv._numbers import as_double, as_table, shown
from kernelconv._parallel.blocks import apply_blocks, block_length
from kernelconv._scales import squarable
from kernelconv.networks.moments import check_same_features, names_of, take_names
from kernelconv.streams.moments import FoldedMoments, stream_folds
from kernelconv.streams.ridge_path import RidgePath

#: Penalties that are tried unless others are given.
ALPHAS = (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1000.0)


class IncrementalHead(BaseEstimator):
    """Ridge regression in one pass; subclasses read targets, call ``_add`` with them, and ``_scores``."""

    moments_: FoldedMoments
    n_features_in_: int
    _solved: RidgePath | None

    def __init__(
        self,
        alphas: float | Sequence[float] | NDArray = ALPHAS,
        *,
        cv: int | None = 5,
        random_state: int = 0,
    ) -> None:
        self.alphas = alphas
        self.cv = cv
        self.random_state = random_state

    def merge(self, other: Self) -> Self:
        """Add all samples that `other` has seen; if there are none, nothing changes.

        Sums do not depend on the order and grouping of merges, to 1e-12 of their norm. A machine that adds the stream
        from sample i on must pass ``start=i`` to ``partial_fit``, so that the folds are those of one pass.

        Parameters
        ----------
        other : estimator
            Of the same class, `cv`, `random_state`, features and targets; it is not changed.

        Raises
        ------
        TypeError
            If `other` is of another class.
        ValueError
            If the two differ in `cv`, `random_state`, features or number of targets.
        """
        if type(other) is not type(self):
            raise TypeError(f"merge takes another {type(self).__name__}, got {shown(other)}.")
        if not hasattr(other, "moments_"):
            return self
        if other.moments_.deal != self._deal():
            raise ValueError(f"merge needs the same cv and random_state: {_unlike(self._deal(), other.moments_.deal)}.")
        if hasattr(self, "moments_"):
            check_same_features(self, other)
        theirs = self._meet(other)
        if not hasattr(self, "moments_"):
            self.n_features_in_ = other.n_features_in_
            take_names(self, names_of(other))
            self._check_memory()
            self.moments_ = FoldedMoments.zeros(*theirs.shape, *theirs.deal)
        self._solved = None
        self.moments_.merge(theirs)
        return self

    def memory(self, n_features: int) -> int:
        """Return the bytes that sums and their solution take for `n_features`: (folds + 2) d^2 float64 numbers."""
        return 8 * (self._deal()[0] + 2) * check_count(n_features, "n_features") ** 2

    def folds(self, n: int, start: int = 0) -> NDArray:
        """Return the folds (n,) of `n` samples of the stream from `start` on, in the form of ``PredefinedSplit``."""
        return stream_folds(check_count(start, "start", 0), check_count(n, "n", 0), *self._deal())

    def state(self) -> dict[str, NDArray]:
        """Return all that has been learned as arrays by name, for ``numpy.savez``; they are not copied.

        Raises
        ------
        NotFittedError
            If nothing has been learned.
        """
        check_is_fitted(self, "moments_")
        return {**self.moments_.arrays(), **self._targets_state(), **names_of(self)}

    def load_state(self, state: Mapping[str, NDArray]) -> Self:
        """Replace what has been learned by a copy of `state`, which the method ``state`` returned.

        Raises
        ------
        ValueError
            If an array is missing or does not fit the others, or they were summed with another `cv` or `random_state`.
        """
        deal = self._deal()
        try:
            moments = FoldedMoments.from_arrays(state)
            if moments.deal == deal:
                self._take_targets(state, moments.shape[1])
        except (KeyError, TypeError, ValueError) as error:
            words = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise ValueError(f"This is no state of {type(self).__name__}, or a damaged one: {words}.") from None
        if moments.deal != deal:
            raise ValueError(f"The state is of another cv or random_state: {_unlike(deal, moments.deal)}.")
        self.moments_, self.n_features_in_, self._solved = moments, moments.shape[0], None
        take_names(self, state)
        return self

    # -- what has been learned ----------------------------------------------------------------------------------------

    @property
    def alpha_(self) -> float:
        """The penalty chosen."""
        path = self._path()
        return path.alphas[path.best]

    @property
    def coef_(self) -> NDArray:
        """Coefficients at the penalty chosen."""
        path = self._path()
        return path.coefs[path.best][self._shown]

    @property
    def intercept_(self) -> Any:
        """Intercepts at the penalty chosen."""
        path = self._path()
        return path.intercepts[path.best][self._shown]

    @property
    def coef_path_(self) -> NDArray:
        """Coefficients of every penalty, on the first axis; warns of penalties below 1e-7 of the top eigenvalue."""
        path = self._path()
        path.warn(min(path.alphas))
        return path.coefs[:, self._shown]

    @property
    def intercept_path_(self) -> NDArray:
        """Intercepts of every penalty, on the first axis."""
        return self._path().intercepts[:, self._shown]

    @property
    def errors_(self) -> NDArray:
        """Mean squared errors (n_alphas,) over the held-out folds, with sample weights; not with ``cv=None``."""
        errors = self._path().errors
        if errors is None:
            raise AttributeError("There are no errors_ with cv=None: nothing is left out.")
        return errors

    # -- for the subclasses -------------------------------------------------------------------------------------------

    @property
    def _shown(self) -> Any:
        """Index of the targets that are shown."""
        return slice(None)

    def _meet(self, other: Self) -> FoldedMoments:
        """Return the moments of `other`, their targets as here; refuse those that cannot be so."""
        raise NotImplementedError

    def _targets_state(self) -> dict[str, NDArray]:
        """Return what is known of the targets, as arrays by name."""
        raise NotImplementedError

    def _take_targets(self, state: Mapping[str, NDArray], n_targets: int) -> None:
        """Take up what ``_targets_state`` returned, if it fits; raise KeyError or ValueError if not."""
        raise NotImplementedError

    def _forget(self) -> None:
        """Forget the samples added."""
        for name in ("moments_", "_solved"):
            self.__dict__.pop(name, None)

    def _read(
        self, X: Any, y: Any, sample_weight: Any, start: Any, **checks: Any
    ) -> tuple[NDArray, NDArray, NDArray, int]:
        """Return samples, what `y` says of them, weights and the place in the stream, all checked."""
        self._penalties()
        first = not hasattr(self, "moments_")
        if not first and self.moments_.deal != self._deal():
            changed = _unlike(self._deal(), self.moments_.deal)
            raise ValueError(f"cv or random_state was changed after samples were added: {changed}. Start with a clone.")
        x, y = validate_data(self, as_table(X), y, reset=first, dtype=[np.float64, np.float32], **checks)
        if first:
            self._check_memory()
        start = (0 if first else self.moments_.n_samples) if start is None else check_count(start, "start", 0)
        return squarable(x), y, _weights(sample_weight, len(x)), start

    def _add(self, x: NDArray, targets: NDArray, weights: NDArray, start: int) -> None:
        """Add checked samples with `targets` (n, k), from place `start` of the stream on."""
        if not hasattr(self, "moments_"):
            self.moments_ = FoldedMoments.zeros(x.shape[1], targets.shape[1], *self._deal())
        self._solved = None
        self.moments_.add(x, targets, weights, start)

    def _check_memory(self) -> None:
        d, n_folds = self.n_features_in_, self._deal()[0]
        check_memory(self.memory(d), f"{type(self).__name__} of {d} features, {n_folds} + 2 Gram matrices,")

    def _deal(self) -> tuple[int, int]:
        """Return the number of folds, one for None, and the seed."""
        seed = check_count(self.random_state, "random_state", 0)
        if self.cv is None:
            return 1, 0
        if isinstance(self.cv, bool) or not isinstance(self.cv, int | np.integer) or self.cv < 2:
            raise ValueError(f"cv must be None or an int >= 2, the number of folds, got {shown(self.cv)}.")
        return check_count(self.cv, "cv", 2), seed

    def _penalties(self) -> tuple[float, ...]:
        """Return the penalties, checked."""
        several = isinstance(self.alphas, tuple | list | np.ndarray)
        given = check_sequence(self.alphas, "alphas") if several else [self.alphas]
        alphas = tuple(check_positive(alpha, "alphas") for alpha in given)
        if self.cv is None and len(alphas) > 1:
            raise ValueError(
                f"cv=None leaves nothing out to choose among {len(alphas)} alphas: pass one, or cv=5 for five folds."
            )
        return alphas

    def _path(self) -> RidgePath:
        """Return the solutions of all penalties, found once for all calls that follow."""
        check_is_fitted(self, "moments_")
        alphas = self._penalties()
        if self._solved is None or self._solved.alphas != alphas:
            self._solved = self.moments_.solve(alphas)
            self._solved.warn(self._solved.alphas[self._solved.best])
        return self._solved

    def _scores(self, X: Any) -> NDArray:
        """Return the values (n, k) of the chosen regression."""
        path = self._path()
        x = squarable(validate_data(self, as_table(X), dtype=[np.float64, np.float32], reset=False))
        coef, intercept = path.coefs[path.best].T, path.intercepts[path.best]
        return apply_blocks(lambda rows: rows.astype(np.float64) @ coef + intercept, x, block_length(8 * x.shape[1]))


def _weights(sample_weight: Any, n: int) -> NDArray:
    """Return the weights of `n` samples; one number is that of each."""
    if sample_weight is None:
        return np.ones(n)
    weights = squarable(check_finite(as_double(sample_weight, "sample_weight"), "sample_weight"))
    weights = np.full(n, weights) if weights.ndim == 0 else weights
    if weights.shape != (n,) or weights.min() < 0:
        raise ValueError(
            f"sample_weight must be {n} numbers >= 0, one a sample, got shape {weights.shape}: {shown(sample_weight)}."
        )
    return weights


def _unlike(here: Any, there: Any) -> str:
    return f"{here} here, {there} there"
