"""3-D scattering by its formula, in standard array code: what the fast engine is held to."""

from __future__ import annotations

from typing import Any

from kernelconv._arrays import as_complex, like, modulus, namespace
from kernelconv.networks.scattering.volumes.geometry import MEAN, Geometry3D, VolumePath

AXES = (-3, -2, -1)


def scattered(geometry: Geometry3D, x: Any) -> Any:
    r"""Return the scattering of volumes, every convolution a product of whole Fourier transforms.

    .. math:: U[p] x = \Big(\sum_{a} |U[p'] x * \psi_{j, a}|^2\Big)^{1/2}, \qquad
              S[p, q] x = \sum_u U[p] x(u)^q \quad\text{or}\quad S[p] x = (U[p] x * \phi_J)(2^J \cdot)

    where p' is the path p less its last scale j and a runs over the wavelets of p at that scale. Integrals of order 0
    are those of :math:`|x|^q`; the local average of order 0 passes no modulus.

    Parameters
    ----------
    geometry : Geometry3D
        Paths, wavelets and averages.
    x : array, shape (n, d, h, w)
        Real volumes of any library of the array API standard.

    Returns
    -------
    array, shape (n, n_paths, n_powers) or (n, n_paths, d', h', w')
        Of the library and precision of `x`.
    """
    xp = namespace(x)
    found: dict[VolumePath, Any] = {}

    def descend(path: VolumePath, u: Any) -> None:
        found[path] = _average(geometry, path, u)
        if geometry.children[path]:
            spectrum = xp.fft.fftn(as_complex(u), axes=AXES)
            for child in geometry.children[path]:
                descend(child, _modulus(geometry, child, spectrum))

    descend(MEAN, x)
    return xp.stack([found[path] for path in geometry.paths], axis=1)


def _modulus(geometry: Geometry3D, path: VolumePath, spectrum: Any) -> Any:
    xp, (scale, places) = namespace(spectrum), geometry.wavelets(path)
    square: Any = 0
    for psi in geometry.filters.wavelets(scale, places):
        by = as_complex(like(psi.real, spectrum)) + 1j * as_complex(like(psi.imag, spectrum))
        wave = xp.fft.ifftn(spectrum * by, axes=AXES)
        square = square + xp.real(wave) ** 2 + xp.imag(wave) ** 2
    return _power(square, 0.5)


def _average(geometry: Geometry3D, path: VolumePath, u: Any) -> Any:
    xp = namespace(u)
    if geometry.method == "integral":
        sizes = u if path.order else modulus(u)
        return xp.stack([xp.sum(_power(sizes, q), axis=AXES) for q in geometry.integral_powers], axis=-1)
    for matrix in geometry.averaging:  # the depth first; what is averaged comes last
        u = xp.tensordot(u, like(matrix, u), axes=((1,), (0,)))
    return u


def _power(u: Any, exponent: float) -> Any:
    """Return u^exponent of u >= 0; at 0 it is 0, and so is its gradient."""
    xp = namespace(u)
    if exponent == 1:
        return u
    there = u > 0
    return xp.where(there, xp.where(there, u, xp.ones_like(u)) ** exponent, xp.zeros_like(u))
