"""The engines of scattering parts, and the table that names them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._scales import rescaled, scales
from kernelconv.networks.scattering.fast.cascades import Cascades, block_length
from kernelconv.networks.scattering.fast.signals import Signals
from kernelconv.networks.scattering.signals.transform_1d import ScatteringTransform1D
from kernelconv.networks.scattering.transform import ScatteringTransform
from kernelconv.operators.base import Grads
from kernelconv.operators.fast.choice import Engine, Maker
from kernelconv.operators.wavelets.halves import Halves


class ByCascade(Engine):
    """2-D scattering channel by channel, down the tree branch by branch.

    Parameters
    ----------
    part : ScatteringTransform
        Built.
    run : callable, optional
        Images (m, h, w) -> maps (m, n_paths, h', w'); the library's own cascades by default.
    """

    def __init__(self, part: ScatteringTransform, run: Any = None) -> None:
        super().__init__(part)
        self.run = Cascades(part.geometry) if run is None else run

    def block(self, itemsize: int) -> int:
        """Return how many images make a block."""
        return block_length(self.part.geometry, itemsize, self.part.in_shape[2])

    def forward(self, x: NDArray) -> NDArray:
        """Return the scattering maps; map by map, they lie side by side in memory."""
        by = scales(x)
        if by is not None:  # moduli are roots of sums of squares
            return rescaled(self.forward, x, by)
        maps = self.run(_channels(x))
        return np.moveaxis(maps.reshape(len(x), -1, *maps.shape[2:]), 1, -1)

    def pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Any, Any]:
        """Return (S x, pull, state); moduli are computed again on the way back."""
        if not self.part.differentiable:
            raise NotImplementedError("engine='kymatio' has no gradient. Use engine='native'.")
        n, h, w, c = x.shape
        by = scales(x)
        ordinary = x if by is None else x * by  # the gradient does not depend on the scale

        def pull(g: NDArray) -> tuple[NDArray, Grads]:
            of_paths = np.moveaxis(g, -1, 1).reshape(n * c, -1, *g.shape[1:3])
            return np.moveaxis(self.run.vjp(_channels(ordinary), of_paths).reshape(n, c, h, w), 1, -1), {}

        return self.forward(x), pull, self.part.state


def _channels(x: NDArray) -> NDArray:
    """Return images (n, h, w, c) as images of one channel, (n c, h, w)."""
    n, h, w, c = x.shape
    return np.ascontiguousarray(np.moveaxis(x, -1, 1)).reshape(n * c, h, w)


def by_cascade(part: ScatteringTransform) -> ByCascade:
    """Return the engine that the part asks for."""
    if part.engine == "native":
        return ByCascade(part)
    from kernelconv.networks.scattering.kymatio import Kymatio  # only who asks for it pays for the import

    return ByCascade(part, Kymatio(part.geometry))


class LineByLine(Engine):
    """1-D scattering of all lines of all channels, each a signal. The gradient is the definition's."""

    def __init__(self, part: ScatteringTransform1D) -> None:
        super().__init__(part)
        self.run = Signals(part.geometry)

    def block(self, itemsize: int) -> int:
        """Return how many images make a block."""
        return max(1, self.run.block(itemsize) // (self.part.in_shape[0] * self.part.in_shape[2]))

    def forward(self, x: NDArray) -> NDArray:
        """Return the scattering maps; path by path, they lie side by side in memory."""
        by = scales(x if x.dtype.kind != "c" else np.concatenate([x.real, x.imag], axis=-1))
        if by is not None:
            return rescaled(self.forward, x, by)
        if not self.part.real_only:
            x = Halves().definition(x)
        n, h, t, _ = x.shape
        maps = self.run(np.ascontiguousarray(x.swapaxes(2, 3)).reshape(-1, t))
        return maps.reshape(n, h, -1, maps.shape[-1]).swapaxes(2, 3)


ENGINES: dict[type, Maker] = {ScatteringTransform: by_cascade, ScatteringTransform1D: LineByLine}
