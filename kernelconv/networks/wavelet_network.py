"""WaveletNetworkRegressor: a sum of wavelons, wavelets with learned places and scales, and a linear term."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import OptimizeResult, least_squares
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, validate_data

from kernelconv._check import check_count, check_memory, check_rng
from kernelconv._numbers import as_double, as_table
from kernelconv._parallel.blas import single_threaded_blas
from kernelconv._parallel.blocks import apply_blocks, block_length
from kernelconv._scales import bounds, squarable
from kernelconv._types.parameters import RandomState
from kernelconv.networks.all_or_nothing import all_or_nothing

#: Where a wavelet is zero to the last bit: farther out its argument is not squared.
_FAR = 40.0


class WaveletNetworkRegressor(RegressorMixin, BaseEstimator):
    r"""A sum of wavelons and a linear term, fitted by least squares from several starts.

    .. math:: f(x) = \sum_{i \le k} w_i \prod_{j \le d} \psi(D_{ij} (x_j - t_{ij})) + \langle c, x \rangle + b, \qquad
        \psi(u) = -u\, e^{-u^2 / 2}

    A wavelon has a place t and a dilation D, the inverse of its scale, for every feature: the wavelet of several
    features is the product of one-dimensional wavelets, as in the paper; the paper's rotations are left out.

    Parameters
    ----------
    n_wavelons : int
        Number k of wavelons.
    n_starts : int
        Number of fits from random starts; the one of smallest squared error is kept, the first in a tie.
    max_iter : int
        Largest number of evaluations of the network in each fit.
    random_state : None, int, numpy Generator or RandomState
        Draws the starts.

    Attributes
    ----------
    translations_ : ndarray, shape (n_wavelons, n_features)
        Places t.
    dilations_ : ndarray, shape (n_wavelons, n_features)
        Inverse scales D, of either sign.
    weights_ : ndarray, shape (n_wavelons,)
        Weights w.
    coef_ : ndarray, shape (n_features,)
        Slopes c of the linear term.
    intercept_ : float
        Its constant b.
    errors_ : ndarray, shape (n_starts,)
        Root mean squared error on the training data of the fit from each start, over the standard deviation of `y`.
    n_iter_ : int
        Evaluations in the fit that is kept; `max_iter` where it did not converge.
    n_features_in_ : int
        Number of features.

    Raises
    ------
    ValueError
        If a parameter is not an int >= 1; samples or targets are not finite, of another number than before, or their
        squares overflow or vanish in float64; targets have more than one column; the fit takes more memory than the
        machine has.

    Notes
    -----
    A start has its places at samples, scales between 1 and 2 times r / k^(1/d) for each feature, where r is half its
    range, and the weights and linear term of least squares. From there all parameters are fitted together by SciPy's
    trust region method with the exact Jacobian: O(n p^2) per evaluation for n samples and p = k (2 d + 1) + d + 1
    parameters. There is no penalty, so p should be well below n; a product of many features is small nearly
    everywhere, so d should be small. Features and targets are scaled inside, so that the fit does not depend on their
    units. Predictions are float64. BLAS has one thread, so bits depend on the data and the seed alone.

    References
    ----------
    Q. Zhang, A. Benveniste, "Wavelet networks", IEEE Transactions on Neural Networks 3(6), 1992.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.networks import WaveletNetworkRegressor
    >>> x = np.linspace(-3, 3, 100)
    >>> y = 2 * (x - 1) * np.exp(-((x - 1) ** 2) / 2) + 0.5 * x  # one wavelon and a line
    >>> reg = WaveletNetworkRegressor(1, random_state=0).fit(x[:, None], y)
    >>> float(reg.errors_.min()) < 1e-6
    True
    >>> reg.translations_.round(3), np.abs(reg.dilations_).round(3), reg.coef_.round(3)
    (array([[1.]]), array([[1.]]), array([0.5]))
    """

    def __init__(
        self, n_wavelons: int = 10, *, n_starts: int = 8, max_iter: int = 200, random_state: RandomState = None
    ):
        self.n_wavelons = n_wavelons
        self.n_starts = n_starts
        self.max_iter = max_iter
        self.random_state = random_state

    @all_or_nothing
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit the network to samples `X` (n, n_features) and targets `y` (n,) from every start, and keep the best."""
        k, n_starts = check_count(self.n_wavelons, "n_wavelons"), check_count(self.n_starts, "n_starts")
        max_iter, rng = check_count(self.max_iter, "max_iter"), check_rng(self.random_state)
        x, targets = self._read(X, y)
        n, d = x.shape
        check_memory(24 * n * (k * (2 * d + 1) + d + 1), f"The Jacobian of {k} wavelons of {d} features in {n} samples")
        centre, half = (x.max(axis=0) + x.min(axis=0)) / 2, np.ptp(x, axis=0) / 2
        half[half < bounds(np.float64)[0]] = 1  # of a feature that is constant, or as good as that
        mean, deviation = targets.mean(), targets.std() or 1.0
        with single_threaded_blas():
            fits = [_fit((x - centre) / half, (targets - mean) / deviation, k, max_iter, rng) for _ in range(n_starts)]
        self.errors_ = np.array([np.sqrt(2 * fit.cost / n) for fit in fits])
        best = fits[int(self.errors_.argmin())]
        if best.status == 0:
            warnings.warn(
                f"The best of {n_starts} starts had not converged after max_iter={max_iter} evaluations: more of them "
                "may lower the error.",
                ConvergenceWarning,
                stacklevel=2,
            )
        wavelons, self.n_iter_ = _Wavelons.of(best.x, k, d), int(best.nfev)
        self.translations_ = centre + half * wavelons.translations
        self.dilations_ = wavelons.dilations / half
        self.weights_ = deviation * wavelons.linear[:k]
        self.coef_ = deviation * wavelons.linear[k:-1] / half
        self.intercept_ = float(mean + deviation * wavelons.linear[-1] - self.coef_ @ centre)
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the values (n,) of the network at samples `X` (n, n_features)."""
        check_is_fitted(self)
        x = validate_data(self, as_table(X), dtype=[np.float64, np.float32], reset=False)
        x = squarable(x.astype(np.float64))
        linear = np.concatenate([self.weights_, self.coef_, [self.intercept_]])
        values = _Wavelons(self.translations_, self.dilations_, linear).values
        return apply_blocks(values, x, block_length(24 * self.translations_.size), 1)

    def _read(self, X: ArrayLike, y: ArrayLike) -> tuple[NDArray, NDArray]:
        """Return samples and targets of a fit as float64; raise ValueError for what are none."""
        y = y if y is None else as_double(y, "y")
        x, targets = validate_data(self, as_table(X), y, dtype=[np.float64, np.float32], y_numeric=True)
        return squarable(x.astype(np.float64)), squarable(targets.astype(np.float64))


@dataclass(frozen=True)
class _Wavelons:
    """A network: places and inverse scales (k, d), and the k weights, d slopes and constant of what they enter."""

    translations: NDArray
    dilations: NDArray
    linear: NDArray

    @classmethod
    def of(cls, parameters: NDArray, k: int, d: int) -> Self:
        """Return the network of a vector of parameters, as ``vector`` makes it."""
        translations, dilations = parameters[: 2 * k * d].reshape(2, k, d)
        return cls(translations, dilations, parameters[2 * k * d :])

    def vector(self) -> NDArray:
        """Return all parameters as one vector."""
        return np.concatenate([self.translations.ravel(), self.dilations.ravel(), self.linear])

    def arguments(self, x: NDArray) -> NDArray:
        """Return u = D (x - t), (n, k, d)."""
        return np.clip(self.dilations * (x[:, None] - self.translations), -_FAR, _FAR)

    def regressors(self, x: NDArray) -> NDArray:
        """Return what enters linearly, (n, k + d + 1): wavelons, features, ones."""
        return np.column_stack([_psi(self.arguments(x)).prod(axis=-1), x, np.ones(len(x))])

    def values(self, x: NDArray) -> NDArray:
        """Return the network's values (n,)."""
        return self.regressors(x) @ self.linear

    def jacobian(self, x: NDArray) -> NDArray:
        """Return the derivatives (n, parameters) of the values in the parameters, in the order of ``vector``."""
        k, d = self.translations.shape
        u = self.arguments(x)
        psi, slope = _psi(u), (u * u - 1) * np.exp(-u * u / 2)
        # of a product, one factor at a time: its slope times the other factors
        in_u = np.stack([np.where(np.arange(d) == j, slope, psi).prod(axis=-1) for j in range(d)], axis=-1)
        in_u *= self.linear[:k, None]
        in_translations, in_dilations = -in_u * self.dilations, in_u * (x[:, None] - self.translations)
        return np.column_stack(
            [in_translations.reshape(len(x), -1), in_dilations.reshape(len(x), -1), self.regressors(x)]
        )


def _psi(u: NDArray) -> NDArray:
    return -u * np.exp(-u * u / 2)


def _fit(x: NDArray, y: NDArray, k: int, max_iter: int, rng: np.random.Generator) -> OptimizeResult:
    """Return the least squares fit of k wavelons to features in [-1, 1] and targets of variance 1, from one start."""
    n, d = x.shape
    places = x[rng.choice(n, k, replace=n < k)]
    scales = rng.uniform(1, 2, (k, 1)) / k ** (1 / d)
    start = _Wavelons(places, np.broadcast_to(1 / scales, (k, d)), np.zeros(0))
    linear = np.linalg.lstsq(start.regressors(x), y, rcond=None)[0]
    start = _Wavelons(start.translations, start.dilations, linear)
    return least_squares(
        lambda parameters: _Wavelons.of(parameters, k, d).values(x) - y,
        start.vector(),
        lambda parameters: _Wavelons.of(parameters, k, d).jacobian(x),
        x_scale="jac",
        max_nfev=max_iter,
    )
