"""Kernel systems of many images: (K + penalty I) x = t by preconditioned conjugate gradients.

The eigenvalues of a smooth kernel decay fast, so that the kernel's Nyström approximation from few centres catches all
that are large beside the penalty. Preconditioned with it, ten to a hundred products with K, n^2 multiply-adds a column,
take the place of a Cholesky factor, n^3 / 6. Sources: Frangella, Tropp & Udell, "Randomized Nyström preconditioning"
(2023), for the preconditioner; Rudi, Carratino & Rosasco, "FALKON" (2017), for centres drawn among the images.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, eigh, solve_triangular
from scipy.sparse.linalg import LinearOperator, cg
from sklearn.exceptions import ConvergenceWarning

from kernelconv.studies.estimators.panels import panels, product

#: Centres of the preconditioner, and rows of a block of its factor.
N_CENTRES, BLOCK = 1000, 4000
#: Relative residual that is asked for, products with K in each round, and rounds.
TOLERANCE, MOST_PRODUCTS, ROUNDS = 1e-3, 200, 4


class Solution(NamedTuple):
    """Weights (n, m), and norm((K + penalty I) weights - targets) / norm(targets), summed in double precision."""

    weights: NDArray
    residual: float


def solve_kernel(
    n: int, block: Callable[[Any, Any], NDArray], penalty: float, targets: NDArray, rng: np.random.Generator
) -> Solution:
    """Solve (K + penalty I) weights = targets, (n, m), for the kernel matrix of n images.

    `block(rows, columns)` returns a part of K, for slices and for indices. Its lower half is kept in single precision;
    products with it are sums in single precision, and the residual between rounds is a sum in double precision.
    A `ConvergenceWarning` says where the residual stays above twice `TOLERANCE`. Memory: 2 n^2 bytes and
    8 n `N_CENTRES`. Cost of a product: n^2 m multiply-adds.
    """
    k = panels(n, block)
    condition = nystrom(n, block, penalty, rng)
    weights, left, norm = np.zeros(targets.shape), targets.astype(np.float64), float(np.linalg.norm(targets))
    for _ in range(ROUNDS):
        weights += _gradients(lambda x: product(k, x) + penalty * x, condition, left, TOLERANCE * norm)
        left = targets - product(k, weights, np.float64) - penalty * weights
        if np.linalg.norm(left) <= 2 * TOLERANCE * norm:
            break
    else:
        warnings.warn(
            f"The kernel system of {n:,} images has a relative residual of {np.linalg.norm(left) / norm:.1e} after "
            f"{ROUNDS} rounds of {MOST_PRODUCTS} products, more than {2 * TOLERANCE:g}: a larger penalty converges.",
            ConvergenceWarning,
            stacklevel=3,
        )
    return Solution(weights, float(np.linalg.norm(left)) / norm)


def _gradients(
    times: Callable[[NDArray], NDArray], condition: Callable[[NDArray], NDArray], targets: NDArray, atol: float
) -> NDArray:
    """Return an approximate solution (n, m), all columns together."""

    def operator(function: Callable[[NDArray], NDArray]) -> LinearOperator:
        size = targets.size
        return LinearOperator((size, size), lambda x: function(x.reshape(targets.shape)).ravel(), dtype=np.float64)

    found, _ = cg(operator(times), targets.ravel(), rtol=0.0, atol=atol, maxiter=MOST_PRODUCTS, M=operator(condition))
    return found.reshape(targets.shape)


def nystrom(
    n: int, block: Callable[[Any, Any], NDArray], penalty: float, rng: np.random.Generator
) -> Callable[[NDArray], NDArray]:
    """Return the product with an approximate inverse of K + penalty I, up to a factor.

    With U S U^T the eigendecomposition of the Nyström approximation of K, and s its smallest eigenvalue, it is
    I + U ((s + penalty) (S + penalty)^-1 - I) U^T.
    """
    centres = np.sort(rng.choice(n, min(n, N_CENTRES), replace=False))
    inside = block(centres, centres).astype(np.float64)
    inside[np.diag_indices(len(centres))] += len(centres) * np.finfo(np.float32).eps  # what rounding makes negative
    factor = cholesky(inside, lower=True, check_finite=False)
    u = np.empty((n, len(centres)))
    blocks = [slice(lo, min(lo + BLOCK, n)) for lo in range(0, n, BLOCK)]
    for rows in blocks:
        u[rows] = solve_triangular(factor, block(rows, centres).T.astype(np.float64), lower=True, check_finite=False).T
    values, vectors = eigh(u.T @ u, check_finite=False)
    kept = values > values[-1] * np.finfo(np.float64).eps * n
    values, turn = values[kept], vectors[:, kept] / np.sqrt(values[kept])
    for rows in blocks:
        u[rows, : len(values)] = u[rows] @ turn
    u = u[:, : len(values)]
    shrink = (values[0] + penalty) / (values + penalty) - 1

    def times(x: NDArray) -> NDArray:
        return x + u @ (shrink[:, None] * (u.T @ x))

    return times
