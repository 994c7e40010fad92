"""y = (P x) W and its two adjoints without the matrix of patches: the engine of `Convolution`.

P repeats every pixel k_h k_w times. Here columns alone are unfolded, and each filter row is one matrix product on a
slice of rows that lies in one piece, since the row axis comes first in memory: arrays are (h, n, w, c) inside, and
transposed views outside. Maps of a few channels are unfolded into planes instead, one an entry of the patch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from kernelconv._check import Pair
from kernelconv.operators.patches.borders import pad, pad_adjoint
from kernelconv.operators.patches.extraction import PatchExtraction

#: Up to this many channels a row of a filter is too short for a matrix product of its own.
FEW_CHANNELS = 4


class Correlation:
    """The maps x -> (P x) W for one P and one shape of maps. Subclasses say how x is unfolded.

    ``unfold(x)`` gives u, ``filters(W)`` gives f and ``spread(g)`` gives v; then ``multiply(u, f)`` is (P x) W, and the
    gradients are ``weight_gradient(u, v)``, (P x)' g, and ``input_gradient(v, f)``, P*(g W').
    """

    def __init__(self, patches: PatchExtraction, in_shape: tuple[int, ...]) -> None:
        self.patches = patches
        self.h, self.w, self.c = in_shape
        self.grid: Pair = patches.out_shape(in_shape)[:2]
        rows, self.columns = patches.borders()
        zero = patches.padding == "zero"
        self.rows: Pair = (0, 0) if zero else rows  # rows of zeros are left out of the products instead
        self.top = rows[0] if zero else 0
        self.height, self.width = self.h + sum(self.rows), self.w + sum(self.columns)

    def unfold(self, x: NDArray) -> NDArray:
        """Return what the products read of maps (n, h, w, c)."""
        raise NotImplementedError

    def filters(self, weight: NDArray) -> NDArray:
        """Return what the products read of W (k_h k_w c, m)."""
        raise NotImplementedError

    def spread(self, g: NDArray) -> NDArray:
        """Return what the gradients read of g (n, h', w', m)."""
        raise NotImplementedError

    def multiply(self, u: NDArray, filters: NDArray) -> NDArray:
        """Return (P x) W, (n, h', w', m)."""
        raise NotImplementedError

    def weight_gradient(self, u: NDArray, spread: NDArray) -> NDArray:
        """Return (P x)' g, (k_h k_w c, m)."""
        raise NotImplementedError

    def input_gradient(self, spread: NDArray, filters: NDArray) -> NDArray:
        """Return P*(g W'), (n, h, w, c)."""
        raise NotImplementedError

    def _bordered(self, x: NDArray) -> NDArray:
        """Return x with its borders, (H, n, W, c) in one piece."""
        x = pad(x, self.rows, self.columns, self.patches.padding)
        return np.ascontiguousarray(x.transpose(1, 0, 2, 3))

    def _unbordered(self, y: NDArray) -> NDArray:
        """Return the adjoint of ``_bordered``, (n, h, w, c)."""
        return pad_adjoint(y.transpose(1, 0, 2, 3), self.rows, self.columns, self.patches.padding)

    def _filter_rows(self) -> list[tuple[int, slice, slice]]:
        """Return (k, output rows, input rows) for each filter row k that meets the map, widest reach first."""
        step, dilation = self.patches.stride[0], self.patches.dilation[0]
        found = []
        for k in range(self.patches.size[0]):
            offset = k * dilation - self.top
            lo = max(0, -(offset // step))
            hi = min(self.grid[0], (self.height - 1 - offset) // step + 1)
            if lo < hi:
                first = lo * step + offset
                found.append((k, slice(lo, hi), slice(first, first + (hi - lo - 1) * step + 1, step)))
        return sorted(found, key=lambda entry: entry[1].start - entry[1].stop)

    def _filter_columns(self) -> Iterator[tuple[int, slice]]:
        """Yield (j, input columns) for each filter column."""
        step, dilation = self.patches.stride[1], self.patches.dilation[1]
        for j in range(self.patches.size[1]):
            yield j, slice(j * dilation, j * dilation + (self.grid[1] - 1) * step + 1, step)


class Rows(Correlation):
    """Columns unfolded, u = (H, n, w', k_w c); a product for each filter row."""

    def unfold(self, x: NDArray) -> NDArray:
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

    def filters(self, weight: NDArray) -> NDArray:
        """Return W by filter row, (k_h, k_w c, m)."""
        return weight.reshape(self.patches.size[0], -1, weight.shape[1])

    def spread(self, g: NDArray) -> NDArray:
        """Return g as (h', n, w', m) in one piece."""
        return np.ascontiguousarray(g.transpose(1, 0, 2, 3))

    def multiply(self, u: NDArray, filters: NDArray) -> NDArray:
        """Return the sum over filter rows of u[rows] W_k."""
        shape = (self.grid[0], *u.shape[1:3], filters.shape[2])
        return self._accumulate(shape, u, lambda k: filters[k], transposed=False).transpose(1, 0, 2, 3)

    def weight_gradient(self, u: NDArray, spread: NDArray) -> NDArray:
        """Return the products u[rows]' g[rows], one a filter row."""
        kwc, m = u.shape[3], spread.shape[3]
        out = np.zeros((self.patches.size[0], kwc, m), spread.dtype)
        for k, target, source in self._filter_rows():
            np.matmul(u[source].reshape(-1, kwc).T, spread[target].reshape(-1, m), out=out[k])
        return out.reshape(-1, m)

    def input_gradient(self, spread: NDArray, filters: NDArray) -> NDArray:
        """Return the overlap-add of g W_k': over rows with each product, then over columns."""
        n, kw = spread.shape[1], self.patches.size[1]
        shape = (self.height, n, self.grid[1], kw * self.c)
        e = self._accumulate(shape, spread, lambda k: filters[k].T, transposed=True)
        if kw == 1 and self.grid[1] == self.width:
            return self._unbordered(e)
        e = e.reshape(self.height, n, self.grid[1], kw, self.c)
        out = np.zeros((self.height, n, self.width, self.c), spread.dtype)
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


class Planes(Correlation):
    """Everything unfolded, u = (k_h k_w c, h', w', n): one plane an entry of the patch, for a few channels."""

    def unfold(self, x: NDArray) -> NDArray:
        """Return the planes of `x`, (k_h k_w c, h', w', n)."""
        x = pad(x, *self.patches.borders(), self.patches.padding)
        x = np.ascontiguousarray(x.transpose(3, 1, 2, 0))
        _, height, width, n = x.shape
        (kh, kw), (sh, sw), (dh, dw) = self.patches.size, self.patches.stride, self.patches.dilation
        q, r = n * x.itemsize, width * n * x.itemsize
        shape = (kh, kw, self.c, *self.grid, n)
        view = as_strided(x, shape, (dh * r, dw * q, height * r, sh * r, sw * q, x.itemsize), writeable=False)
        return view.reshape(kh * kw * self.c, *self.grid, n)

    def filters(self, weight: NDArray) -> NDArray:
        """Return W."""
        return weight

    def spread(self, g: NDArray) -> NDArray:
        """Return g as (h' w' n, m)."""
        return g.transpose(1, 2, 0, 3).reshape(-1, g.shape[3])

    def multiply(self, u: NDArray, filters: NDArray) -> NDArray:
        """Return u' W."""
        y = u.reshape(len(u), -1).T @ filters
        return y.reshape(*u.shape[1:], -1).transpose(2, 0, 1, 3)

    def weight_gradient(self, u: NDArray, spread: NDArray) -> NDArray:
        """Return u g."""
        return u.reshape(len(u), -1) @ spread

    def input_gradient(self, spread: NDArray, filters: NDArray) -> NDArray:
        """Return the overlap-add of the planes of W g'."""
        kh, kw = self.patches.size
        planes = (filters @ spread.T).reshape(kh, kw, self.c, *self.grid, -1)
        out = np.zeros((self.c, self.height, self.width, planes.shape[5]), spread.dtype)
        for k, target, source in self._filter_rows():
            for j, columns in self._filter_columns():
                out[:, source, columns] += planes[k, j, :, target]
        return self._unbordered(out.transpose(1, 3, 2, 0))
