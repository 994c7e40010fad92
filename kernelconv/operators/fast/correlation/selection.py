"""Which way of multiplying all patches by a matrix is the fastest: planes, tiles or filter rows."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from kernelconv.operators.fast.correlation.planes import Planes
from kernelconv.operators.fast.correlation.products import Correlation
from kernelconv.operators.fast.correlation.rows import Rows
from kernelconv.operators.fast.correlation.tiles import LONGEST_FILTER, Tiles
from kernelconv.operators.patches.extraction import PatchExtraction

#: Up to this many channels a row of a filter is too short for a matrix product of its own.
FEW_CHANNELS = 4


@lru_cache(maxsize=256)
def correlation(patches: PatchExtraction, in_shape: tuple[int, ...]) -> Correlation:
    """Return what multiplies the patches of maps (h, w, c) = `in_shape` by a matrix."""
    if in_shape[2] <= FEW_CHANNELS:
        return Planes(patches, in_shape)
    if patches.stride == patches.dilation == (1, 1) and all(2 <= k <= LONGEST_FILTER for k in patches.size):
        tiles = Tiles(patches, in_shape)
        if 2 * tiles.products <= np.prod(tiles.grid) * np.prod(patches.size):
            return tiles
    return Rows(patches, in_shape)
