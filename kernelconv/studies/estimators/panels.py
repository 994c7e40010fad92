"""Cholesky factors of large symmetric matrices in half the memory: the lower triangle as a list of panels.

Panel j holds columns lo_j to hi_j of rows lo_j to n. LAPACK has a packed format, but its wrappers stop at n = 46,340.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular

#: Columns of a panel.
WIDTH = 4000


def panels(n: int, block: Callable[[slice, slice], NDArray], diagonal: float, width: int = WIDTH) -> list[NDArray]:
    """Return the lower triangle of a symmetric matrix (n, n) plus `diagonal` times the identity, in float32.

    `block(rows, columns)` returns a block of the matrix.
    """
    found = []
    for lo in range(0, n, width):
        hi = min(lo + width, n)
        panel = np.empty((n - lo, hi - lo), np.float32)
        for top in range(lo, n, width):
            bottom = min(top + width, n)
            panel[top - lo : bottom - lo] = block(slice(top, bottom), slice(lo, hi))
        panel[np.diag_indices(hi - lo)] += diagonal
        found.append(panel)
    return found


def factorise(a: list[NDArray]) -> None:
    """Replace a matrix by its Cholesky factor, panel by panel.

    Raises LinAlgError where the matrix is not positive in float32.
    """
    for j, panel in enumerate(a):
        width = panel.shape[1]
        panel[:width] = cholesky(panel[:width], lower=True, check_finite=False)
        panel[width:] = solve_triangular(panel[:width], panel[width:].T, lower=True, check_finite=False).T
        row = width
        for later in a[j + 1 :]:
            later -= panel[row:] @ panel[row : row + later.shape[1]].T
            row += later.shape[1]


def solve(factor: list[NDArray], targets: NDArray) -> NDArray:
    """Return A^-1 targets (n, m), float32, for the Cholesky factor of A."""
    x = targets.astype(np.float32)
    steps, hi = [], 0
    for panel in factor:
        lo, hi = hi, hi + panel.shape[1]
        steps.append((panel, lo, hi))
    for panel, lo, hi in steps:
        x[lo:hi] = solve_triangular(panel[: hi - lo], x[lo:hi], lower=True, check_finite=False)
        x[hi:] -= panel[hi - lo :] @ x[lo:hi]
    for panel, lo, hi in reversed(steps):
        right = x[lo:hi] - panel[hi - lo :].T @ x[hi:]
        x[lo:hi] = solve_triangular(panel[: hi - lo], right, lower=True, trans="T", check_finite=False)
    return x


def residual(block: Callable[[slice, slice], NDArray], diagonal: float, x: NDArray, targets: NDArray) -> float:
    """Return norm(A x - targets) / norm(targets) of the matrix that `panels` holds, summed in double precision."""
    left = diagonal * x.astype(np.float64) - targets
    for lo in range(0, len(x), WIDTH):
        columns = slice(lo, min(lo + WIDTH, len(x)))
        for top in range(lo, len(x), WIDTH):
            rows = slice(top, min(top + WIDTH, len(x)))
            a = block(rows, columns).astype(np.float64)
            left[rows] += a @ x[columns]
            if top > lo:
                left[columns] += a.T @ x[rows]
    return float(np.linalg.norm(left) / np.linalg.norm(targets))
