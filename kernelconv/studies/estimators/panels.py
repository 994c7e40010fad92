"""Large symmetric matrices in half the memory: the lower triangle in single precision, as a list of panels.

Panel j holds columns lo_j to hi_j of rows lo_j to n. Products with a matrix of few columns read each panel once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

#: Columns of a panel.
WIDTH = 4000


def panels(n: int, block: Callable[[slice, slice], NDArray], width: int = WIDTH) -> list[NDArray]:
    """Return the lower triangle of a symmetric matrix (n, n), of which `block(rows, columns)` returns a part."""
    found = []
    for lo, hi in _parts(n, width):
        panel = np.empty((n - lo, hi - lo), np.float32)
        for top, bottom in _parts(n - lo, width):
            panel[top:bottom] = block(slice(lo + top, lo + bottom), slice(lo, hi))
        found.append(panel)
    return found


def product(a: list[NDArray], x: NDArray, dtype: type = np.float32) -> NDArray:
    """Return A x (n, m), float64, for the matrix that `panels` holds; products within a panel are sums in `dtype`."""
    y, x, lo = np.zeros(x.shape), x.astype(dtype), 0
    for panel in a:
        width = panel.shape[1]
        for top, bottom in _parts(len(panel), width):
            block: NDArray = panel[top:bottom].astype(dtype, copy=False)
            rows, columns = slice(lo + top, lo + bottom), slice(lo, lo + width)
            y[rows] += block @ x[columns]
            if top:
                y[columns] += block.T @ x[rows]
        lo += width
    return y


def _parts(n: int, width: int) -> Iterator[tuple[int, int]]:
    """Return the ends of consecutive parts of at most `width`."""
    for lo in range(0, n, width):
        yield lo, min(lo + width, n)
