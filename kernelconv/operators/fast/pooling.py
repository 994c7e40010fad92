"""Poolings: Gaussian as two banded products, windows' maxima axis by axis."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv.operators.fast.choice import Engine
from kernelconv.operators.fast.separable import BAND_ROWS, Bands, separable, separable_adjoint, window_bands
from kernelconv.operators.pooling.gaussian import GaussianPooling, gaussian_windows


@lru_cache(maxsize=256)
def gaussian_bands(n: int, subsampling: int, scale: float, padding: str, dtype: np.dtype[Any], at_once: int) -> Bands:
    """Return `gaussian_matrix` as bands."""
    return window_bands(*gaussian_windows(n, subsampling, scale, padding), dtype, at_once)


class BandedGaussian(Engine):
    """Gaussian pooling by its banded matrices, in the layout in which the maps come."""

    def __init__(self, part: GaussianPooling) -> None:
        super().__init__(part)
        # columns come second, on lines that the subsampling of the rows has made shorter
        self.axes = [
            (n, s, part.scale_of(s), part.padding, at_once)
            for n, s, at_once in zip(part._shapes[0], part.subsampling, (BAND_ROWS, 2 * BAND_ROWS), strict=False)
        ]
        self.bands: dict[np.dtype[Any], list[Bands]] = {}

    def _bands(self, dtype: np.dtype[Any]) -> list[Bands]:
        if dtype not in self.bands:
            self.bands[dtype] = [gaussian_bands(*axis, dtype, at_once) for *axis, at_once in self.axes]
        return self.bands[dtype]

    def forward(self, x: NDArray) -> NDArray:
        """Return A x."""
        return separable(x, *self._bands(x.dtype))

    def adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        """Return A* y."""
        rows, columns = self._bands(y.dtype)
        return separable_adjoint(y, rows, columns, shape)


class AxisByAxis(Engine):
    """Max pooling along columns, then along rows: whole views are compared, not windows."""

    def forward(self, x: NDArray) -> NDArray:
        """Return the maxima."""
        y = self.part.along(self.part.along(x, 2), 1)
        return y.copy() if y.base is not None else y
