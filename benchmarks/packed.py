"""Symmetric positive systems in half the memory: LAPACK's rectangular full packed format.

Gustavson, Wasniewski, Dongarra & Langou (2010), ACM TOMS 37(2). With n = 2 k, the lower triangle lies in (2 k + 1, k)
numbers: its first k columns one row down, and the triangle of the last k columns transposed above them.
"""

from collections.abc import Callable

import numpy as np
from scipy.linalg import LinAlgError
from scipy.linalg.lapack import spftrf, spftrs


def packed(n: int, rows: Callable[[int, int], np.ndarray], diagonal: float, block: int = 2000) -> np.ndarray:
    """Return the packed lower triangle of a symmetric matrix (n, n) plus `diagonal` times the identity, float32.

    `rows(lo, hi)` returns its rows lo to hi, columns 0 to hi. An odd n is made even by a one on the diagonal.

    >>> a = np.arange(16.0).reshape(4, 4)
    >>> packed(4, lambda lo, hi: a[lo:hi, :hi], 0.5, block=3).reshape(5, 2, order="F")
    array([[10.5, 14. ],
           [ 0.5, 15.5],
           [ 4. ,  5.5],
           [ 8. ,  9. ],
           [12. , 13. ]], dtype=float32)
    """
    k = (n + 1) // 2
    flat = np.zeros((2 * k + 1) * k, np.float32)
    whole = flat.reshape(2 * k + 1, k, order="F")
    for lo in range(0, 2 * k, block):
        hi = min(lo + block, 2 * k)
        values = np.zeros((hi - lo, hi), np.float32)
        values[: n - lo, :n] = rows(lo, min(hi, n))
        values[np.arange(hi - lo), np.arange(lo, hi)] += [diagonal if i < n else 1 for i in range(lo, hi)]
        below = np.arange(lo, hi)[:, None] >= np.arange(hi)
        m = min(hi, k)
        left = whole[lo + 1 : hi + 1, :m]
        np.copyto(left, values[:, :m], where=below[:, :m])
        if hi > k:
            first = max(lo, k)
            np.copyto(whole[: hi - k, first - k : hi - k], values[first - lo :, k:].T, where=below[first - lo :, k:].T)
    return flat


def solve(flat: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return A^-1 targets (n, m) for a matrix that `packed` holds, which is overwritten.

    Raises LinAlgError where the matrix is not positive in single precision.
    """
    n = len(targets)
    factor, info = spftrf(n + n % 2, flat, transr="N", uplo="L", overwrite_a=True)
    if info:
        raise LinAlgError(f"the leading minor of order {info} is not positive")
    right = np.zeros((n + n % 2, targets.shape[1]), np.float32, order="F")
    right[:n] = targets
    solution, _ = spftrs(n + n % 2, factor, right, transr="N", uplo="L", overwrite_b=True)
    return solution[:n]
