"""The only file that imports kymatio: its NumPy engine behind the call of our own cascades.

kymatio 0.3.0's own entry points fail to import with SciPy >= 1.17; the paths used here work with every SciPy.

Call for call, kymatio 0.3.0 and this library (x are n signals of N samples, or n images of M x N pixels):

======================================================  =========================================================
kymatio                                                 kernelconv
======================================================  =========================================================
``Scattering1D(J, N, Q)(x)``, (n, C, N')                ``Scattering1D(J, Q, scaling="kymatio").fit(x).maps(x)``,
                                                        (n, N', C): paths come last. Without `scaling` the values do
                                                        not depend on the grids they were computed on.
``T=0, out_type="list"``                                ``T=0``; ``maps(x)`` is the list, ``transform(x)`` its rows
mean of each entry of that list                         ``T="global"``
``Q=8``, ``Q=(8,)``, ``Q=(8, 2)``                       the same
``average=False`` (deprecated)                          ``T=0``
``S.meta()``                                            ``meta()``, the same keys; ``paths_`` as named tuples
``S.output_size()``                                     ``len(paths_)``
x of any leading axes                                   ``maps(x)``; ``transform(x)`` makes rows of n signals
``Scattering2D(J, (M, N), L)(x)``, (n, C, M', N')       ``Scattering2D(J, L, grid="kymatio").fit(x).maps(x)``,
                                                        (n, M', N', C); `grid` "centred" loses no border
``out_type="list"``: j, n, theta of each entry          ``meta()``: arrays of these
reflection beyond the edge                              ``padding``: "reflect", or another
``oversampling`` of 1-D                                 ``oversampling``, of both
``backend="torch"``, ``"jax"``                          pass a tensor: ``maps`` and ``transform`` follow it
``kymatio.sklearn``                                     everything here is a transformer, built in ``fit``
======================================================  =========================================================
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from kymatio.scattering2d.frontend.numpy_frontend import ScatteringNumPy2D
from numpy.typing import NDArray

from kernelconv.networks.scattering.geometry import Geometry, consecutive
from kernelconv.networks.scattering.paths import scattering_paths


class Kymatio:
    """Runs kymatio on the images as `geometry` pads them, so that every padding and grid is available.

    kymatio's object is built on first use in each process and is never part of a pickle.

    Parameters
    ----------
    geometry : Geometry
        Gives the padding, the paths and the output grid.

    Raises
    ------
    ValueError
        If kymatio cannot compute it: orders above 2, oversampling, or circular axes that need no border.
    """

    def __init__(self, geometry: Geometry):
        if geometry.max_order > 2 or geometry.oversampling:
            raise ValueError(
                f"engine='kymatio' computes orders 0, 1 and 2 without oversampling, got max_order="
                f"{geometry.max_order} and oversampling={geometry.oversampling}. Use engine='native'."
            )
        if geometry.kind != "morlet" or geometry.every:
            raise ValueError(
                f"engine='kymatio' computes Morlet wavelets on decreasing paths, got bank={geometry.kind!r} and "
                f"paths={'all' if geometry.every else 'decreasing'!r}. Use engine='native'."
            )
        if any(axis.before == axis.after == 0 for axis in geometry.axes):
            raise ValueError(
                f"engine='kymatio' always pads a border, but a circular axis that 2**J = {2**geometry.J} divides has "
                "none. Use engine='native'."
            )
        self.geometry = geometry
        position = {path: i for i, path in enumerate(scattering_paths(geometry.J, geometry.L, geometry.max_order))}
        self._kept = consecutive(np.array([position[path] for path in geometry.paths]))
        self._scattering: ScatteringNumPy2D | None = None
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.geometry,)

    def _kymatio(self) -> ScatteringNumPy2D:
        geometry = self.geometry
        with self._lock:  # whoever is first builds the filters for all threads
            if self._scattering is None:
                # kymatio adds 2^J on either side of a size that 2^J divides: this one leads to our padded size
                size = tuple(n - 2 * 2**geometry.J for n in geometry.padded)
                order = max(geometry.max_order, 1)
                self._scattering = ScatteringNumPy2D(geometry.J, size, geometry.L, order, pre_pad=True)
            return self._scattering

    def __call__(self, x: NDArray) -> NDArray:
        """Return the scattering maps (m, n_paths, h', w') of images (m, h, w)."""
        maps = self._kymatio()(self.geometry.pad(x))  # of every path: kymatio leaves none out
        return np.asarray(maps[:, self._kept], x.dtype)
