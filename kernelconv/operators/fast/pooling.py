"""Poolings: Gaussian as two banded products, means entry by entry of a window, maxima axis by axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv.operators.fast.choice import Engine
from kernelconv.operators.fast.separable import BAND_ROWS, Bands, separable, separable_adjoint, window_bands
from kernelconv.operators.patches.borders import pad
from kernelconv.operators.pooling.gaussian import GaussianPooling, gaussian_windows
from kernelconv.operators.pooling.pooling import MANY_POSITIONS


class BandedGaussian(Engine):
    """Gaussian pooling by its banded matrices, in the layout in which the maps come."""

    def __init__(self, part: GaussianPooling) -> None:
        super().__init__(part)
        axes = zip(part._shapes[0], part.subsampling, strict=False)
        self.windows = [gaussian_windows(n, s, part.scale_of(s), part.padding) for n, s in axes]
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


class EntryByEntry(Engine):
    """Average pooling as a sum over the entries of a window, each a view of the padded maps."""

    def forward(self, x: NDArray) -> NDArray:
        """Return the means."""
        patches: Any = self.part.patches
        rows, columns = patches.borders()
        x = pad(x, rows, columns, patches.padding_mode)
        below, beside = (
            [slice(k, k + (n - 1) * step + 1, step) for k in range(size)]
            for n, size, step in zip(self.part._shapes[1], patches.size, patches.stride, strict=False)
        )
        first, *rest = [x[:, r, c] for r in below for c in beside]
        many = len(rest) >= MANY_POSITIONS  # float32 sums of many entries drift
        total = first.astype(np.result_type(x, np.float64) if many else x.dtype, order="K")
        for entry in rest:
            total += entry
        total /= total.dtype.type(len(rest) + 1)
        return total.astype(x.dtype, copy=False)


class AxisByAxis(Engine):
    """Max pooling along columns, then along rows: whole views are compared, not windows."""

    def forward(self, x: NDArray) -> NDArray:
        """Return the maxima."""
        y = self.part.along(self.part.along(x, 2), 1)
        return y.copy() if y.base is not None else y
