"""The only file that imports kymatio: its NumPy engine behind the call of the native engine.

kymatio 0.3.0's front doors fail to import with SciPy >= 1.17; the paths used here work with every SciPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from kymatio.scattering2d.frontend.numpy_frontend import ScatteringNumPy2D
from numpy.typing import DTypeLike, NDArray

from kernelconv.networks.scattering.fast.engine import Engine


class KymatioEngine:
    """Runs kymatio on the native engine's padded images, so that every padding and grid is available.

    kymatio's object is built on first use in each process and is never part of a pickle.

    Parameters
    ----------
    native : Engine
        Gives the padding, the paths and the output grid.

    Raises
    ------
    ValueError
        If kymatio cannot compute what `native` does: orders above 2, oversampling, or circular axes that need no
        border.
    """

    def __init__(self, native: Engine):
        if native.max_order > 2 or native.oversampling:
            raise ValueError(
                f"engine='kymatio' computes orders 0, 1 and 2 without oversampling, got max_order={native.max_order} "
                f"and oversampling={native.oversampling}. Use engine='native'."
            )
        if native.bank.kind != "morlet" or native.every:
            raise ValueError(
                f"engine='kymatio' computes Morlet wavelets on decreasing paths, got bank={native.bank.kind!r} and "
                f"paths={'all' if native.every else 'decreasing'!r}. Use engine='native'."
            )
        if any(axis.before == axis.after == 0 for axis in native.axes):
            raise ValueError(
                f"engine='kymatio' always pads a border, but a circular axis that 2**J = {2**native.J} divides has "
                "none. Use engine='native'."
            )
        self.native = native
        self._scattering: ScatteringNumPy2D | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"native": self.native, "_scattering": None}

    def prepare(self, dtype: DTypeLike) -> None:
        """Build kymatio's filters once. Call before the threads start."""
        if self._scattering is None:
            # kymatio adds 2^J on either side of a size that 2^J divides: this one leads to our padded size
            size = tuple(axis.padded - 2 * 2**self.native.J for axis in self.native.axes)
            order = max(self.native.max_order, 1)
            self._scattering = ScatteringNumPy2D(self.native.J, size, self.native.L, order, pre_pad=True)

    def __call__(self, x: NDArray, scratch: object = None) -> NDArray:
        """Return the scattering maps (m, n_paths, h', w') of images (m, h, w); `scratch` is not used."""
        self.prepare(x.dtype)
        maps = self._scattering(self.native.pad(x))  # type: ignore[misc]
        return np.asarray(maps[:, : len(self.native.paths)], x.dtype)
