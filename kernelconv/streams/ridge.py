"""IncrementalRidge: exact ridge regression in one pass over a stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin

from kernelconv._check import check_finite
from kernelconv._numbers import as_double
from kernelconv._scales import squarable
from kernelconv.networks.all_or_nothing import all_or_nothing
from kernelconv.streams.incremental import IncrementalHead
from kernelconv.streams.moments import FoldedMoments


class IncrementalRidge(RegressorMixin, IncrementalHead):
    r"""Exact ridge regression in one pass, from sums that can be added piece by piece and merged across machines.

    .. math:: \min_{w, b} \sum_i s_i (y_i - \langle w, x_i \rangle - b)^2 + \alpha \|w\|^2

    with sample weights s_i, 1 by default.

    Parameters
    ----------
    alphas : float or sequence of float
        Penalties. All are solved at once; the one of smallest squared error on held-out folds is used, the first in a
        tie.
    cv : int or None
        Number of folds. With None there is one sum over all samples, and `alphas` is a single penalty.
    random_state : int
        Assigns samples to folds: the fold is a function of this seed and of the sample's place in the stream.

    Attributes
    ----------
    coef_ : ndarray, shape (n_features,), or (n_targets, n_features) if `y` has two axes
        Coefficients w at `alpha_`.
    intercept_ : float, or ndarray of shape (n_targets,)
        Intercept b at `alpha_`.
    alpha_ : float
        The penalty chosen.
    errors_ : ndarray, shape (n_alphas,)
        Mean squared error of each penalty over the held-out folds, with sample weights; not with ``cv=None``.
    coef_path_, intercept_path_ : ndarray, shape (n_alphas, ...)
        Coefficients and intercepts of each penalty.
    moments_ : FoldedMoments
        Weights, means, Gram matrices and cross products of each fold, in float64.
    n_features_in_ : int
        Number of features.

    Raises
    ------
    ValueError
        If a parameter is out of its range; sums and solution take more memory than the machine has; samples, targets
        or weights are not finite, of another number than before, or their squares overflow or vanish in float64;
        weights are negative. When it is solved: if no weight is positive, or all positive ones are in one of the folds.
    LinAlgWarning
        As a warning, when it is solved: if the largest eigenvalue of the Gram matrix is above 1e7 times the penalty.

    Notes
    -----
    Adding samples costs O(n d^2). The regression is solved when an attribute or a prediction is first needed, by one
    eigendecomposition per fold and one for all samples: O(d^3) for all penalties together. Memory: (folds + 2) d^2
    float64 numbers, see ``memory``, whatever the length of the stream: 0.2 GB for 1,764 features in five folds, so a
    chunk should have a thousand samples or more. BLAS has one thread, so bits depend on the chunks alone.

    At each penalty down to 1e-7 of the largest eigenvalue, coefficients equal those of scikit-learn's
    ``Ridge(alpha, solver="svd")`` to 1e-8 of their norm, also with more features than samples. The penalty is that of
    a grid search with this ``Ridge`` over ``PredefinedSplit(head.folds(n))``; ``RidgeCV`` leaves out single samples
    instead, and may choose another. Predictions are float64.

    References
    ----------
    Chan, Golub & LeVeque (1983), Algorithms for computing the sample variance, The American Statistician 37(3).

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv import IncrementalRidge
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((200, 3))
    >>> y = X @ [1.0, 2.0, 3.0] + 5 + 0.1 * rng.standard_normal(200)
    >>> here = IncrementalRidge().partial_fit(X[:120], y[:120])
    >>> there = IncrementalRidge().partial_fit(X[120:], y[120:], start=120)  # on another machine
    >>> here.merge(there).coef_.round(1), round(float(here.intercept_), 1)
    (array([1., 2., 3.]), 5.0)
    """

    _one_target: bool  # y was (n,), and so are predictions

    @all_or_nothing
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Discard what has been learned, and learn from samples `X` and targets `y`; see ``partial_fit``."""
        self._forget()
        self.partial_fit(X, y, sample_weight)
        self._path()
        return self

    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, *, start: int | None = None
    ) -> Self:
        """Add samples.

        Parameters
        ----------
        X : array-like, shape (n, n_features)
            Samples.
        y : array-like, shape (n,) or (n, n_targets)
            Targets.
        sample_weight : array-like, shape (n,), optional
            Weights s >= 0, 1 by default.
        start : int, optional
            Index of the first sample in the stream; by default the number of samples added so far.
        """
        y = y if y is None else as_double(y, "y")
        x, y, weights, start = self._read(X, y, sample_weight, start, multi_output=True, y_numeric=True)
        targets = squarable(check_finite(as_double(y, "y"), "y")).reshape(len(x), -1)
        if not hasattr(self, "moments_"):
            self._one_target = y.ndim == 1
        elif targets.shape[1] != self.moments_.shape[1]:
            raise ValueError(
                f"y holds {targets.shape[1]} targets a sample, {self.moments_.shape[1]} were learned before."
            )
        self._add(x, targets, weights, start)
        return self

    def predict(self, X: ArrayLike) -> NDArray:
        """Return the predicted targets of samples `X`, (n,) or (n, n_targets) as in training."""
        return self._scores(X)[:, self._shown]

    @property
    def _shown(self) -> Any:
        return 0 if self._one_target else slice(None)

    def _meet(self, other: Self) -> FoldedMoments:
        mine, theirs = (getattr(head, "moments_", other.moments_).shape[1] for head in (self, other))
        if mine != theirs:
            raise ValueError(f"merge needs as many targets: {mine} here, {theirs} there.")
        self._one_target = getattr(self, "_one_target", other._one_target)
        return other.moments_

    def _targets_state(self) -> dict[str, NDArray]:
        return {"one_target": np.array(self._one_target)}

    def _take_targets(self, state: Mapping[str, NDArray], n_targets: int) -> None:
        self._one_target = bool(state["one_target"]) and n_targets == 1

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: several targets at once are welcome."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
