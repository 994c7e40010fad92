"""Which cascade computes 2-D scattering, and on how many images at a time."""

from __future__ import annotations

from numpy.typing import DTypeLike, NDArray

from kernelconv._parallel.blocks import CACHE_BYTES
from kernelconv.networks.scattering.fast.by_frequency import CascadeByFrequency
from kernelconv.networks.scattering.fast.by_map import CascadeByMap
from kernelconv.networks.scattering.fast.scratch import Workspace
from kernelconv.networks.scattering.geometry import Geometry

#: Padded pixels up to which maps lie side by side, frequency by frequency.
SMALL = 80**2


class Cascades(Workspace):
    """Computes the scattering of blocks of one-channel images, in float32 or float64, on any number of threads."""

    geometry: Geometry

    def faster(self, dtype: DTypeLike) -> CascadeByFrequency | CascadeByMap:
        """Return the cascade that is faster for images of this size."""
        h, w = self.geometry.padded
        kind = CascadeByFrequency if h * w <= SMALL else CascadeByMap
        return self.cast(kind, dtype)

    def by_map(self, dtype: DTypeLike) -> CascadeByMap:
        """Return the cascade that knows its gradient."""
        return self.cast(CascadeByMap, dtype)

    def __call__(self, x: NDArray) -> NDArray:
        """Return the scattering maps (m, n_paths, h', w') of images (m, h, w)."""
        return self.faster(x.dtype)(self.geometry.pad(x), self.scratch)

    def vjp(self, x: NDArray, g: NDArray) -> NDArray:
        """Return the gradient (m, h, w) of <g, S x> in images `x` (m, h, w), g (m, n_paths, h', w')."""
        geometry = self.geometry
        return geometry.pad_adjoint(self.by_map(x.dtype).vjp(geometry.pad(x), g, self.scratch))


def block_length(geometry: Geometry, itemsize: int, channels: int) -> int:
    """Return how many images make a block: the more, the wider the products; those of some paths alone are narrow."""
    h, w = geometry.padded
    if h * w <= SMALL:
        return max(1, (64 if geometry.only is None else 128) // channels)
    return max(1, CACHE_BYTES // (2 * itemsize * channels * h * w * (geometry.L if geometry.max_order else 1)))
