"""Separable maps of positions: a banded matrix along rows, another along columns."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import DTypeLike, NDArray

from kernelconv.operators.fast.layouts import LINES, LINES_BACK, lies

#: Rows of a banded matrix that are multiplied at once: few read little more than their own windows, and BLAS then
#: takes the long lines of the first axis as they lie in memory, where it would copy them for a large product.
BAND_ROWS = 2

#: A banded matrix (h', h): (rows, columns, what is there) of each group of rows, from the first row to the last.
Bands = tuple[tuple[slice, slice, NDArray], ...]


def window_bands(reads: NDArray, weights: NDArray, dtype: DTypeLike, at_once: int = BAND_ROWS) -> Bands:
    """Return the matrix whose row i has weights[k] in column reads[i, k]: a weighted sum of each window of a line.

    Parameters
    ----------
    reads : ndarray of int, shape (h', k)
        Positions that each window reads, as `border_index` gives them: -1 is a zero, and one may come twice.
    weights : ndarray, shape (k,)
    dtype : dtype
    at_once : int
        Rows of a group, at least: long lines take the root of their length over four, or there would be many groups.

    Examples
    --------
    >>> bands = window_bands(np.arange(6)[:, None] + np.arange(2), np.ones(2), np.float32)
    >>> [columns for _, columns, _ in bands]
    [slice(0, 3, None), slice(2, 5, None), slice(4, 7, None)]
    """
    found = []
    at_once = max(at_once, math.isqrt(len(reads) // 16))
    for lo in range(0, len(reads), at_once):
        group = reads[lo : lo + at_once]
        row, k = np.nonzero(group >= 0)
        column = group[row, k]
        first, last = (column.min(), column.max()) if len(column) else (0, 0)
        block = np.zeros((len(group), last - first + 1))
        np.add.at(block, (row, column - first), weights[k])
        found.append((slice(lo, lo + len(group)), slice(int(first), int(last) + 1), block.astype(dtype)))
    return tuple(found)


def separable(x: NDArray, rows: Bands, columns: Bands) -> NDArray:
    """Return R x C' for every image and channel: `x` (n, h, w, c), `rows` of (h', h), `columns` of (w', w)."""
    n, h, w, c = x.shape
    if lies(x, LINES):
        y = _times(rows, x.transpose(LINES).reshape(h, w * n * c))
        y = _times(columns, y.reshape(len(y), w, n * c))
        return y.reshape(*y.shape[:2], n, c).transpose(LINES_BACK)
    y = _times(rows, x.reshape(n, h, w * c))
    return _times(columns, y.reshape(*y.shape[:2], w, c))


def separable_adjoint(y: NDArray, rows: Bands, columns: Bands, shape: tuple[int, ...]) -> NDArray:
    """Return R' y C, the adjoint of `separable` on maps of `shape` (n, h, w, c)."""
    _, h, w, c = shape
    x = _transposed_times(columns, y, w)
    return _transposed_times(rows, x.reshape(*x.shape[:2], w * c), h).reshape(shape)


def _times(bands: Bands, x: NDArray) -> NDArray:
    """Return the product along the last axis but one, (..., h, m) -> (..., h', m)."""
    out = np.empty((*x.shape[:-2], bands[-1][0].stop, x.shape[-1]), x.dtype)
    for rows, columns, block in bands:
        np.matmul(block, x[..., columns, :], out=out[..., rows, :])
    return out


def _transposed_times(bands: Bands, y: NDArray, h: int) -> NDArray:
    """Return the product with the transposed matrix, (..., h', m) -> (..., h, m)."""
    out = np.zeros((*y.shape[:-2], h, y.shape[-1]), y.dtype)
    for rows, columns, block in bands:
        out[..., columns, :] += block.T @ y[..., rows, :]
    return out
