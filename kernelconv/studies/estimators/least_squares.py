"""Regularised least squares, linear or with a Gaussian kernel; penalty and width are chosen inside the training set.

Features are centred and scaled to a mean squared norm of one. Parameters are chosen by three-fold cross-validation on
the training set, or on a balanced 5,000 of it where it holds more.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, eigh
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import StratifiedKFold

from kernelconv.studies.estimators.choice import N_CHOICE, N_FOLDS, choice_subset
from kernelconv.studies.estimators.conjugate_gradients import solve_kernel
from kernelconv.studies.estimators.positive import solve_positive
from kernelconv.studies.estimators.transformers import UnitScale

#: Above this many images a kernel matrix is held by halves in single precision, and not factorised; no penalty is then
#: less than this.
N_DOUBLE, LEAST_PENALTY = 10_000, 1e-4
BLOCK = 2000
#: Penalties of the linear head, fifteen from 1e-4 to 1e3. Written out: they are part of a cell's identity, and releases
#: of NumPy round powers of ten differently.
LINEAR_PENALTIES = (
    *(1e-4, 0.00031622776601683794, 1e-3, 0.0031622776601683794, 1e-2, 0.03162277660168379, 0.1, 0.31622776601683794),
    *(1.0, 3.1622776601683795, 10.0, 31.622776601683793, 100.0, 316.2277660168379, 1000.0),
)


class LeastSquares(ClassifierMixin, BaseEstimator):
    """Least squares of the one-against-the-rest targets, +1 and -1; subclasses say how candidates score.

    They are chosen in `n_folds` folds of at most `n_choice` training images.
    """

    seed: int
    n_choice: int
    n_folds: int

    @property
    def grid(self) -> dict[str, tuple[float, ...]]:
        """The values of each parameter that is chosen."""
        raise NotImplementedError

    def fit(self, X: NDArray, y: NDArray) -> Self:
        """Choose the parameters (`chosen_`), then fit on all of X (n, d)."""
        self.classes_ = np.unique(y)
        self.scale_ = UnitScale()
        x = self.scale_.fit_transform(X)
        kept = choice_subset(y, self.seed, self.n_choice)
        errors = self._validation_errors(x[kept], y[kept])
        names = list(self.grid)
        candidates = list(itertools.product(*self.grid.values()))
        best = int(np.argmin(errors))
        self.chosen_ = dict(zip(names, candidates[best], strict=True))
        self.validation_error_ = float(errors.flat[best] * 100 / len(kept))
        self._solve(x, self._targets(y))
        return self

    def predict(self, X: NDArray) -> NDArray:
        """Return the class of the highest score."""
        return self.classes_[np.concatenate([scores.argmax(1) for scores in self._blocks(X)])]

    def decision_function(self, X: NDArray) -> NDArray:
        """Return the scores (n, n_classes); of two classes those of the second, (n,)."""
        scores = np.concatenate(list(self._blocks(X)))
        return scores if len(self.classes_) > 2 else scores[:, -1]

    def _blocks(self, X: NDArray) -> Iterator[NDArray]:
        for lo in range(0, len(X), BLOCK):
            yield self._scores(self.scale_.transform(X[lo : lo + BLOCK]))

    def _targets(self, y: NDArray) -> NDArray:
        return 2.0 * (np.asarray(y)[:, None] == self.classes_) - 1

    def _validation_errors(self, x: NDArray, y: NDArray) -> NDArray:
        """Return the wrong predictions of every candidate over the folds, in the order of the grid."""
        wrong = np.zeros([len(values) for values in self.grid.values()])
        prepared = self._prepare(x)
        for train, test in StratifiedKFold(self.n_folds, shuffle=True, random_state=self.seed).split(x, y):
            scored = self._candidates(prepared, train, test, self._targets(y[train]))
            for index, scores in zip(np.ndindex(wrong.shape), scored, strict=True):
                wrong[index] += (self.classes_[scores.argmax(1)] != y[test]).sum()
        return wrong


class LinearRidge(LeastSquares):
    """Linear least squares: the sum of squared errors plus penalty norm(weights)^2.

    As in `GaussianRidge` the penalty does not grow with the number of images, so that what 5,000 choose fits more.
    """

    def __init__(
        self,
        seed: int = 0,
        penalties: tuple[float, ...] = LINEAR_PENALTIES,
        n_choice: int = N_CHOICE,
        n_folds: int = N_FOLDS,
    ) -> None:
        self.seed = seed
        self.penalties = penalties
        self.n_choice = n_choice
        self.n_folds = n_folds

    @property
    def grid(self) -> dict[str, tuple[float, ...]]:
        """The penalties."""
        return {"penalty": self.penalties}

    def _prepare(self, x: NDArray) -> NDArray:
        return x @ x.T if len(x) <= x.shape[1] else x

    def _candidates(self, x: NDArray, train: NDArray, test: NDArray, t: NDArray) -> Iterator[NDArray]:
        kernel = x.shape[0] == x.shape[1]
        gram = x[np.ix_(train, train)] if kernel else x[train].T @ x[train]
        values, vectors = eigh(gram.astype(np.float64), check_finite=False)
        across = x[np.ix_(test, train)] if kernel else x[test]
        left = across @ vectors
        right = vectors.T @ (t if kernel else x[train].T @ t)
        for penalty in self.grid["penalty"]:
            yield left / (np.maximum(values, 0) + penalty) @ right

    def _solve(self, x: NDArray, targets: NDArray) -> None:
        wide = len(x) <= x.shape[1]
        right = targets if wide else x.T @ targets
        try:
            found = self._regularised(x @ x.T if wide else x.T @ x, right)
        except LinAlgError:  # sums of many products in single precision: their rounding is above the penalty
            found = self._regularised(_gram_in_double(x.T if wide else x), right)
        self.weights_ = x.T @ found if wide else found

    def _regularised(self, gram: NDArray, right: NDArray) -> NDArray:
        gram = gram.astype(np.float64, order="F")
        gram[np.diag_indices(len(gram))] += self.chosen_["penalty"]
        return solve_positive(gram, right)

    def _scores(self, x: NDArray) -> NDArray:
        return x @ self.weights_


def _gram_in_double(x: NDArray) -> NDArray:
    """Return x' x (d, d) in double precision, rows (n, d) a block at a time."""
    gram = np.zeros((x.shape[1], x.shape[1]))
    for start in range(0, len(x), BLOCK):
        block = x[start : start + BLOCK].astype(np.float64)
        gram += block.T @ block
    return gram


