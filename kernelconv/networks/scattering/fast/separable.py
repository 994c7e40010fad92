"""The pyramid of separable scattering on NumPy arrays: matrix products along one axis at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from kernelconv._check import Pair
from kernelconv._parallel.blocks import block_slices
from kernelconv._scales import rescaled, scales
from kernelconv._types.parameters import Border
from kernelconv.networks.scattering.fast.scratch import Scratch, Workspace
from kernelconv.networks.scattering.separable.geometry import SeparableGeometry, reads
from kernelconv.operators.wavelets.separable import WAVELETS, filters

#: Images of a block: as many columns have the matrix products. Few of them are slow, so that there are `FEW_IMAGES` in
#: a block even where they leave the cache. An image of more than `LARGE_BYTES` is computed alone, its rows the columns.
MOST_IMAGES, FEW_IMAGES = 128, 16
BLOCK_BYTES = LARGE_BYTES = 2**19
#: Bytes of what a step holds beside its maps and what it makes of them.
STEP_BYTES = 2**20
#: Outputs that one product makes of a long axis: a band of four taps has few others than zeros in so small a matrix.
TILE = 16

#: The real filters that the rows' matrices hold in this order, then those of the columns for maps filtered by m or g.
ROWS, AFTER_M, AFTER_G = ("l", "mr", "mi", "gr", "gi"), ("gr", "gi"), ("mr", "mi", "gr", "gi")
#: Directions whose filters along columns are a filter and its conjugate: of m along rows with g, of g with m and g.
PAIRS = ((0, 5), (2, 3), (1, 4))


class Tile(NamedTuple):
    """Matrices (filters, outputs, samples) from one range of an axis to some of its outputs."""

    source: slice
    target: slice
    matrices: NDArray


class Band:
    """Filters along one axis of `n` samples, every second output, as matrices: the borders are folded in."""

    def __init__(self, names: tuple[str, ...], n: int, padding: Border, dtype: DTypeLike) -> None:
        read = reads(n, padding)
        whole = np.zeros((len(names), len(read), n + 1))  # what reads a zero comes last
        for matrix, name in zip(whole, names, strict=True):
            for k, tap in enumerate(_real_filter(name)[::-1]):
                np.add.at(matrix, (np.arange(len(read)), read[:, k]), tap)
        whole = whole[:, :, :n].astype(dtype)
        self.n_out = len(read)
        self.tiles = []
        length = TILE if n > 3 * TILE else self.n_out
        for target in block_slices(self.n_out, length):
            used = np.flatnonzero(whole[:, target].any(axis=(0, 1)))
            source = slice(int(used.min()), int(used.max()) + 1)
            self.tiles.append(Tile(source, target, np.ascontiguousarray(whole[:, target, source])))

    def __call__(self, u: NDArray, out: NDArray) -> None:
        """Write the products with maps (..., n, k) into `out` (..., filters, n', k)."""
        if u.shape[-1] == 1:
            self._of_one(u[..., 0], out[..., 0])
            return
        for tile in self.tiles:
            if len(self.tiles) == 1:
                matrix = tile.matrices.reshape(-1, tile.matrices.shape[-1])
                np.matmul(matrix, u, out=out.reshape(*out.shape[:-3], -1, out.shape[-1]))
            else:
                np.matmul(tile.matrices, u[..., None, tile.source, :], out=out[..., tile.target, :])

    def _of_one(self, u: NDArray, out: NDArray) -> None:
        """Write the products with maps (..., k, n) of one image into `out` (..., k, filters, n'): k rows at a time."""
        for tile in self.tiles:
            matrix = tile.matrices.reshape(-1, tile.matrices.shape[-1])
            found = u[..., tile.source] @ matrix.T
            out[..., tile.target] = found.reshape(*found.shape[:-1], *tile.matrices.shape[:2])


def _real_filter(name: str) -> NDArray:
    taps = filters()[name[0]]
    return taps if len(name) == 1 else taps.imag if name[1] == "i" else taps.real


class Step:
    """One scale: maps (p, h, w, n) to their averages and the moduli of their wavelets, (., h', w', n)."""

    def __init__(self, size: Pair, padding: Border, dtype: DTypeLike) -> None:
        h, w = size
        self.rows, self.row_low = Band(ROWS, h, padding, dtype), Band(("l",), h, padding, dtype)
        self.low, self.after_m, self.after_g = (Band(names, w, padding, dtype) for names in (("l",), AFTER_M, AFTER_G))
        self.size = self.rows.n_out, self.low.n_out

    def average(self, u: NDArray, out: NDArray, scratch: Scratch) -> None:
        """Write the averages of `u` into `out` (p, h', w', n)."""
        p, h, w, n = u.shape
        lines = scratch.array(("lines", 0), (p, 1, self.size[0], w * n), u.dtype)
        self.row_low(u.reshape(p, h, w * n), lines)
        self.low(lines.reshape(p, self.size[0], w, n), out[:, :, None])

    def split(self, u: NDArray, low: NDArray, moduli: NDArray, scratch: Scratch) -> None:
        """Write the averages into `low` (p, h', w', n), the moduli into `moduli` (p, 6, h', w', n)."""
        (p, h, w, n), (h2, w2) = u.shape, self.size
        lines = scratch.array(("lines", 0), (p, len(ROWS), h2, w * n), u.dtype)
        self.rows(u.reshape(p, h, w * n), lines)
        lines = lines.reshape(p, len(ROWS), h2, w, n)
        self.low(lines[:, 0], low[:, :, None])
        by_m = scratch.array(("by m", 0), (p, 2, h2, 2, w2, n), u.dtype)
        by_g = scratch.array(("by g", 0), (p, 2, h2, 4, w2, n), u.dtype)
        self.after_m(lines[:, 1:3], by_m)
        self.after_g(lines[:, 3:5], by_g)
        products = by_m, by_g[:, :, :, :2], by_g[:, :, :, 2:]
        for (first, second), product in zip(PAIRS, products, strict=True):
            (rr, ri), (ir, ii) = ([product[:, i, :, k] for k in range(2)] for i in range(2))
            work = scratch.array(("work", 0), (2, *rr.shape), u.dtype)
            _modulus(rr, ii, ri, ir, np.subtract, np.add, moduli[:, first], work)
            _modulus(rr, ii, ri, ir, np.add, np.subtract, moduli[:, second], work)


def _modulus(rr, ii, ri, ir, real, imaginary, out, work) -> None:  # type: ignore[no-untyped-def]
    """Write the modulus of ``real(rr, ii) + i imaginary(ri, ir)`` into `out`."""
    real(rr, ii, out=work[0])
    imaginary(ri, ir, out=work[1])
    np.multiply(work, work, out=work)
    np.add(work[0], work[1], out=work[0])
    np.sqrt(work[0], out=out)


class Pyramid:
    """All scales in one dtype; the maps of an order side by side, the images of a block last."""

    def __init__(self, geometry: SeparableGeometry, dtype: np.dtype) -> None:
        self.geometry = geometry
        self.steps = [Step(size, geometry.padding, dtype) for size in geometry.sizes[:-1]]

    def __call__(self, x: NDArray, scratch: Scratch) -> NDArray:
        """Return the coefficients (n, n_paths, h', w') of images (n, h, w)."""
        groups = [np.ascontiguousarray(np.moveaxis(x, 0, -1))[None]]
        for j, step in enumerate(self.steps):
            groups = self._next(groups, j, step, scratch)
        out, start = np.empty((len(x), len(self.geometry.paths), *self.geometry.out_size), x.dtype), 0
        for group, laid in zip(groups, self.geometry.laid, strict=True):
            out[:, start : start + len(laid)] = np.moveaxis(group[list(laid)], -1, 0)
            start += len(laid)
        return out

    def _next(self, groups: list[NDArray], j: int, step: Step, scratch: Scratch) -> list[NDArray]:
        """Return the maps of each order after one scale: the averages of the old, then what continues shorter paths."""
        n, dtype = groups[0].shape[-1], groups[0].dtype
        counts = [len(group) for group in groups]
        wider = [a + len(WAVELETS) * b for a, b in zip([*counts, 0], [0, *counts], strict=True)]
        wider = wider[: self.geometry.max_order + 1]
        found = [scratch.array((f"order {m}", j), (p, *step.size, n), dtype) for m, p in enumerate(wider)]
        h, w = groups[0].shape[1:3]
        most = max(1, STEP_BYTES // (dtype.itemsize * n * w * (h + 5 * step.size[0])))
        for m, group in enumerate(groups):
            for s in block_slices(len(group), most):
                if m == self.geometry.max_order:
                    step.average(group[s], found[m][s], scratch)
                    continue
                moduli = found[m + 1][counts[m + 1] if m + 1 < len(counts) else 0 :]
                moduli = moduli.reshape(len(group), len(WAVELETS), *step.size, n)
                step.split(group[s], found[m][s], moduli[s], scratch)
        return found


class Separable(Workspace):
    """Separable scattering of images of one geometry, in any dtype, on any thread."""

    def block(self, itemsize: int) -> int:
        """Return how many images make a block."""
        each = itemsize * self.geometry.size[0] * self.geometry.size[1]
        return 1 if each > LARGE_BYTES else min(MOST_IMAGES, max(FEW_IMAGES, BLOCK_BYTES // each))

    def __call__(self, x: NDArray) -> NDArray:
        """Return the coefficients (n, n_paths, h', w') of images (n, h, w), whatever their size."""
        by = scales(x)
        if by is not None:  # moduli are roots of sums of squares
            return rescaled(self, x, by)
        return self.cast(Pyramid, x.dtype)(x, self.scratch)
