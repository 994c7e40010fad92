"""y = (P x) W and its two adjoints without the matrix of patches: the engine of `Convolution`.

P repeats every pixel k_h k_w times. Here columns alone are unfolded, and each filter row is one matrix product on a
slice of rows that lies in one piece, since the row axis comes first in memory: arrays are (h, n, w, c) inside, and
transposed views outside. Filters of three to five rows, moved by one, need fewer products (Toom and Cook). Maps of a
few channels are unfolded into planes instead, one an entry of the patch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from kernelconv._check import Pair
from kernelconv.operators.borders import pad, pad_adjoint
from kernelconv.operators.patches import PatchExtraction
from kernelconv.operators.toom_cook import N_TOGETHER, toom_cook

#: Up to this many channels a row of a filter is too short for a matrix product of its own.
FEW_CHANNELS = 4


@lru_cache(maxsize=512)
def correlation(patches: PatchExtraction, in_shape: tuple[int, ...]) -> Correlation:
    """Return what multiplies the patches of maps (h, w, c) = `in_shape` by a matrix."""
    if in_shape[2] <= FEW_CHANNELS:
        return Planes(patches, in_shape)
    return (FastRows if FastRows.pays(patches, in_shape) else Rows)(patches, in_shape)


class Correlation:
    """The maps x -> (P x) W for one P and one shape of maps. Subclasses say how x is unfolded.

    ``unfold(x)`` gives u; ``multiply(u, W)`` gives (P x) W, ``weight_gradient(u, g)`` gives (P x)' g, and
    ``input_gradient(g, W)`` gives P*(g W').
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
        """Return what the products read, from maps (n, h, w, c)."""
        raise NotImplementedError

    def multiply(self, u: NDArray, weight: NDArray) -> NDArray:
        """Return (P x) W, (n, h', w', m), from ``unfold(x)`` and W (k_h k_w c, m)."""
        raise NotImplementedError

    def weight_gradient(self, u: NDArray, g: NDArray) -> NDArray:
        """Return (P x)' g, (k_h k_w c, m), from ``unfold(x)`` and g (n, h', w', m)."""
        raise NotImplementedError

    def input_gradient(self, g: NDArray, weight: NDArray) -> NDArray:
        """Return P*(g W'), (n, h, w, c), from g (n, h', w', m)."""
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

    def _unfold_columns(self, x: NDArray) -> NDArray:
        """Return the row patches (..., n, w', k_w c) of `x` (..., n, W, c), in one piece."""
        *lines, _, c = x.shape
        q, kw = x.itemsize, self.patches.size[1]
        step, dilation = self.patches.stride[1] * c * q, self.patches.dilation[1] * c * q
        strides = x.strides[:-2]
        if self.patches.dilation[1] == 1:
            view = as_strided(x, (*lines, self.grid[1], kw * c), (*strides, step, q), writeable=False)
        else:
            view = as_strided(x, (*lines, self.grid[1], kw, c), (*strides, step, dilation, q), writeable=False)
        # one copy, in one piece: the products take slices of its rows as they are
        return np.ascontiguousarray(view).reshape(*lines, self.grid[1], kw * c)

    def _fold_columns(self, e: NDArray) -> NDArray:
        """Return the adjoint of ``_unfold_columns``: the overlap-add (..., n, W, c) of `e` (..., n, w', k_w c)."""
        kw = self.patches.size[1]
        if kw == 1 and self.grid[1] == self.width:
            return e
        out = np.zeros((*e.shape[:-2], self.width, self.c), e.dtype)
        e = e.reshape(*e.shape[:-1], kw, self.c)
        for j, columns in self._filter_columns():
            out[..., columns, :] += e[..., j, :]
        return out

    def _filter_columns(self) -> Iterator[tuple[int, slice]]:
        """Yield (j, input columns) for each filter column."""
        step, dilation = self.patches.stride[1], self.patches.dilation[1]
        for j in range(self.patches.size[1]):
            yield j, slice(j * dilation, j * dilation + (self.grid[1] - 1) * step + 1, step)


class Rows(Correlation):
    """Columns unfolded, u = (H, n, w', k_w c); a product for each filter row."""

    def unfold(self, x: NDArray) -> NDArray:
        """Return the row patches of `x`, (H, n, w', k_w c)."""
        return self._unfold_columns(self._bordered(x))

    def multiply(self, u: NDArray, weight: NDArray) -> NDArray:
        """Return the sum over filter rows of u[rows] W_k."""
        per_row = weight.reshape(self.patches.size[0], u.shape[3], -1)
        shape = (self.grid[0], *u.shape[1:3], weight.shape[1])
        return self._accumulate(shape, u, lambda k: per_row[k], transposed=False).transpose(1, 0, 2, 3)

    def weight_gradient(self, u: NDArray, g: NDArray) -> NDArray:
        """Return the products u[rows]' g[rows], one a filter row."""
        g = np.ascontiguousarray(g.transpose(1, 0, 2, 3))
        kwc, m = u.shape[3], g.shape[3]
        out = np.zeros((self.patches.size[0], kwc, m), g.dtype)
        for k, target, source in self._filter_rows():
            np.matmul(u[source].reshape(-1, kwc).T, g[target].reshape(-1, m), out=out[k])
        return out.reshape(-1, m)

    def input_gradient(self, g: NDArray, weight: NDArray) -> NDArray:
        """Return the overlap-add of g W_k': over rows with each product, then over columns."""
        g = np.ascontiguousarray(g.transpose(1, 0, 2, 3))
        n, kw = g.shape[1], self.patches.size[1]
        per_row = weight.reshape(self.patches.size[0], kw * self.c, -1)
        shape = (self.height, n, self.grid[1], kw * self.c)
        e = self._accumulate(shape, g, lambda k: per_row[k].T, transposed=True)
        return self._unbordered(self._fold_columns(e))

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


class FastRows(Correlation):
    """Columns unfolded, rows by Toom and Cook: u = (t, tiles n w', k_w c), a product for each point of evaluation."""

    def __init__(self, patches: PatchExtraction, in_shape: tuple[int, ...]) -> None:
        super().__init__(patches, in_shape)
        self.n_points = N_TOGETHER + patches.size[0] - 1
        self.tiles = -(-self.grid[0] // N_TOGETHER)
        self.tall = N_TOGETHER * self.tiles + patches.size[0] - 1  # rows that the tiles read

    @staticmethod
    def pays(patches: PatchExtraction, in_shape: tuple[int, ...]) -> bool:
        """Return whether there are clearly fewer products; only for steps of one."""
        r, h = patches.size[0], patches.out_shape(in_shape)[0]
        products = -(-h // N_TOGETHER) * (N_TOGETHER + r - 1)
        return patches.stride[0] == patches.dilation[0] == 1 and 3 <= r <= 5 and products <= 0.7 * h * r

    def unfold(self, x: NDArray) -> NDArray:
        """Return the row patches of B' x, (t, tiles n w', k_w c)."""
        n = len(x)
        tall = np.zeros((self.tall, n, self.width, self.c), x.dtype)
        tall[self.top : self.top + self.height] = self._bordered(x)
        line = tall[0].nbytes
        windows = (self.tiles, self.n_points, tall[0].size)
        overlapping = as_strided(tall, windows, (N_TOGETHER * line, line, x.itemsize), writeable=False)
        _, _, b = toom_cook(self.patches.size[0], x.dtype.str)
        v = self._apply(b.T, overlapping).reshape(self.n_points, self.tiles * n, self.width, self.c)
        return self._unfold_columns(v).reshape(self.n_points, -1, self.patches.size[1] * self.c)

    def multiply(self, u: NDArray, weight: NDArray) -> NDArray:
        """Return A' (u G W), the sum over the points."""
        a, _, _ = toom_cook(self.patches.size[0], u.dtype.str)
        products = np.matmul(u, self._spread_weight(weight)).reshape(self.n_points, self.tiles, -1)
        y = np.matmul(a.T, products.transpose(1, 0, 2))
        y = y.reshape(N_TOGETHER * self.tiles, -1, self.grid[1], weight.shape[1])
        return y[: self.grid[0]].transpose(1, 0, 2, 3)

    def weight_gradient(self, u: NDArray, g: NDArray) -> NDArray:
        """Return G' (u' A g)."""
        _, spread, _ = toom_cook(self.patches.size[0], u.dtype.str)
        products = np.matmul(u.transpose(0, 2, 1), self._spread_rows(g))
        return (spread.T @ products.reshape(self.n_points, -1)).reshape(-1, g.shape[3])

    def input_gradient(self, g: NDArray, weight: NDArray) -> NDArray:
        """Return the overlap-add of B ((A g) (G W)'): over columns, then over tiles."""
        n = len(g)
        e = np.matmul(self._spread_rows(g), self._spread_weight(weight).transpose(0, 2, 1))
        v = self._fold_columns(e.reshape(self.n_points, self.tiles * n, self.grid[1], -1))
        _, _, b = toom_cook(self.patches.size[0], g.dtype.str)
        parts = np.matmul(b, v.reshape(self.n_points, self.tiles, -1).transpose(1, 0, 2))
        parts = parts.reshape(self.tiles, self.n_points, n, self.width, self.c)
        tall = np.zeros((self.tall, n, self.width, self.c), g.dtype)
        for i in range(self.tiles):
            tall[N_TOGETHER * i : N_TOGETHER * i + self.n_points] += parts[i]
        return self._unbordered(tall[self.top : self.top + self.height])

    def _spread_weight(self, weight: NDArray) -> NDArray:
        """Return G W, (t, k_w c, m)."""
        r = self.patches.size[0]
        _, g, _ = toom_cook(r, weight.dtype.str)
        return (g @ weight.reshape(r, -1)).reshape(self.n_points, -1, weight.shape[1])

    def _spread_rows(self, g: NDArray) -> NDArray:
        """Return A g, (t, tiles n w', m), rows that the last tile has too many being zero."""
        n, h, w, m = g.shape
        rows = np.zeros((N_TOGETHER * self.tiles, n, w, m), g.dtype)
        rows[:h] = g.transpose(1, 0, 2, 3)
        a, _, _ = toom_cook(self.patches.size[0], g.dtype.str)
        return self._apply(a, rows.reshape(self.tiles, N_TOGETHER, -1)).reshape(self.n_points, -1, m)

    def _apply(self, matrix: NDArray, tiles: NDArray) -> NDArray:
        """Return `matrix` (t, k) times each of the tiles (tiles, k, values), points first: (t, tiles, values)."""
        out = np.empty((self.n_points, self.tiles, tiles.shape[2]), tiles.dtype)
        np.matmul(matrix, tiles, out=out.transpose(1, 0, 2))
        return out


class Planes(Correlation):
    """Everything unfolded, u = (k_h k_w c, h', n, w'): one plane an entry of the patch, for a few channels."""

    def unfold(self, x: NDArray) -> NDArray:
        """Return the planes of `x`, (k_h k_w c, h', n, w')."""
        x = self._bordered(x)
        kh, kw = self.patches.size
        u = np.zeros((kh, kw, self.c, self.grid[0], x.shape[1], self.grid[1]), x.dtype)
        for k, target, source in self._filter_rows():
            for j, columns in self._filter_columns():
                for channel in range(self.c):
                    u[k, j, channel, target] = x[source, :, columns, channel]
        return u.reshape(-1, *u.shape[3:])

    def multiply(self, u: NDArray, weight: NDArray) -> NDArray:
        """Return u' W."""
        y = u.reshape(len(u), -1).T @ weight
        return y.reshape(*u.shape[1:], -1).transpose(1, 0, 2, 3)

    def weight_gradient(self, u: NDArray, g: NDArray) -> NDArray:
        """Return u g."""
        return u.reshape(len(u), -1) @ g.transpose(1, 0, 2, 3).reshape(-1, g.shape[3])

    def input_gradient(self, g: NDArray, weight: NDArray) -> NDArray:
        """Return the overlap-add of the planes of W g'."""
        kh, kw = self.patches.size
        n = len(g)
        planes = weight @ g.transpose(1, 0, 2, 3).reshape(-1, g.shape[3]).T
        planes = planes.reshape(kh, kw, self.c, self.grid[0], n, self.grid[1])
        out = np.zeros((self.height, n, self.width, self.c), g.dtype)
        for k, target, source in self._filter_rows():
            for j, columns in self._filter_columns():
                for channel in range(self.c):
                    out[source, :, columns, channel] += planes[k, j, channel, target]
        return self._unbordered(out)
