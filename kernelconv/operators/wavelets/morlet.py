"""Filters in the Fourier domain: Morlet wavelets, Gaussian low-pass, cropping to a coarser grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import as_pair, check_count, check_positive

#: exp(-RADIUS**2 / 2) is below the rounding of float64: a Gaussian is evaluated that many deviations wide.
RADIUS = 9.0


def check_scale(J: int) -> int:
    """Return `J`, an int from 1 to 60: log2 of the largest scale of a bank."""
    J = check_count(J, "J")
    if J > 60:
        raise ValueError(f"J must be at most 60, got {J}: it is the log2 of a scale in px.")
    return J


def gaussian_1d(n: int, sigma: float) -> NDArray:
    r"""Return the discrete Fourier transform of a periodised sampled Gaussian on a line.

    .. math:: \hat g[k] = \sum_{m \in Z} \exp(-\sigma^2 (2 \pi k / n + 2 \pi m)^2 / 2)

    is the transform of :math:`g[u] = \sum_p (2 \pi \sigma^2)^{-1/2} \exp(-(u + p n)^2 / 2 \sigma^2)` (Poisson).

    Parameters
    ----------
    n : int
        Number of samples (px).
    sigma : float
        Standard deviation in space (px).

    Returns
    -------
    ndarray, shape (n,), float64

    Raises
    ------
    ValueError
        If `n` is not an int >= 1 or `sigma` not a finite number > 0.

    Examples
    --------
    >>> from kernelconv.operators.wavelets.morlet import gaussian_1d
    >>> gaussian_1d(8, 2.0).round(4)
    array([1.    , 0.2912, 0.0072, 0.    , 0.    , 0.    , 0.0072, 0.2912])
    """
    n, sigma = check_count(n, "n"), check_positive(sigma, "sigma")
    k = window(n, 0.0, RADIUS / sigma)
    return fold(np.exp(-0.5 * (sigma * 2 * np.pi / n * k) ** 2), int(k[0]), n)


def gaussian(shape: int | tuple[int, int], sigma: float) -> NDArray:
    r"""Return the Fourier transform of the isotropic Gaussian low-pass, :math:`\hat g[k] \hat g[l]`.

    Parameters
    ----------
    shape : int or pair of int
        (height, width) of the periodic image (px).
    sigma : float
        Standard deviation in space (px).

    Returns
    -------
    ndarray, shape (height, width), float64
        Real; entry (0, 0), the mean, is 1 up to aliasing (6e-6 above it at sigma = 0.8).

    Raises
    ------
    ValueError
        If a size is not an int >= 1 or `sigma` not a finite number > 0.

    Examples
    --------
    >>> from kernelconv.operators.wavelets.morlet import gaussian
    >>> gaussian((8, 6), 2.0).shape, round(float(gaussian((8, 6), 2.0)[0, 1]), 4)
    ((8, 6), 0.1116)
    """
    h, w = as_pair(shape, "shape")
    return np.outer(gaussian_1d(h, sigma), gaussian_1d(w, sigma))


def morlet(shape: int | tuple[int, int], sigma: float, theta: float, xi: float, slant: float = 0.5) -> NDArray:
    r"""Return the Fourier transform of a periodised Morlet wavelet of zero mean.

    .. math:: \psi(u) = g_\Sigma(u) (e^{i \xi \langle e_\theta, u \rangle} - K), \quad
              \hat\psi(\omega) = \hat g_\Sigma(\omega - \xi e_\theta) - K \hat g_\Sigma(\omega)

    with :math:`e_\theta = (\cos\theta, \sin\theta)` in (row, column), :math:`g_\Sigma` the Gaussian of unit sum whose
    deviation is `sigma` along :math:`e_\theta` and `sigma / slant` across it, and K such that
    :math:`\hat\psi(0) = 0`.

    Parameters
    ----------
    shape : int or pair of int
        (height, width) of the periodic image (px).
    sigma : float
        Standard deviation of the envelope along the wave (px).
    theta : float
        Direction of the wave (rad), 0 along the rows' axis.
    xi : float
        Frequency of the wave (rad/px).
    slant : float
        Ratio of the envelope's deviations: 1 is round, below 1 elongated along the crests.

    Returns
    -------
    ndarray, shape (height, width), float64
        Real, since the wavelet is Hermitian in space.

    Raises
    ------
    ValueError
        If a size is not an int >= 1, or `sigma`, `xi` or `slant` not a finite number > 0.

    Notes
    -----
    Evaluated in the Fourier domain, only where it exceeds float64 rounding, then periodised by reshape-and-sum:
    O(h w) exponentials, fewer the wider the wavelet.

    References
    ----------
    Bruna & Mallat (2013), Invariant scattering convolution networks, IEEE PAMI 35(8), section 2.1.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators.wavelets.morlet import morlet
    >>> psi = morlet((32, 32), sigma=1.6, theta=0.0, xi=3 * np.pi / 8)
    >>> float(psi[0, 0]), round(float(psi[6, 0]), 3), int(psi.argmax()) == 6 * 32  # 6/32 of a turn a pixel
    (0.0, 0.971, True)
    """
    h, w = as_pair(shape, "shape")
    sigma, xi, slant = check_positive(sigma, "sigma"), check_positive(xi, "xi"), check_positive(slant, "slant")
    wave = _elongated((h, w), sigma, theta, xi, slant)
    envelope = _elongated((h, w), sigma, theta, 0.0, slant)
    psi = wave - wave[0, 0] / envelope[0, 0] * envelope
    psi[0, 0] = 0.0  # exactly, whatever the division rounded to
    return psi


def crop(filters: NDArray, factor: int, axes: tuple[int, ...] = (-2, -1), *, symmetric: bool = False) -> NDArray:
    """Return Fourier-domain `filters` on a grid `factor` times coarser: frequencies beyond its band are dropped.

    Parameters
    ----------
    filters : ndarray
        Fourier transforms; the size along each of `axes` is a multiple of 2 `factor` (of 1 when `factor` is 1).
    factor : int
        Subsampling factor (px).
    axes : tuple of int
        Frequency axes.
    symmetric : bool
        Take the mean of both sides at the coarse Nyquist frequency; by default its negative side.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators.wavelets.morlet import crop
    >>> crop(np.arange(8), 2, axes=(0,))
    array([0, 1, 6, 7])
    """
    for axis in axes:
        n = filters.shape[axis]
        half = n // factor // 2
        keep = np.r_[:half, n - (n // factor - half) : n] if factor > 1 else np.arange(n)
        cropped = np.take(filters, keep, axis=axis)
        if symmetric and factor > 1:
            ends = np.take(filters, [half, n - half], axis=axis).mean(axis=axis)
            np.moveaxis(cropped, axis, 0)[half] = ends
        filters = cropped
    return filters


def _elongated(shape: tuple[int, int], sigma: float, theta: float, xi: float, slant: float) -> NDArray:
    """Transform of the periodised Gaussian of unit sum, elongated across `theta`, moved to frequency `xi`."""
    cos, sin = np.cos(theta), np.sin(theta)
    along, across = sigma**2, (sigma / slant) ** 2
    rows, cols = (
        window(n, xi * e, RADIUS * np.hypot(e / sigma, e2 * slant / sigma))
        for n, e, e2 in zip(shape, (cos, sin), (sin, cos), strict=True)
    )
    u = (2 * np.pi / shape[0] * rows - xi * cos)[:, None]
    v = (2 * np.pi / shape[1] * cols - xi * sin)[None, :]
    form = (
        (along * cos**2 + across * sin**2) * u**2
        + (along * sin**2 + across * cos**2) * v**2
        + 2 * cos * sin * (along - across) * u * v
    )
    values = fold(np.exp(-0.5 * form), int(rows[0]), shape[0])
    return fold(values.T, int(cols[0]), shape[1]).T


def window(n: int, centre: float, radius: float) -> NDArray:
    """Integer frequencies k with 2 pi k / n within `radius` of `centre` (rad/px)."""
    step = 2 * np.pi / n
    return np.arange(np.floor((centre - radius) / step), np.ceil((centre + radius) / step) + 1)


def fold(values: NDArray, start: int, n: int) -> NDArray:
    """Sum rows whose indices start, start + 1, ... agree modulo n; row r of the result is index r modulo n."""
    before = start % n
    periods = -(-(before + len(values)) // n)
    padded = np.zeros((periods * n, *values.shape[1:]))
    padded[before : before + len(values)] = values
    return padded.reshape(periods, n, *values.shape[1:]).sum(axis=0)
