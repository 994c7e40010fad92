"""Ridge regression from moments: every penalty from one eigendecomposition, and what it does on folds left out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from kernelconv._parallel.blas import single_threaded_blas
from kernelconv.networks.moments import Moments

#: Up to this ratio of the largest eigenvalue to the penalty, coefficients are good to 1e-8 of their norm.
LARGEST_CONDITION = 1e7


@dataclass(frozen=True)
class RidgePath:
    """The ridge regressions of some penalties.

    Attributes
    ----------
    alphas : tuple of float
        The penalties.
    coefs : ndarray, shape (n_alphas, n_targets, n_features)
        Coefficients.
    intercepts : ndarray, shape (n_alphas, n_targets)
        Values at zero.
    largest : float
        The largest eigenvalue of the centred Gram matrix.
    errors : ndarray, shape (n_alphas,), or None
        Mean squared errors over the folds left out.
    """

    alphas: tuple[float, ...]
    coefs: NDArray
    intercepts: NDArray
    largest: float
    errors: NDArray | None = None

    @property
    def best(self) -> int:
        """The index of the penalty of smallest error, the first such; of the only one where there are no errors."""
        return 0 if self.errors is None else int(np.argmin(self.errors))

    def warn(self, alpha: float) -> None:
        """Warn where the penalty `alpha` leaves fewer digits than promised."""
        condition = self.largest / alpha
        if condition > LARGEST_CONDITION:
            warnings.warn(
                f"The penalty {alpha:.3g} leaves a condition number of {condition:.1e}, the largest eigenvalue "
                f"{self.largest:.3g} over it. Beyond {LARGEST_CONDITION:.0e} coefficients from sums of products may be "
                "off by more than 1e-8 of their norm: take a larger penalty.",
                scipy.linalg.LinAlgWarning,
                stacklevel=2,
            )


def ridge_path(moments: Moments, alphas: Sequence[float]) -> RidgePath:
    r"""Return the minimisers of a sum of squared errors plus penalty, for all `alphas`.

    .. math:: \min_{w, b} \sum_i w_i (t_i - \langle w, x_i \rangle - b)^2 + \alpha \|w\|^2, \qquad
              w = (G + \alpha I)^{-1} C = V (\Lambda + \alpha I)^{-1} V^\top C, \quad
              b = \bar t - \langle w, \bar x \rangle

    The Gram matrix of `moments` is overwritten: with the eigenvectors the cost is 2 d^2 numbers and O(d^3).
    """
    with single_threaded_blas():
        # symmetric: its transpose is the column-major matrix that LAPACK overwrites without a copy
        values, vectors = scipy.linalg.eigh(moments.gram.T, overwrite_a=True, check_finite=False)
        values = np.maximum(values, 0)
        right = vectors.T @ moments.cross
        coefs = np.stack([(vectors @ (right / (values + alpha)[:, None])).T for alpha in alphas])
        intercepts = moments.target_mean - coefs @ moments.mean
    if not (np.isfinite(coefs).all() and np.isfinite(intercepts).all()):
        raise ValueError(f"The coefficients overflow at the smallest penalty {min(alphas):.3g}: take larger alphas.")
    return RidgePath(tuple(alphas), coefs, intercepts, float(values[-1]))


def left_out_errors(folds: Sequence[Moments], alphas: Sequence[float]) -> NDArray:
    """Return the mean squared error (n_alphas,) of each penalty over `folds`, left out of the training one by one.

    The mean is over weights and targets. At most two Gram matrices are held beside those of the folds.
    """
    d, k = folds[0].cross.shape
    errors, weight = np.zeros(len(alphas)), 0.0
    for held_out in folds:
        if held_out.weight:
            rest = Moments.total((fold for fold in folds if fold is not held_out), d, k)
            path = ridge_path(rest, alphas)
            del rest
            errors += squared_errors(held_out, path)
            weight += held_out.weight
    return errors / (weight * k)


def squared_errors(moments: Moments, path: RidgePath) -> NDArray:
    """Return the weighted sum of squared errors (n_alphas,) of a path on the samples of `moments`, over all targets."""
    with single_threaded_blas():
        flat = path.coefs.reshape(-1, path.coefs.shape[-1])
        quadratic = np.einsum("ad,ad->a", flat @ moments.gram, flat).reshape(path.intercepts.shape)
        linear = np.einsum("akd,dk->ak", path.coefs, moments.cross)
        offsets = moments.target_mean - path.coefs @ moments.mean - path.intercepts
    centred = np.maximum(moments.squares - 2 * linear + quadratic, 0)
    return (centred + moments.weight * offsets**2).sum(axis=1)
