"""Morlet wavelets of volumes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import Shape, check_positive
from kernelconv._numbers import is_number, shown
from kernelconv.operators.wavelets.band import check_volume_shape, on_band


def morlet_3d(shape: Shape, sigma: float, direction: tuple[float, float, float], xi: float) -> NDArray:
    r"""Return the Fourier transform of a Morlet wavelet of zero mean on a periodic volume.

    .. math:: \psi(u) = (2 \pi \sigma^2)^{-3/2} e^{-|u|^2 / 2 \sigma^2} (e^{i \xi \langle e, u \rangle} - K), \quad
              \hat\psi(\omega) = e^{-\sigma^2 |\omega - \xi e|^2 / 2} - K e^{-\sigma^2 |\omega|^2 / 2}

    with e the unit vector along `direction` and :math:`K = e^{-\sigma^2 \xi^2 / 2}`.

    Parameters
    ----------
    shape : tuple (d, h, w)
        Voxels of the periodic volume.
    sigma : float
        Standard deviation of the envelope in space (voxels), the same along all directions.
    direction : tuple of three floats
        Of the wave, along (depth, height, width), of any length > 0.
    xi : float
        Frequency of the wave (rad/voxel).

    Returns
    -------
    ndarray, shape (d, h, w), float64
        Real, since the wavelet is Hermitian in space; on the band of the grid alone (`on_band`).

    Raises
    ------
    ValueError
        If a size is not an int >= 1, `sigma` or `xi` not a finite number > 0, or `direction` not three finite numbers
        of which one is not 0.

    References
    ----------
    Bruna & Mallat (2013), Invariant scattering convolution networks, IEEE PAMI 35(8), section 2.1, in the plane.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators.wavelets.morlet_3d import morlet_3d
    >>> psi = morlet_3d((16, 16, 16), sigma=2.0, direction=(1, 0, 0), xi=3 * np.pi / 8)
    >>> float(psi[0, 0, 0]), round(float(psi[3, 0, 0]), 3), int(psi.argmax()) == 3 * 16 * 16  # 3/16 of a turn a voxel
    (0.0, 0.996, True)
    """
    sizes, sigma, xi = check_volume_shape(shape), check_positive(sigma, "sigma"), check_positive(xi, "xi")
    a, b, c = check_direction(direction)

    def transform(z: NDArray, y: NDArray, x: NDArray) -> NDArray:
        wave = np.exp(-(sigma**2) / 2 * ((z - xi * a) ** 2 + (y - xi * b) ** 2 + (x - xi * c) ** 2))
        return wave - np.exp(-(sigma**2) / 2 * (z**2 + y**2 + x**2 + xi**2))

    psi = on_band(transform, sizes)
    psi[0, 0, 0] = 0.0  # exactly, whatever the difference rounded to
    return psi


def check_direction(direction: tuple[float, float, float]) -> NDArray:
    """Return the unit vector along `direction`."""
    listed = isinstance(direction, tuple | list | np.ndarray) and len(direction) == 3
    if listed and all(is_number(value) for value in direction):
        vector = np.array(direction, dtype=np.float64)
        largest = np.abs(vector).max()
        if 0 < largest < np.inf:
            return vector / largest / np.linalg.norm(vector / largest)
    raise ValueError(f"direction must be three finite numbers, not all of them 0, got {shown(direction)}.")
