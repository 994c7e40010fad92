"""Roto-translation scattering by its formula, in standard array code: what arrays of any library go through."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import as_complex, indices, like, namespace
from kernelconv.networks.scattering.geometry import Geometry
from kernelconv.operators.mappings.nonlinearities import Modulus
from kernelconv.operators.patches.borders import padded
from kernelconv.operators.wavelets.morlet import crop


def roto_translation(x: Any, geometry: Geometry, angular: NDArray) -> Any:
    """Return the coefficients of images `x` (n, h, w, c) as rows (n, c n_paths h' w'), in their library.

    Parameters
    ----------
    x : array (n, h, w, c)
        Images, of floating dtype.
    geometry : Geometry
        Of `ScatteringTransform` with these parameters, ``symmetric``.
    angular : ndarray (K, 2 L)
        Fourier transforms of the filters along the angle, `angular_filters`.
    """
    xp, (n, h, w, c) = namespace(x), x.shape
    gray = xp.reshape(xp.moveaxis(x, -1, 1), (n * c, h, w, 1))
    u = xp.moveaxis(padded(gray, *geometry.borders, geometry.padding), -1, 1)
    first, second = [_low_passed(u, geometry, 0)], []
    for j1 in range(geometry.J):
        moduli = Modulus().definition(_waves(u, geometry, 0, j1))[:, 0, ...]  # (m, L, h1, w1)
        r1 = geometry.target(0, j1)
        turn = xp.concat([moduli, moduli], axis=1)[:, :, None, ...]  # U1 at theta + pi is U1 at theta
        first.append(_over_angles(turn, geometry, angular, r1))
        for j2 in range(j1 + 1, geometry.J) if geometry.max_order == 2 else ():
            turn = _relative(_waves(moduli, geometry, r1, j2))
            second.append(_over_angles(turn, geometry, angular, geometry.target(r1, j2)))
    return xp.reshape(xp.concat(first + second, axis=1), (n, -1))


def _waves(u: Any, geometry: Geometry, resolution: int, j: int) -> Any:
    """Return u * psi_{j, theta} for all angles, (m, p, L, h, w), of maps (m, p, h', w')."""
    xp, step = namespace(u), 2 ** (geometry.target(resolution, j) - resolution)
    filters = like(crop(geometry.bank.psi[j], 2**resolution, symmetric=True), u)
    spectra = xp.fft.fftn(as_complex(u), axes=(-2, -1))[:, :, None, ...]
    return xp.fft.ifftn(spectra * filters, axes=(-2, -1))[..., ::step, ::step]


def _low_passed(u: Any, geometry: Geometry, resolution: int) -> Any:
    """Return maps (..., h, w) averaged and sampled, (..., h', w')."""
    rows, columns = (like(matrix, u) for matrix in geometry.low_pass(resolution))
    return rows @ u @ columns.T


def _relative(waves: Any) -> Any:
    """Return (m, 2 L, L, h, w) from (m, theta, theta', h, w): entry (theta, beta) is theta' = theta + beta.

    Both angles go on beyond a half turn: maps at theta + pi are those at theta, and waves at theta' + pi are
    conjugates of those at theta'.
    """
    xp, (m, L, _, h, w) = namespace(waves), waves.shape
    theta, beta = np.arange(2 * L)[:, None], np.arange(L)
    pair = theta % L * L + (theta + beta) % L
    turned = xp.take(xp.reshape(waves, (m, L * L, h, w)), indices(pair.ravel(), waves), axis=1)
    turned = xp.reshape(turned, (m, 2 * L, L, h, w))
    conjugate = indices(((theta + beta) // L % 2 == 1)[..., None, None], waves)
    return xp.where(conjugate, xp.conj(turned), turned)


def _over_angles(turn: Any, geometry: Geometry, angular: NDArray, resolution: int) -> Any:
    """Return (m, b k, h', w'): |turn * psi_k| along the angles (axis 1 of (m, 2 L, b, h, w)), averaged and low-passed.

    The order of the angles does not matter: the mean is over all of them.
    """
    xp, (m, n, _, h, w) = namespace(turn), turn.shape
    circulants = np.fft.ifft(angular)[:, (np.arange(n)[:, None] - np.arange(n)) % n]
    z = as_complex(turn)
    matrix = as_complex(like(circulants.real, z)) + 1j * as_complex(like(circulants.imag, z))  # (k, i, j)
    z = Modulus().definition(xp.tensordot(z, matrix, axes=((1,), (2,))))  # (m, b, h, w, k, i)
    z = xp.moveaxis(xp.mean(z, axis=-1), -1, 2)
    return _low_passed(xp.reshape(z, (m, -1, h, w)), geometry, resolution)