class GaussianRidge(LeastSquares):
    """Least squares with the kernel exp(-gamma norm(x - z)^2), on all training images.

    Up to `n_double` images the system is solved by Cholesky in double precision, n^3 / 6 multiply-adds; above by
    conjugate gradients, and `chosen_` holds the relative residual.
    """

    def __init__(
        self,
        seed: int = 0,
        gammas: tuple[float, ...] = (0.03, 0.06, 0.12, 0.25, 0.5),
        penalties: tuple[float, ...] = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1),
        n_double: int = N_DOUBLE,
        n_choice: int = N_CHOICE,
        n_folds: int = N_FOLDS,
    ) -> None:
        self.seed = seed
        self.gammas = gammas
        self.penalties = penalties
        self.n_double = n_double
        self.n_choice = n_choice
        self.n_folds = n_folds

    @property
    def grid(self) -> dict[str, tuple[float, ...]]:
        """The inverse squared widths and the penalties."""
        return {"gamma": self.gammas, "penalty": self.penalties}

    def _prepare(self, x: NDArray) -> NDArray:
        return squared_distances(x, x).astype(np.float64)

    def _candidates(self, d: NDArray, train: NDArray, test: NDArray, t: NDArray) -> Iterator[NDArray]:
        for gamma in self.grid["gamma"]:
            k = np.asfortranarray(np.exp(-gamma * d[np.ix_(train, train)]))
            across = np.exp(-gamma * d[np.ix_(test, train)])
            for penalty in self.grid["penalty"]:
                a = k.copy(order="F")
                a[np.diag_indices(len(a))] += penalty
                yield across @ solve_positive(a, t)

    def _solve(self, x: NDArray, targets: NDArray) -> None:
        self.centres_, penalty = x, self.chosen_["penalty"]
        if len(x) <= self.n_double:
            k = self._kernel(x, x).astype(np.float64, order="F")
            k[np.diag_indices(len(k))] += penalty
            self.weights_ = solve_positive(k, targets)
        else:
            penalty, rng = max(penalty, LEAST_PENALTY), np.random.default_rng(self.seed)
            found = solve_kernel(len(x), lambda i, j: self._kernel(x[i], x[j]), penalty, targets, rng)
            self.weights_, self.chosen_["residual"] = found
        self.chosen_["penalty_used"] = penalty
        self.weights_ = self.weights_.astype(x.dtype, copy=False)

    def _kernel(self, x: NDArray, z: NDArray) -> NDArray:
        d = squared_distances(x, z)
        d *= -self.chosen_["gamma"]
        return np.exp(d, out=d)

    def _scores(self, x: NDArray) -> NDArray:
        return self._kernel(x, self.centres_) @ self.weights_


def squared_distances(x: NDArray, z: NDArray) -> NDArray:
    """Return norm(x_i - z_j)^2 in the dtype of `x`, (n, m)."""
    d = x @ z.T
    d *= -2
    d += np.einsum("nd,nd->n", x, x)[:, None]
    d += np.einsum("nd,nd->n", z, z)
    return np.maximum(d, 0, out=d)
