"""Solid harmonic wavelets of volumes: a harmonic polynomial times a Gaussian."""

from __future__ import annotations

from math import gamma, pi, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import sph_harm_y

from kernelconv._check import Shape, check_count, check_positive
from kernelconv._numbers import shown
from kernelconv.operators.wavelets.band import check_volume_shape, on_band

#: Largest degree of a solid harmonic: beyond it the wavelet turns more often than any grid in memory shows.
MOST_DEGREE = 64


def solid_harmonic(shape: Shape, sigma: float, degree: int, m: int) -> NDArray:
    r"""Return the Fourier transform of a solid harmonic wavelet on a periodic volume.

    .. math:: \psi_{l,m}(u) = \frac{|u|^l\, Y_l^m(u / |u|)\, e^{-|u|^2 / 2 \sigma^2}}
              {\sigma^{l + 3}\, 2^{(l+1)/2}\, \Gamma((l + 3) / 2) \sqrt{4 \pi (2 l + 1)}}, \quad
              \hat\psi_{l,m}(\omega) = \frac{(2 \pi)^{3/2} (-i)^l\, |\sigma \omega|^l\, Y_l^m(\omega / |\omega|)\,
              e^{-\sigma^2 |\omega|^2 / 2}}{2^{(l+1)/2}\, \Gamma((l + 3) / 2) \sqrt{4 \pi (2 l + 1)}}

    :math:`Y_l^m` is SciPy's ``sph_harm_y``, orthonormal on the sphere with Condon and Shortley's phase; its polar axis
    lies along the depth, and its azimuth turns from the width towards the height. The factor makes
    :math:`\int (\sum_m |\psi_{l,m}|^2)^{1/2} = 1` for every degree and scale, as kymatio does.

    Parameters
    ----------
    shape : tuple (d, h, w)
        Voxels of the periodic volume.
    sigma : float
        Standard deviation of the Gaussian in space (voxels).
    degree : int
        l, from 0 to 64.
    m : int
        From -l to l.

    Returns
    -------
    ndarray, shape (d, h, w), complex128
        On the band of the grid alone (`on_band`).

    Raises
    ------
    ValueError
        If a size is not an int >= 1, `sigma` not a finite number > 0, `degree` no int from 0 to 64, or `m` no int from
        -l to l.

    Notes
    -----
    For real volumes x, x * psi_(l,-m) is (-1)^m times the conjugate of x * psi_(l,m).

    References
    ----------
    Eickenberg, Exarchakis, Hirn, Mallat & Thiry (2018), Solid harmonic wavelet scattering for predictions of molecule
    properties, J. Chem. Phys. 148, 241732, section III.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators.wavelets.solid_harmonics import solid_harmonic
    >>> psi = solid_harmonic((9, 9, 9), sigma=1.0, degree=1, m=0)  # the derivative of a Gaussian along the depth
    >>> wave = np.fft.ifftn(psi)
    >>> bool(np.abs(wave.imag).max() < 1e-15), [round(float(v), 3) for v in wave.real[:3, 0, 0]]
    (True, [0.0, 0.024, 0.011])
    """
    sizes = check_volume_shape(shape)
    sigma, degree, m = check_positive(sigma, "sigma"), check_degree(degree, "degree"), check_m(m, degree)
    factor = (2 * pi) ** 1.5 * (-1j) ** degree
    factor /= 2 ** ((degree + 1) / 2) * gamma((degree + 3) / 2) * sqrt(4 * pi * (2 * degree + 1))

    def transform(z: NDArray, y: NDArray, x: NDArray) -> NDArray:
        across = x**2 + y**2
        square = sigma**2 * (z**2 + across)
        harmonic = sph_harm_y(degree, m, np.arctan2(np.sqrt(across), z), np.arctan2(y, x))
        return factor * square ** (degree / 2) * np.exp(-square / 2) * harmonic

    return on_band(transform, sizes)


def check_degree(degree: int, name: str) -> int:
    """Return `degree`, an int from 0 to 64."""
    degree = check_count(degree, name, 0)
    if degree > MOST_DEGREE:
        raise ValueError(f"{name} must be at most {MOST_DEGREE}, the largest degree of a harmonic, got {degree}.")
    return degree


def check_m(m: int, degree: int) -> int:
    """Return `m`, an int from -degree to degree."""
    if isinstance(m, bool) or not isinstance(m, int | np.integer) or abs(int(m)) > degree:
        raise ValueError(f"m must be an int from -{degree} to {degree}, got {shown(m)}.")
    return int(m)
