"""Patches as one strided copy, and their norms without the patches."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from kernelconv.operators.fast.choice import Engine
from kernelconv.operators.fast.separable import Bands, separable, window_bands
from kernelconv.operators.patches.borders import pad
from kernelconv.operators.patches.extraction import PatchExtraction, window_reads


class Extraction(Engine):
    """P by a view of the padded maps, in which a patch row lies side by side in memory, and one copy of it."""

    def __init__(self, part: PatchExtraction) -> None:
        super().__init__(part)
        self.borders, self.grid, self.channels = part.borders(), part._shapes[1][:2], part._shapes[0][2]

    def forward(self, x: NDArray) -> NDArray:
        """Return the patches (n, h', w', k_h k_w c)."""
        part, n, c = self.part, len(x), self.channels
        x = np.ascontiguousarray(pad(x, *self.borders, part.padding_mode))
        if part.size == (1, 1) and part.stride == (1, 1):
            return x
        (kh, kw), (sh, sw), (dh, dw) = part.size, part.stride, part.dilation
        q = x.itemsize  # x.strides would not do: numpy gives an axis of length 1 any stride, x[..., None] gives it 0
        r = c * q
        b = x.shape[2] * r
        a = x.shape[1] * b
        if dw == 1:  # pixels and channels of a patch row lie side by side in memory: one run to copy
            view = as_strided(x, (n, *self.grid, kh, kw * c), (a, b * sh, r * sw, b * dh, q), writeable=False)
        else:
            view = as_strided(x, (n, *self.grid, kh, kw, c), (a, b * sh, r * sw, b * dh, r * dw, q), writeable=False)
        return view.reshape(n, *self.grid, -1)


def patch_norms(x: NDArray, sums: tuple[Bands, Bands]) -> NDArray:
    """Return the norm of every patch without making the patches: (n, h, w, c) -> (n, h', w', 1)."""
    squares = np.einsum("nhwc,nhwc->hwn", x, x, order="C")  # images last: long lines, and as correlations are
    with np.errstate(over="ignore", invalid="ignore"):  # who takes the norms sees that they are infinite
        return np.sqrt(separable(squares.transpose(2, 0, 1)[..., None], *sums))


@lru_cache(maxsize=256)
def window_sums(patches: PatchExtraction, in_shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[Bands, Bands]:
    """Return the matrices, along rows and along columns, that sum the pixels of each patch."""
    rows, columns = (
        window_bands(window_reads(*window), np.ones(window[2]), dtype, at_once=32)  # small maps: the fewer calls
        for window in patches.windows(in_shape)
    )
    return rows, columns
