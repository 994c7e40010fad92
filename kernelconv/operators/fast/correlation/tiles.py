"""Fast correlation by tiles (Toom-Cook, Winograd): fewer products than a multiply-add for each entry of a filter.

In one dimension, m outputs of a filter of length r take t = m + r - 1 products instead of m r,

    y = A' [(G w) * (B' x)],

w and x being evaluated as polynomials at t points, multiplied there, and interpolated. In two dimensions a tile of
t x t pixels takes t^2 products, each a matrix product over channels: 64 for the 16 outputs of a 5x5 filter, instead of
400. In float32 the relative error is about 2e-6, where the direct products' is 2e-7. The gradients are
the transposed formula, with the same tiles.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from kernelconv._check import Pair
from kernelconv.operators.fast.correlation.products import Correlation
from kernelconv.operators.patches.borders import pad, pad_adjoint
from kernelconv.operators.patches.extraction import PatchExtraction

#: Pixels of a tile along an axis, and the longest filter: longer tiles need points further from 1, and lose digits.
LONGEST_TILE, LONGEST_FILTER = 8, 5

#: Bytes between the two halves of a product's transform: what stays in the cache of two cores.
TILE_ROWS_BYTES = 2 * 2**20

#: Filters of more bytes are read once a block, for so many rows of a product at least, unless these take more bytes.
WIDE_BYTES, WIDE_ROWS, WIDE_PRODUCTS_BYTES = 8 * 2**20, 256, 64 * 2**20

#: Where polynomials are evaluated, besides infinity: small powers of two of both signs lose the fewest digits.
POINTS = (0.0, 1.0, -1.0, 0.5, -2.0, -0.5, 2.0)


@lru_cache(maxsize=64)
def transforms(m: int, r: int, dtype: np.dtype[Any]) -> tuple[NDArray, NDArray, NDArray]:
    """Return (A, G, B): m outputs of a filter w of length r on x of length m + r - 1 are A' [(G w) * (B' x)].

    The product of two polynomials of m and r coefficients is interpolated from its values at t points; its transpose
    in one factor is the correlation (Winograd 1980, Arithmetic Complexity of Computations; Lavin & Gray 2016, Fast
    Algorithms for Convolutional Neural Networks, section 4).

    Examples
    --------
    >>> a, g, b = transforms(2, 3, np.dtype(np.float64))
    >>> w, x = np.array([1.0, 2, 3]), np.array([1.0, 1, 0, 2])
    >>> a.T @ ((g @ w) * (b.T @ x))
    array([3., 7.])
    """
    t = m + r - 1

    def evaluation(length: int) -> NDArray:
        infinity = np.eye(length)[-1:]
        return np.concatenate([np.vander(POINTS[: t - 1], length, increasing=True), infinity])

    b = np.linalg.inv(evaluation(t))
    scale = 2.0 ** np.round(np.log2(np.abs(b).max(axis=0)))  # B and G of like size lose the fewest digits
    a, g, b = evaluation(m), evaluation(r) * scale[:, None], b / scale
    return a.astype(dtype), g.astype(dtype), b.astype(dtype)


def tile_length(grid: int, r: int) -> int:
    """Return how many of `grid` outputs of a filter of length `r` a tile holds.

    The fewest products decide; a longer tile, which loses more digits, has to save a tenth of them on a square map.

    Examples
    --------
    >>> tile_length(10, 3)  # 2 tiles of 7 products; 3 of 6 with one output less
    5
    >>> tile_length(28, 3)  # 7 tiles of 6 products; 5 of 8 with two outputs more
    4
    """
    best, products = 1, grid * r
    for n_tiles in range(grid, 0, -1):
        m = -(-grid // n_tiles)
        t = m + r - 1
        if t <= LONGEST_TILE and (n_tiles * t) ** 2 < 0.9 * products**2:
            best, products = m, n_tiles * t
    return best


class Tiles(Correlation):
    """u = B' x B, (t t', tiles n, c): one matrix product for each of a tile's t t' points. Stride and dilation 1.

    Arrays are (h, w, n, c) inside, so that a transform is a product with a matrix of t rows on long lines.
    """

    def __init__(self, patches: PatchExtraction, in_shape: tuple[int, ...]) -> None:
        super().__init__(patches, in_shape)
        self.rows, self.columns = patches.borders()
        #: Outputs of a tile, its pixels, and how many tiles there are, along rows and along columns.
        self.m: Pair = tuple(tile_length(g, r) for g, r in zip(self.grid, patches.size, strict=True))  # type: ignore[assignment]
        self.t: Pair = tuple(m + r - 1 for m, r in zip(self.m, patches.size, strict=True))  # type: ignore[assignment]
        self.tiles: Pair = tuple(-(-g // m) for g, m in zip(self.grid, self.m, strict=True))  # type: ignore[assignment]
        self.products = int(np.prod(self.tiles) * np.prod(self.t))

    def _is_wide(self, m: int, itemsize: int) -> bool:
        """Return whether the transformed filters of `m` outputs do not stay in cache."""
        return int(np.prod(self.t)) * self.c * m * itemsize > WIDE_BYTES

    def least_block(self, m: int, itemsize: int) -> int:
        """Return how many images at least make the filters of `m` outputs worth reading."""
        if not self._is_wide(m, itemsize):
            return 1
        (th, _), (_, mw), n_tiles = self.t, self.m, int(np.prod(self.tiles))
        return int(max(1, min(-(-WIDE_ROWS // n_tiles), WIDE_PRODUCTS_BYTES // (th * mw * n_tiles * m * itemsize))))

    def _transforms(self, dtype: np.dtype[Any]) -> list[tuple[NDArray, NDArray, NDArray]]:
        """Return (A, G, B) of the rows and of the columns."""
        return [transforms(m, r, dtype) for m, r in zip(self.m, self.patches.size, strict=True)]

    def input_transform(self, x: NDArray) -> NDArray:
        """Return B' x B of every tile of `x`, (t t', tiles n, c)."""
        (_, _, b_rows), (_, _, b_columns) = self._transforms(x.dtype)
        x = self._covered(x)
        width, line, q = x.shape[1], x.shape[2] * self.c, x.itemsize
        (th, tw), (mh, mw), (nh, nw) = self.t, self.m, self.tiles
        a = width * line * q
        tiled = as_strided(x, (nh, th, width * line), (mh * a, a, q), writeable=False)
        y = b_rows.T @ tiled  # the rows of each tile
        b = line * q
        tiled = as_strided(y, (nh, th, nw, tw, line), (th * a, a, mw * b, b, q), writeable=False)
        u = np.empty((th, tw, nh, nw, line), x.dtype)
        np.matmul(b_columns.T, tiled, out=u.transpose(2, 0, 3, 1, 4))
        return u.reshape(th * tw, -1, self.c)

    def filter_transform(self, weight: NDArray) -> NDArray:
        """Return G W G', (t t', c, m)."""
        by_entry = weight.reshape(np.prod(self.patches.size), -1)
        return (self._both_filters(weight.dtype) @ by_entry).reshape(-1, self.c, weight.shape[1])

    def output_transform_adjoint(self, g: NDArray) -> NDArray:
        """Return A g A' of every tile of `g`, (t t', tiles n, m)."""
        (a_rows, _, _), (a_columns, _, _) = self._transforms(g.dtype)
        (th, tw), (mh, mw), (nh, nw) = self.t, self.m, self.tiles
        n, m = len(g), g.shape[3]
        g = _within((nh * mh, nw * mw), g.transpose(1, 2, 0, 3))
        g = g.reshape(nh, mh, nw, mw, n * m).transpose(1, 3, 0, 2, 4).reshape(mh, mw, -1)
        return (a_rows @ (a_columns @ g).reshape(mh, -1)).reshape(th * tw, -1, m)

    def multiply(self, u: NDArray, filters: NDArray) -> NDArray:
        """Return A' (u W) A: some rows of tiles at a time, and of these a row of points, so that both stay in cache.

        All rows of tiles, where it is the filters that do not: these are read once then.
        """
        (a_rows, _, _), (a_columns, _, _) = self._transforms(u.dtype)
        (th, tw), (mh, mw), (nh, nw) = self.t, self.m, self.tiles
        n, m = u.shape[1] // (nh * nw), filters.shape[2]
        u = u.reshape(th, tw, nh, nw * n, self.c)
        filters = filters.reshape(th, tw, self.c, m)
        out = np.empty((nh, mh, nw, mw, n * m), u.dtype)
        step = max(1, TILE_ROWS_BYTES // max(1, th * mw * nw * n * m * u.itemsize))
        step = nh if self._is_wide(m, u.itemsize) else min(step, nh)
        space = np.empty((tw, step * nw * n, m), u.dtype)
        for lo in range(0, nh, step):
            rows = slice(lo, min(lo + step, nh))
            y = np.empty((th, mw, rows.stop - lo, nw, n * m), u.dtype)
            products = space[:, : (rows.stop - lo) * nw * n]
            for i in range(th):
                np.matmul(u[i, :, rows].reshape(tw, -1, self.c), filters[i], out=products)
                np.matmul(a_columns.T, products.reshape(tw, -1), out=y[i].reshape(mw, -1))
            np.matmul(a_rows.T, y.transpose(1, 2, 3, 0, 4), out=out[rows].transpose(3, 0, 2, 1, 4))
        out = out.reshape(nh * mh, nw * mw, n, m)
        return out[: self.grid[0], : self.grid[1]].transpose(2, 0, 1, 3)

    def weight_gradient(self, u: NDArray, v: NDArray) -> NDArray:
        """Return G' (u' A g A') G, summed over tiles."""
        per_point = (u.transpose(0, 2, 1) @ v).reshape(len(u), -1)
        return (self._both_filters(u.dtype).T @ per_point).reshape(-1, v.shape[2])

    def input_gradient(self, v: NDArray, filters: NDArray) -> NDArray:
        """Return the overlap-add of B (A g A' W') B' over tiles, a row of them at a time."""
        (_, _, b_rows), (_, _, b_columns) = self._transforms(v.dtype)
        (th, tw), (mh, mw), (nh, nw) = self.t, self.m, self.tiles
        n = v.shape[1] // (nh * nw)
        height, width, line = nh * mh + th - mh, nw * mw + tw - mw, n * self.c
        out = np.zeros((height, width * line), v.dtype)
        for i, row in enumerate(np.split(v, nh, axis=1)):
            y = b_columns @ (row @ filters.transpose(0, 2, 1)).reshape(th, tw, -1)
            y = y.reshape(th, tw, nw, line)
            lines = np.zeros((th, width, line), y.dtype)
            for j in range(tw):
                lines[:, j : j + (nw - 1) * mw + 1 : mw] += y[:, j]
            out[i * mh : i * mh + th] += b_rows @ lines.reshape(th, -1)
        shape = (self.h + sum(self.rows), self.width)  # without what fills the last tiles
        out = out.reshape(height, width, n, self.c)[: shape[0], : shape[1]]
        return pad_adjoint(out.transpose(2, 0, 1, 3), self.rows, self.columns, self.patches.padding_mode)

    def _both_filters(self, dtype: np.dtype[Any]) -> NDArray:
        """Return G of rows and columns together, (t t', k_h k_w)."""
        (_, g_rows, _), (_, g_columns, _) = self._transforms(dtype)
        return np.kron(g_rows, g_columns)

    def _covered(self, x: NDArray) -> NDArray:
        """Return x with its borders, and zeros up to whole tiles, (H, W, n, c) in one piece."""
        top, left = 0, 0
        if self.patches.padding_mode == "zero":
            top, left = self.rows[0], self.columns[0]
        else:
            x = pad(x, self.rows, self.columns, self.patches.padding_mode)
        height, width = (n * m + t - m for n, m, t in zip(self.tiles, self.m, self.t, strict=True))
        return _within((height, width), x.transpose(1, 2, 0, 3), top, left)


def _within(shape: Pair, x: NDArray, top: int = 0, left: int = 0) -> NDArray:
    """Return x (h, w, n, c) at (top, left) of zeros of (height, width) = `shape`, in one piece."""
    if x.shape[:2] == shape:
        return np.ascontiguousarray(x)
    out = np.zeros((*shape, *x.shape[2:]), x.dtype)
    out[top : top + x.shape[0], left : left + x.shape[1]] = x
    return out
