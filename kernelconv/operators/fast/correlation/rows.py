"""Products by filter row: y = (P x) W without the matrix of patches.

P repeats every pixel k_h k_w times. Here columns alone are unfolded, and each filter row is one matrix product on a
slice of rows that lies in one piece, since the row axis comes first in memory: arrays are (h, n, w, c) inside, and
transposed views outside.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from kernelconv.operators.fast.correlation.products import Correlation


class Rows(Correlation):
    """Columns unfolded, u = (H, n, w', k_w c); a product for each filter row."""

    def input_transform(self, x: NDArray) -> NDArray:
        """Return the row patches of `x`, (H, n, w', k_w c)."""
        x = self._bordered(x)
        q, n, kw, c = x.itemsize, x.shape[1], self.patches.size[1], self.c
        a, b = n * self.width * c * q, self.width * c * q
        step, dilation = self.patches.stride[1] * c * q, self.patches.dilation[1] * c * q
        if self.patches.dilation[1] == 1:
            view = as_strided(x, (self.height, n, self.grid[1], kw * c), (a, b, step, q), writeable=False)
        else:
            shape = (self.height, n, self.grid[1], kw, c)
            view = as_strided(x, shape, (a, b, step, dilation, q), writeable=False)
        # one copy, in one piece: the products take slices of its rows as they are
        return np.ascontiguousarray(view).reshape(self.height, n, self.grid[1], kw * c)

    def filter_transform(self, weight: NDArray) -> NDArray:
        """Return W by filter row, (k_h, k_w c, m)."""
        return weight.reshape(self.patches.size[0], -1, weight.shape[1])

    def output_transform_adjoint(self, g: NDArray) -> NDArray:
        """Return g as (h', n, w', m) in one piece."""
        return np.ascontiguousarray(g.transpose(1, 0, 2, 3))

    def multiply(self, u: NDArray, filters: NDArray) -> NDArray:
        """Return the sum over filter rows of u[rows] W_k."""
        shape = (self.grid[0], *u.shape[1:3], filters.shape[2])
        return self._accumulate(shape, u, lambda k: filters[k], transposed=False).transpose(1, 0, 2, 3)

    def weight_gradient(self, u: NDArray, v: NDArray) -> NDArray:
        """Return the products u[rows]' g[rows], one a filter row."""
        kwc, m = u.shape[3], v.shape[3]
        out = np.zeros((self.patches.size[0], kwc, m), v.dtype)
        for k, target, source in self._filter_rows():
            np.matmul(u[source].reshape(-1, kwc).T, v[target].reshape(-1, m), out=out[k])
        return out.reshape(-1, m)

    def input_gradient(self, v: NDArray, filters: NDArray) -> NDArray:
        """Return the overlap-add of g W_k': over rows with each product, then over columns."""
        n, kw = v.shape[1], self.patches.size[1]
        shape = (self.height, n, self.grid[1], kw * self.c)
        e = self._accumulate(shape, v, lambda k: filters[k].T, transposed=True)
        if kw == 1 and self.grid[1] == self.width:
            return self._unbordered(e)
        e = e.reshape(self.height, n, self.grid[1], kw, self.c)
        out = np.zeros((self.height, n, self.width, self.c), v.dtype)
        for j, columns in self._filter_columns():
            out[:, :, columns] += e[:, :, :, j]
        return self._unbordered(out)

    def _accumulate(
        self, shape: tuple[int, ...], a: NDArray, matrix: Callable[[int], NDArray], *, transposed: bool
    ) -> NDArray:
        """Return the sum over filter rows k of a[rows] matrix(k), added to the rows it belongs to."""
        out, begun = np.empty(shape, a.dtype), False
        rest = None
        for k, target, source in self._filter_rows():
            if transposed:
                target, source = source, target
            rows = a[source].reshape(-1, a.shape[3])
            if not begun and out[target].shape == shape:
                np.matmul(rows, matrix(k), out=out.reshape(-1, shape[3]))
            else:
                if not begun:
                    out[:] = 0
                if rest is None:
                    rest = np.empty((len(rows), shape[3]), a.dtype)
                product = np.matmul(rows, matrix(k), out=rest[: len(rows)])
                out[target] += product.reshape(out[target].shape)
            begun = True
        if not begun:
            out[:] = 0
        return out
