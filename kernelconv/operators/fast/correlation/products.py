"""Products of all patches with a matrix, y = (P x) W, and their two adjoints: the contract of the ways to them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import Pair
from kernelconv.operators.patches.borders import pad, pad_adjoint
from kernelconv.operators.patches.extraction import PatchExtraction


class Correlation:
    """The maps x -> (P x) W for one P and one shape of maps. Subclasses say how x is unfolded.

    ``input_transform(x)`` gives u, ``filter_transform(W)`` gives f and ``output_transform_adjoint(g)`` gives v; then
    ``multiply(u, f)`` is (P x) W, and the gradients are ``weight_gradient(u, v)``, (P x)' g, and
    ``input_gradient(v, f)``, P*(g W').
    """

    def __init__(self, patches: PatchExtraction, in_shape: tuple[int, ...]) -> None:
        self.patches = patches
        self.h, self.w, self.c = in_shape
        self.grid: Pair = patches.out_shape(in_shape)[:2]
        rows, self.columns = patches.borders()
        zero = patches.padding_mode == "zero"
        self.rows: Pair = (0, 0) if zero else rows  # rows of zeros are left out of the products instead
        self.top = rows[0] if zero else 0
        self.height, self.width = self.h + sum(self.rows), self.w + sum(self.columns)

    def input_transform(self, x: NDArray) -> NDArray:
        """Return what the products read of maps (n, h, w, c)."""
        raise NotImplementedError

    def filter_transform(self, weight: NDArray) -> NDArray:
        """Return what the products read of W (k_h k_w c, m)."""
        raise NotImplementedError

    def output_transform_adjoint(self, g: NDArray) -> NDArray:
        """Return what the gradients read of g (n, h', w', m)."""
        raise NotImplementedError

    def multiply(self, u: NDArray, filters: NDArray) -> NDArray:
        """Return (P x) W, (n, h', w', m)."""
        raise NotImplementedError

    def weight_gradient(self, u: NDArray, v: NDArray) -> NDArray:
        """Return (P x)' g, (k_h k_w c, m)."""
        raise NotImplementedError

    def input_gradient(self, v: NDArray, filters: NDArray) -> NDArray:
        """Return P*(g W'), (n, h, w, c)."""
        raise NotImplementedError

    def _bordered(self, x: NDArray) -> NDArray:
        """Return x with its borders, (H, n, W, c) in one piece."""
        x = pad(x, self.rows, self.columns, self.patches.padding_mode)
        return np.ascontiguousarray(x.transpose(1, 0, 2, 3))

    def _unbordered(self, y: NDArray) -> NDArray:
        """Return the adjoint of ``_bordered``, (n, h, w, c)."""
        return pad_adjoint(y.transpose(1, 0, 2, 3), self.rows, self.columns, self.patches.padding_mode)

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
