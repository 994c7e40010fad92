"""Separable scattering by its formula, in standard array code: what the fast engine is held to."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from kernelconv._arrays import as_complex, modulus, namespace
from kernelconv.networks.scattering.paths import ScatteringPath
from kernelconv.networks.scattering.separable.geometry import SeparableGeometry, border
from kernelconv.operators.patches.borders import padded
from kernelconv.operators.wavelets.separable import WAVELETS, filters


def scattered(geometry: SeparableGeometry, x: Any) -> Any:
    r"""Return the separable scattering of images, scale by scale on a grid half as fine.

    Every map is averaged, :math:`(u * l) \downarrow`, and where its path may go on, :math:`|(u * \psi_k) \downarrow|`
    are the next maps; after J steps they are the coefficients.

    Parameters
    ----------
    geometry : SeparableGeometry
        Paths and borders.
    x : array, shape (n, h, w)
        Real images of any library of the array API standard.

    Returns
    -------
    array, shape (n, n_paths, h', w')
        Of the library and precision of `x`.
    """
    xp, found = namespace(x), {}

    def descend(path: ScatteringPath, u: Any, scale: int) -> None:
        if scale == geometry.J:
            found[path] = u
            return
        descend(path, convolved(u, "l", "l", geometry.padding), scale + 1)
        if path.order < geometry.max_order:
            for t, (rows, columns) in enumerate(WAVELETS):
                filtered = modulus(convolved(u, rows, columns, geometry.padding))
                descend(ScatteringPath((*path.scales, scale), (*path.angles, t)), filtered, scale + 1)

    descend(ScatteringPath((), ()), x, 0)
    return xp.stack([found[path] for path in geometry.paths], axis=1)


def convolved(u: Any, rows: str, columns: str, padding: Any) -> Any:
    """Return every second sample of maps (n, h, w) convolved along both axes by two of `filters`."""
    u = padded(u, border(u.shape[1]), border(u.shape[2]), padding)
    over, along = filters()[rows], filters()[columns]
    h, w = u.shape[1] // 2 - 1, u.shape[2] // 2 - 1
    if over.dtype.kind == "c":
        u = as_complex(u)
    u = _weighted(over, [u[:, k : k + 2 * h - 1 : 2, :] for k in range(4)])
    return _weighted(along, [u[:, :, k : k + 2 * w - 1 : 2] for k in range(4)])


def _weighted(taps: NDArray, maps: list[Any]) -> Any:
    """Return the sum of `maps`, the last sample of the filter by the first map: a convolution turns it round."""
    return sum(tap * u for tap, u in zip(taps[::-1].tolist(), maps, strict=True))
