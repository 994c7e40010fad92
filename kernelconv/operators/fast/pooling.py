"""Poolings: weighted means of windows as two banded products, windows' maxima axis by axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv.operators.fast.choice import Engine
from kernelconv.operators.fast.separable import BAND_ROWS, Bands, separable, separable_adjoint, window_bands
from kernelconv.operators.patches.extraction import window_reads
from kernelconv.operators.pooling.gaussian import GaussianPooling, gaussian_windows
from kernelconv.operators.pooling.pooling import AveragePooling


class Banded(Engine):
    """A separable linear pooling by its banded matrices, in the layout in which the maps come.

    `windows` are, for rows and for columns, the positions that each window reads and their weights.
    """

    def __init__(self, part: Any, windows: Sequence[tuple[NDArray, NDArray]]) -> None:
        super().__init__(part)
        self.windows = windows
        self.bands: dict[np.dtype[Any], list[Bands]] = {}

    def _bands(self, dtype: np.dtype[Any]) -> list[Bands]:
        if dtype not in self.bands:
            # columns come second, on lines that the subsampling of the rows has made shorter
            at_once = (BAND_ROWS, 2 * BAND_ROWS)
            self.bands[dtype] = [window_bands(*w, dtype, k) for w, k in zip(self.windows, at_once, strict=True)]
        return self.bands[dtype]

    def forward(self, x: NDArray) -> NDArray:
        """Return A x."""
        return separable(x, *self._bands(x.dtype))

    def adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        """Return A* y."""
        rows, columns = self._bands(y.dtype)
        return separable_adjoint(y, rows, columns, shape)


def gaussian(part: GaussianPooling) -> Engine:
    """Return Gaussian pooling's engine."""
    axes = zip(part._shapes[0], part.subsampling, strict=False)
    return Banded(part, [gaussian_windows(n, s, part.scale_of(s), part.padding) for n, s in axes])


def average(part: AveragePooling) -> Engine:
    """Return average pooling's engine."""
    per_axis = zip(part.patches.windows(part._shapes[0]), part.size, strict=True)
    return Banded(part, [(window_reads(*window), np.full(size, 1 / size)) for window, size in per_axis])


class AxisByAxis(Engine):
    """Max pooling along columns, then along rows: whole views are compared, not windows."""

    def forward(self, x: NDArray) -> NDArray:
        """Return the maxima."""
        y = self.part.along(self.part.along(x, 2), 1)
        return y.copy() if y.base is not None else y
