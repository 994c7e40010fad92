"""Systems with a symmetric positive definite matrix, solved by Cholesky."""

from __future__ import annotations

import contextlib

from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from kernelconv._parallel.blas import single_threaded_blas

#: Larger matrices are factorised on one BLAS thread. On two, OpenBLAS 0.3.30 (SciPy 1.17) ends in a segmentation fault
#: from about 15,000 rows of float64: each thread packs its part of a panel into a buffer of fixed size.
MOST_ROWS_THREADED = 10_000


def solve_positive(a: NDArray, targets: NDArray) -> NDArray:
    """Return A^-1 targets (n, m); `a` (n, n) is overwritten if its order is Fortran's, and copied first if it is C's.

    Raises LinAlgError where A is not positive definite.
    """
    large = len(a) > MOST_ROWS_THREADED
    with single_threaded_blas() if large else contextlib.nullcontext():
        factor = cho_factor(a, overwrite_a=True, check_finite=False)
        return cho_solve(factor, targets, check_finite=False)
